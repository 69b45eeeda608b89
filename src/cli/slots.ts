import type { Host } from "../host/host.ts";
import { realPathOf } from "../host/live.ts";
import { findBootDisk } from "../host/boot_disk.ts";
import { withDisk } from "../gpt/block_device.ts";
import { type Gpt, readGpt, requireGpt, tableDigest } from "../gpt/read.ts";
import { repairFault } from "../gpt/repair.ts";
import { nextSlot, slotsOf, triesAfter } from "../gpt/select.ts";
import type { SlotState } from "../gpt/slot.ts";
import { spendTry } from "../gpt/writer.ts";
import { EXIT, KexecError } from "../lib/errors.ts";
import type { PlannedSlot } from "../plan/plan.ts";
import { command } from "./command.ts";
import { HOST_ARGS, hostOptions, openHost, OUTPUT_ARGS } from "./host_options.ts";
import { renderSlots } from "./render_plan.ts";
import { painter, printable } from "./terminal.ts";

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
    const gpt = readTable(host, path);
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
    const isSpent = args.spend === true && chosen !== null && chosen.gptWrite;
    const after = isSpent ? nextSlot(readTable(host, path)) : next;
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
          spent: isSpent,
          nextAfter: after === null ? null : plannedSlot(after, running),
        })
      }\n`);
    } else if (args.quiet !== true) {
      const lines = [
        `Slots on ${path} (${gpt.sectorSize}-byte sectors)`,
        renderSlots(planned, chosen, painter(terminal.color), isSpent ? "try taken" : "next"),
        ...damageLines(gpt),
        ...(chosen !== null && isSpent
          ? [`Took one of the tries of ${nameOf(chosen)}, as GRUB does to boot it: ${chosen.triesAfter} left`]
          : []),
        after === null ? noSlotSentence(gpt) : `GRUB takes ${nameOf(after)} next`,
        ...(chosen !== null && args.spend === true && !isSpent
          ? ["It has no tries to take: nothing was written"]
          : []),
      ];
      terminal.out(`${lines.join("\n")}\n`);
    }
    return chosen === null ? EXIT.refused : EXIT.done;
  },
});

/** The slot as the plan's JSON has it. */
function plannedSlot(slot: SlotState, running: string | null): PlannedSlot {
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

function readTable(host: Host, path: string): Gpt {
  const device = host.block(path);
  if (!device.ok) {
    throw new KexecError("disk-unreadable", `Cannot read the slots: ${device.failure.message}`);
  }
  return requireGpt(readGpt(device.value), path);
}

function nameOf(slot: SlotState): string {
  return `${printable(slot.label)} (partition ${slot.partition})`;
}

function damageLines(gpt: Gpt): readonly string[] {
  return (["primary", "backup"] as const).filter((copy) => gpt[copy] === "invalid")
    .map((copy) => `The ${copy} GPT is invalid: ${gpt.reasons[copy]}`);
}

function noSlotSentence(gpt: Gpt): string {
  const fault = repairFault(gpt);
  return fault === null
    ? "GRUB finds no slot to boot: none has both a priority and a try left or the mark of success"
    : `GRUB finds no slot to boot: it cannot repair the partition table: ${fault}`;
}
