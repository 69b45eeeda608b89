/**
 * The only code that writes to a disk: it changes one slot's tries in both copies of the GPT.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import { KexecError, messageOf } from "../lib/errors.ts";
import type { BlockDevice } from "./block_device.ts";
import { type Gpt, readGpt, requireGpt, tableDigest } from "./read.ts";
import { nextSlot, slotsOf } from "./select.ts";
import type { SlotState } from "./slot.ts";
import { planGiveBack, planSpend, type SpendPlan, type Structure, type WriteStep } from "./spend.ts";

/** What a plan saw and the disk must still hold. */
export interface SpendExpectation {
  /** The slot that was chosen, with the counters it had. */
  readonly slot: SlotState;
  /** {@link tableDigest} of the GPT that was read. */
  readonly tableDigest: string;
}

export interface SpendOptions {
  /** Take a try even if GRUB then finds no slot to boot, as GRUB itself would. */
  readonly evenIfLast?: boolean;
}

export interface SpendResult {
  readonly slot: SlotState;
  readonly triesAfter: number;
  /** Structures that were changed, in the order of writing; empty if nothing had to be. */
  readonly written: readonly Structure[];
  /** Bytes handed to the device: whole sectors that differed. */
  readonly bytesWritten: number;
  /** Copies that were invalid before and are valid now. */
  readonly repaired: readonly ("primary" | "backup")[];
}

/** A run of whole sectors. */
interface Run {
  readonly offset: number;
  readonly bytes: Uint8Array;
}

function refuse(device: BlockDevice, action: string, why: string): KexecError {
  return new KexecError("gpt-invalid", `Cannot ${action} on ${device.path}: ${why}`, {
    hint: "an ordinary reboot leaves it to GRUB",
  });
}

/** The sectors that must change for the disk to hold `bytes` at `offset`; the rest of each stays as it is. */
function changedSectors(device: BlockDevice, offset: number, bytes: Uint8Array): readonly Run[] {
  const size = device.sectorSize;
  const start = Math.floor(offset / size) * size;
  const end = Math.ceil((offset + bytes.length) / size) * size;
  const read = device.read(start, end - start);
  if (!read.ok) throw new KexecError("write-failed", read.failure.message);
  const wanted = read.value.slice();
  wanted.set(bytes, offset - start);
  const runs: Run[] = [];
  let first: number | null = null;
  for (let at = 0; at <= wanted.length; at += size) {
    const differs = at < wanted.length &&
      Buffer.compare(wanted.subarray(at, at + size), read.value.subarray(at, at + size)) !== 0;
    if (differs) {
      first ??= at;
    } else if (first !== null) {
      runs.push({ offset: start + first, bytes: wanted.subarray(first, at) });
      first = null;
    }
  }
  return runs;
}

interface Written {
  readonly structures: readonly Structure[];
  readonly bytes: number;
}

function perform(device: BlockDevice, steps: readonly WriteStep[]): Written {
  const structures: Structure[] = [];
  let bytes = 0;
  for (const step of steps) {
    if (step.kind === "barrier") {
      device.sync();
      continue;
    }
    const runs = changedSectors(device, step.offset, step.bytes);
    for (const run of runs) {
      device.write(run.offset, run.bytes);
      bytes += run.bytes.length;
    }
    if (runs.length > 0) structures.push(step.structure);
  }
  return { structures, bytes };
}

/** Both copies valid, holding the table that was meant, and the disk holding every byte that was planned. */
function verify(device: BlockDevice, plan: Extract<SpendPlan, { kind: "write" }>): string | null {
  const gpt = readGpt(device);
  if (!gpt.ok) return `primary GPT: ${gpt.reasons.primary}; backup GPT: ${gpt.reasons.backup}`;
  if (gpt.primary === "invalid") return `primary GPT: ${gpt.reasons.primary}`;
  if (gpt.backup === "invalid") return `backup GPT: ${gpt.reasons.backup}`;
  const same = gpt.table.length === plan.table.length &&
    gpt.table.every((byte, at) => byte === plan.table[at]);
  return same ? null : "the entry table is not the one that was written";
}

function describe(slot: SlotState): string {
  return `priority ${slot.priority}, tries ${slot.tries}, successful ${slot.successful ? 1 : 0}`;
}

/** What a disk on which writing broke off is worth, for the message. */
function afterFailure(device: BlockDevice): string {
  const gpt = readGpt(device);
  if (!gpt.ok) return "the partition table cannot be read back";
  const next = nextSlot(gpt);
  if (next === null) return "GRUB would find no slot to boot";
  return `GRUB would now take partition ${next.partition} (${describe(next)})`;
}

function apply(device: BlockDevice, gpt: Gpt, slot: SlotState, plan: SpendPlan, action: string): SpendResult {
  if (plan.kind === "refused") throw refuse(device, action, plan.reason);
  if (plan.kind === "nothing") {
    return { slot, triesAfter: plan.triesAfter, written: [], bytesWritten: 0, repaired: [] };
  }
  let written: Written;
  try {
    written = perform(device, plan.steps);
  } catch (error) {
    throw new KexecError(
      "write-failed",
      `Cannot ${action} on ${device.path}: ${messageOf(error)}; ${afterFailure(device)}`,
      { cause: error, hint: "take an ordinary reboot, and look at the disk: dmesg, smartctl" },
    );
  }
  const fault = verify(device, plan);
  if (fault !== null) {
    throw new KexecError(
      "write-failed",
      `Cannot ${action} on ${device.path}: reading back what was written: ${fault}; ${afterFailure(device)}`,
    );
  }
  return {
    slot,
    triesAfter: plan.triesAfter,
    written: written.structures,
    bytesWritten: written.bytes,
    repaired: (["primary", "backup"] as const).filter((copy) => gpt[copy] === "invalid"),
  };
}

function sameSlot(left: SlotState, right: SlotState): boolean {
  return left.partition === right.partition && left.partuuid === right.partuuid &&
    left.priority === right.priority && left.tries === right.tries && left.successful === right.successful;
}

/**
 * Take one try of the slot that a plan chose, exactly as GRUB would on booting it, with an order of writes
 * that survives a power cut at any point (see spend.ts). Only sectors that differ are written. Nothing is
 * written if no tries are left.
 *
 * The caller holds the device's lock ({@link openDisk}).
 *
 * @throws {KexecError} `slot-changed` if GRUB's choice or the table is no longer what the plan saw; `no-slot` if
 * GRUB would be left without a slot to boot; `gpt-invalid` if there is no valid GPT or it cannot be written
 * safely; `disk-unreadable`; `write-failed`. Except for `write-failed`, the disk is as it was.
 */
export function spendTry(
  device: BlockDevice,
  expectation: SpendExpectation,
  options: SpendOptions = {},
): SpendResult {
  const action = `take a try of partition ${expectation.slot.partition}`;
  const gpt = requireGpt(readGpt(device), device.path);
  const next = nextSlot(gpt);
  if (next === null || !sameSlot(next, expectation.slot)) {
    const found = next === null ? "no slot" : `partition ${next.partition} with ${describe(next)}`;
    throw new KexecError(
      "slot-changed",
      `Cannot ${action} on ${device.path}: GRUB would now take ${found}, planned was partition ` +
        `${expectation.slot.partition} with ${describe(expectation.slot)}`,
    );
  }
  const digest = tableDigest(gpt);
  if (digest !== expectation.tableDigest) {
    throw new KexecError(
      "slot-changed",
      `Cannot ${action} on ${device.path}: the partition table has changed since it was planned: its SHA-256 is ` +
        `${digest}, planned was ${expectation.tableDigest}`,
    );
  }
  const plan = planSpend(gpt, next);
  if (plan.kind === "write" && plan.nextAfter === null && options.evenIfLast !== true) {
    throw new KexecError(
      "no-slot",
      `Cannot ${action} on ${device.path}: it is the last try of the last bootable slot; if it fails, GRUB has ` +
        "nothing left to boot",
      { hint: "an ordinary reboot leaves it to GRUB" },
    );
  }
  return apply(device, gpt, next, plan, action);
}

/**
 * Give a slot one try again that a failed kexec has cost it: `tries` becomes 1, nothing else changes, written
 * in the same safe order.
 *
 * @param partuuid The slot's unique GUID, either case.
 * @throws {KexecError} `slot-changed` unless the slot has the highest priority, no tries, is not successful, and
 * would then be GRUB's choice; else as {@link spendTry}.
 */
export function giveTryBack(device: BlockDevice, partuuid: string): SpendResult {
  const action = `give a try back to ${partuuid}`;
  const gpt = requireGpt(readGpt(device), device.path);
  const found = slotsOf(gpt).filter((slot) => slot.partuuid === partuuid.toLowerCase());
  const slot = found[0];
  if (slot === undefined || found.length > 1) {
    throw new KexecError(
      "slot-changed",
      `Cannot ${action} on ${device.path}: ${found.length} slots have that unique GUID, expected one`,
    );
  }
  const plan = planGiveBack(gpt, slot);
  if (plan.kind === "unfit") {
    throw new KexecError("slot-changed", `Cannot ${action} on ${device.path}: ${plan.reason}`);
  }
  return apply(device, gpt, slot, plan, action);
}
