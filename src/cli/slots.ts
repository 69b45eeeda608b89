import type { Host } from "../host/host.ts";
import { realPathOf } from "../host/live.ts";
import { findBootDisk } from "../host/boot_disk.ts";
import { withDisk } from "../gpt/block_device.ts";
import { type Gpt, readGpt, requireGpt, tableDigest } from "../gpt/read.ts";
import { nextSlot, slotsOf, triesAfter } from "../gpt/select.ts";
import type { SlotState } from "../gpt/slot.ts";
import { spendTry } from "../gpt/writer.ts";
import { EXIT, KexecError } from "../lib/errors.ts";
import type { PlannedSlot } from "../plan/plan.ts";
import { command } from "./command.ts";
import { HOST_ARGS, hostOptions, openHost, OUTPUT_ARGS } from "./host_options.ts";
import { renderSlots } from "./render_plan.ts";
import { painter } from "./terminal.ts";

export const slots = command({
  name: "slots",
  description: "The A/B slots and the one GRUB would take next",
  args: {
    ...HOST_ARGS,
    spend: { type: "boolean", description: "take one try of the next slot, as GRUB does; writes the GPT" },
    ...OUTPUT_ARGS,
  },
  run({ args, terminal }) {
    const host = openHost(args);
    const { path, running } = bootDisk(host);
    const device = host.block(path);
    if (!device.ok) {
      throw new KexecError("disk-unreadable", `Cannot read the slots: ${device.failure.message}`);
    }
    const gpt = requireGpt(readGpt(device.value), path);
    const all = slotsOf(gpt);
    if (all.length === 0) {
      throw new KexecError(
        "not-flatcar",
        `Cannot read the slots: ${path} has no partition of Flatcar's /usr type among its ${gpt.entries.length}`,
        { hint: "name the disk that Flatcar is installed on with --disk" },
      );
    }
    const next = nextSlot(gpt);
    const planned = all.map((slot) => plannedSlot(slot, running));
    const chosen = planned.find((slot) => slot.partition === next?.partition) ?? null;
    if (args.spend === true && next !== null) {
      withDisk(
        realPathOf(hostOptions(args), path),
        { sectorSize: gpt.sectorSize === 4096 ? 4096 : 512 },
        (disk) => {
          // As GRUB does: also the last try of the last slot.
          spendTry(disk, { slot: next, tableDigest: tableDigest(gpt) }, { evenIfLast: true });
        },
      );
    }
    if (args.json === true) {
      terminal.out(`${
        JSON.stringify({
          version: 1,
          disk: path,
          sectorSize: gpt.sectorSize,
          primary: gpt.primary,
          backup: gpt.backup,
          slots: planned,
          next: chosen,
          spent: args.spend === true && chosen !== null && chosen.gptWrite,
        })
      }\n`);
    } else if (args.quiet !== true) {
      terminal.out(`${text(path, gpt, planned, chosen, args.spend === true, terminal.color)}\n`);
    }
    return chosen === null ? EXIT.refused : EXIT.done;
  },
});

/** The slot as the plan's JSON has it. */
export function plannedSlot(slot: SlotState, running: string | null): PlannedSlot {
  return {
    ...slot,
    triesAfter: triesAfter(slot),
    gptWrite: slot.tries > 0,
    running: slot.partuuid === running,
  };
}

function bootDisk(host: Host): { readonly path: string; readonly running: string | null } {
  const found = findBootDisk(host);
  if (!found.ok) throw new KexecError(found.id, found.message, { hint: found.hint });
  return { path: found.disk.path, running: found.disk.running?.partuuid ?? null };
}

function text(
  path: string,
  gpt: Gpt,
  all: readonly PlannedSlot[],
  next: PlannedSlot | null,
  spent: boolean,
  color: boolean,
): string {
  const damaged = (["primary", "backup"] as const).filter((copy) => gpt[copy] === "invalid");
  const lines = [
    `Slots on ${path} (${gpt.sectorSize}-byte sectors)`,
    renderSlots(all, next, painter(color)),
    ...damaged.map((copy) => `The ${copy} GPT is invalid: ${gpt.reasons[copy]}`),
    next === null
      ? "GRUB finds no slot to boot: none has both a priority and a try left or the mark of success"
      : `GRUB takes ${next.label} (partition ${next.partition}) next`,
    ...(spent && next !== null
      ? [
        next.gptWrite
          ? `Took one of its tries: ${next.triesAfter} left`
          : "It has no tries to take: nothing was written",
      ]
      : []),
  ];
  return lines.join("\n");
}
