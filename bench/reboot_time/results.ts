/**
 * results.json: what was measured, as it was measured, and what follows from it.
 *
 * @module
 */
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import * as v from "valibot";
import { type Moment, type Phase, PHASES, type Reboot, type Way } from "./phases.ts";

export const RESULTS: URL = new URL("results.json", import.meta.url);

export const FIRMWARES = ["seabios", "ovmf"] as const;
export type Firmware = (typeof FIRMWARES)[number];

/** One run of QEMU with the reboots in it. */
export interface Run {
  readonly firmware: Firmware;
  /** Day, ISO 8601. */
  readonly date: string;
  readonly qemu: string;
  readonly grub: string;
  readonly kernel: string;
  readonly systemd: string;
  readonly reboots: readonly Reboot[];
}

const ResultsSchema = v.object({
  version: v.literal(1),
  runs: v.array(v.object({
    firmware: v.picklist(FIRMWARES),
    date: v.pipe(v.string(), v.isoDate()),
    qemu: v.string(),
    grub: v.string(),
    kernel: v.string(),
    systemd: v.string(),
    reboots: v.array(v.object({
      way: v.picklist(["kexec", "firmware"]),
      parts: v.array(v.object({ phase: v.picklist(PHASES), wall: v.number(), cpu: v.number() })),
    })),
  })),
});

/** None where there is no such file yet. @throws {Error} if it is not what this program writes. */
export function readResults(file: URL): readonly Run[] {
  return existsSync(file) ? v.parse(ResultsSchema, JSON.parse(readFileSync(file, "utf8"))).runs : [];
}

/** All reboots of machines with this firmware, over all runs. */
export function rebootsUnder(runs: readonly Run[], firmware: Firmware): readonly Reboot[] {
  return runs.filter((run) => run.firmware === firmware).flatMap((run) => run.reboots);
}

/** To hundredths of a second, which is what the processor's time is known to. */
export function writeResults(file: URL, runs: readonly Run[]): void {
  const sorted = FIRMWARES.flatMap((firmware) => runs.filter((run) => run.firmware === firmware));
  const hundredths = (_key: string, value: unknown): unknown =>
    typeof value === "number" ? Math.round(value * 100) / 100 : value;
  writeFileSync(file, `${JSON.stringify({ version: 1, runs: sorted }, hundredths, 2)}\n`);
}

/** The median of what each part took over the reboots that went this way, in their order. */
export function medianParts(all: readonly Reboot[], way: Way): ReadonlyMap<Phase, Moment> {
  const medians = new Map<Phase, Moment>();
  const reboots = all.filter((one) => one.way === way);
  for (const phase of PHASES) {
    const parts = reboots.flatMap((one) => one.parts.filter((part) => part.phase === phase));
    if (parts.length === 0) continue;
    medians.set(phase, {
      wall: median(parts.map((part) => part.wall)),
      cpu: median(parts.map((part) => part.cpu)),
    });
  }
  return medians;
}

/** Of an even number, the mean of the two in the middle. @param values At least one. */
function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = [sorted[Math.ceil(sorted.length / 2) - 1], sorted[Math.floor(sorted.length / 2)]];
  return middle.reduce<number>((sum, value) => sum + (value ?? NaN), 0) / 2;
}

/** Sum of the medians of a way's parts, all or some of them. */
export function seconds(all: readonly Reboot[], way: Way, phases: readonly Phase[] = PHASES): Moment {
  const medians = medianParts(all, way);
  let wall = 0, cpu = 0;
  for (const phase of phases) {
    wall += medians.get(phase)?.wall ?? 0;
    cpu += medians.get(phase)?.cpu ?? 0;
  }
  return { wall, cpu };
}

/** From the old kernel's last line to the new one's first: all that a kexec replaces. */
export const GAP: readonly Phase[] = ["firmware", "loader", "jump"];
/** From there on, and with what came before, but without the command: the kernel is usually loaded long before. */
export const LOADED_BEFORE: readonly Phase[] = PHASES.filter((phase) => phase !== "command");

/** Kexec's seconds to the firmware's. */
export function ratio(all: readonly Reboot[], phases: readonly Phase[] = PHASES): Moment {
  const kexec = seconds(all, "kexec", phases);
  const firmware = seconds(all, "firmware", phases);
  return { wall: kexec.wall / firmware.wall, cpu: kexec.cpu / firmware.cpu };
}
