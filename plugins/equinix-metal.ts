/**
 * Equinix Metal, formerly Packet (OEM id `packet`). The service ended in June 2026; machines that were moved
 * elsewhere keep the OEM partition.
 *
 * What it knows:
 * - The serial-over-SSH console is ttyS1 at 115200 on x86 machines and ttyAMA0 on arm64 ones
 *   (flatcar/coreos-overlay#229; Equinix Metal, "SOS").
 * - From August 2022 to April 2026 the OEM file asked `if [ "$grub_cpu" = i386 ] || [ "$grub_cpu" = x86_64 ]`.
 *   GRUB's script has no `||`: that is a syntax error, GRUB skips to the next line, and what was meant for x86
 *   runs on every processor. An arm64 machine then has its console on ttyS1 (flatcar/Flatcar#861).
 * - From June 2017 to August 2022 it asked for `i386` alone, which GRUB calls itself on BIOS only: x86 machines
 *   that start by UEFI kept ttyS0.
 *
 * GRUB's own result is what is booted. The consoles change only by `console = "hardware"`.
 */
import type { Edit, PlanContext, Plugin } from "../src/plugin/api.ts";
import { consolesOf } from "../src/plugin/oem_words.ts";

interface Options {
  readonly console: "grub" | "hardware";
}

const OEM_FILE = "/oem/grub.cfg";

export default {
  name: "equinix-metal",
  apiVersion: 1,
  description: "explains the consoles of Equinix Metal machines, and sets them if told to",
  reads: [OEM_FILE],
  options(raw) {
    const value = raw["console"] ?? "grub";
    if (value !== "grub" && value !== "hardware") {
      throw new Error(`console: expected "grub" or "hardware", found ${JSON.stringify(value)}`);
    }
    const unknown = Object.keys(raw).find((key) => key !== "console");
    if (unknown !== undefined) throw new Error(`${unknown}: no such option; there is only console`);
    return { console: value };
  },
  matches: ({ host }) => host.oem.id === "packet",
  hooks: {
    cmdline(context) {
      const wanted = wantedConsoles(context);
      if (context.options.console === "grub" || same(consolesOf(context), wanted)) return null;
      const reason = `the serial-over-SSH console of this machine is ${wanted.at(-1)}`;
      return [
        { kind: "remove", key: "console", reason },
        ...wanted.map((name): Edit => ({ kind: "append", text: `console=${name}`, reason })),
      ];
    },
    check(context) {
      const wanted = wantedConsoles(context);
      const hint =
        `Mend the condition in ${OEM_FILE}, or set console = "hardware" in [plugins.equinix-metal]`;
      const alternative = lineWithAlternative(context.files[OEM_FILE] ?? "");
      const found = consolesOf(context);
      if (alternative !== null) {
        return [{
          level: "info",
          id: "config-not-understood",
          message:
            `${OEM_FILE}:${alternative} joins two tests with "||", which GRUB does not have: it drops ` +
            `the line and runs the block on every processor. This machine gets ${shown(found)}` +
            (same(found, wanted) ? "" : `; its serial console is ${wanted.at(-1)}`),
          hint: 'In GRUB: if [ "$grub_cpu" = i386 -o "$grub_cpu" = x86_64 ]; then …',
        }];
      }
      if (same(found, wanted)) return null;
      return [{
        level: "info",
        message: `This machine gets ${shown(found)} from GRUB; its serial console is ${wanted.at(-1)}`,
        hint,
      }];
    },
  },
} satisfies Plugin<Options>;

function wantedConsoles({ plan }: PlanContext<Options>): readonly string[] {
  return plan.arch === "aarch64" ? ["tty0", "ttyAMA0,115200n8"] : ["tty0", "ttyS1,115200n8"];
}

function same(left: readonly string[], right: readonly string[]): boolean {
  // The last one is /dev/console; whether others are there as well is taste.
  return left.at(-1) === right.at(-1);
}

function shown(names: readonly string[]): string {
  return names.length === 0 ? "no console= at all" : names.map((name) => `console=${name}`).join(" ");
}

/** Line, counted from 1, of an `if` that joins tests with `||`; comments do not count. */
function lineWithAlternative(text: string): number | null {
  const lines = text.split("\n").map((line) => line.trim());
  const index = lines.findIndex((line) => line.startsWith("if ") && line.includes("] || ["));
  return index === -1 ? null : index + 1;
}
