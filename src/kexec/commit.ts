/**
 * The last step before the jump: see that everything is as it was when the kernel was loaded, take one try,
 * and write down that it was taken. Whatever is in doubt drops the kernel, and systemd goes on with an
 * ordinary reboot by itself.
 *
 * @module
 */
import { withDisk } from "../gpt/block_device.ts";
import { readGpt } from "../gpt/read.ts";
import { slotsOf } from "../gpt/select.ts";
import { spendTry } from "../gpt/writer.ts";
import { firmwareRequests } from "../host/firmware_requests.ts";
import type { Host } from "../host/host.ts";
import { openAttempt, type SkippedEvent } from "../journal/attempt.ts";
import type { LoadRecord } from "../journal/load_record.ts";
import type { StateStore } from "../journal/store.ts";
import { KexecError, messageOf } from "../lib/errors.ts";
import { type KexecMachine, unloadKernel } from "./kexec_tools.ts";
import { type Mounter, withLateFiles } from "./late_mounts.ts";
import { recheckDisk, recheckedPaths, recheckFiles } from "./recheck.ts";

export interface CommitPorts {
  readonly host: Host;
  readonly machine: KexecMachine;
  readonly store: StateStore;
  readonly mounter: Mounter;
  /** Whether the reboot under way ends in a kexec; null where nobody can tell. */
  jumpIsKexec(): boolean | null;
  /** Put devices and services at rest; a sentence for each step that failed and must not. */
  quiesce(record: LoadRecord): readonly string[];
  readonly bootId: string | null;
  /** How to unload a kernel whose record cannot be read. */
  readonly fallback: LoadRecord["kexec"];
  now(): Date;
}

export type CommitOutcome =
  /** No kernel of ours is loaded: whatever reboot is under way is none of our business. */
  | { readonly kind: "nothing-loaded"; readonly note: string | null }
  /** The reboot under way goes through the firmware; the kernel was dropped, no try was taken. */
  | { readonly kind: "firmware"; readonly reason: string }
  /** Something changed since load: the kernel was dropped, an ordinary reboot follows. */
  | { readonly kind: "vetoed"; readonly reasons: readonly string[]; readonly event: SkippedEvent }
  | { readonly kind: "committed"; readonly record: LoadRecord; readonly triesAfter: number };

/**
 * @throws {KexecError} if the try could not be taken; the kernel is dropped before.
 */
export function commitLoaded(ports: CommitPorts): CommitOutcome {
  const stored = ports.store.readLoad();
  const record = stored.value;
  const isLoaded = ports.machine.isLoaded();
  if (record === null) {
    if (stored.problems.length === 0) return { kind: "nothing-loaded", note: null };
    // A kernel is loaded that we know nothing of any more: it may be ours, so it must not run.
    return veto(ports, null, stored.problems);
  }
  if (isLoaded === false) {
    return { kind: "nothing-loaded", note: `kernel ${record.kernel.path} was loaded, and is not any more` };
  }
  try {
    return commitRecord(ports, record);
  } catch (error) {
    drop(ports, record);
    attempt(() => giveUp(ports, record, messageOf(error)));
    throw error;
  }
}

/**
 * After a commit that did not come to its end, because it was killed, ran out of time or could not start: see
 * that nothing is loaded, and leave word for the next boot. The command lock is not asked for: whoever holds it may
 * be why commit failed.
 *
 * @param reason A sentence.
 * @returns What was written down, null if commit had the last word itself.
 * @throws {KexecError} `kexec-failed` if a kernel is loaded and stays so.
 */
export function noteFailedCommit(
  ports: Pick<CommitPorts, "host" | "machine" | "store" | "now">,
  reason: string,
): SkippedEvent | null {
  const record = ports.store.readLoad().value;
  if (record === null) return null;
  const { program, syscall } = record.kexec;
  if (ports.machine.isLoaded() === true) unloadKernel(ports.machine, program, syscall);
  const event = giveUp(ports, record, reason);
  attempt(() => ports.store.removeLoad());
  return event;
}

/**
 * An attempt that was begun is abandoned; before that it is only skipped, and nothing was at stake. With it goes what
 * the counter holds now: a try that GRUB takes on the way to the next boot is not to be taken for ours.
 */
function giveUp(
  ports: Pick<CommitPorts, "host" | "store" | "now">,
  record: LoadRecord,
  reason: string,
): SkippedEvent {
  const at = ports.now().toISOString();
  const skipped = skippedAtCommit(record.id, record.bootId, at, reason);
  const isBegun = openAttempt(ports.store.readLog().value)?.id === record.id;
  ports.store.appendEvent(
    isBegun
      ? { event: "abandoned", id: record.id, at, reason, triesLeft: triesLeft(ports.host, record) }
      : skipped,
  );
  return skipped;
}

/** The slot's tries as the disk has them now, null if that cannot be told. */
function triesLeft(host: Host, record: LoadRecord): number | null {
  const block = host.block(record.disk);
  const gpt = block.ok ? readGpt(block.value) : null;
  if (gpt?.ok !== true) return null;
  return slotsOf(gpt).find((slot) => slot.partuuid === record.slot.partuuid)?.tries ?? null;
}

function skippedAtCommit(id: string | null, bootId: string, at: string, reason: string): SkippedEvent {
  return { event: "skipped", id, at, bootId, stage: "commit", checks: [], reason };
}

function commitRecord(ports: CommitPorts, record: LoadRecord): CommitOutcome {
  const cold = ports.store.readCold().value;
  if (cold !== null) return veto(ports, record, [`an ordinary reboot was asked for: ${cold.reason}`]);
  if (ports.jumpIsKexec() === false) {
    drop(ports, record);
    return { kind: "firmware", reason: "the reboot under way does not go through kexec" };
  }
  const changes = changesSince(ports, record);
  if (changes.length > 0) return veto(ports, record, changes);
  const restless = ports.quiesce(record);
  if (restless.length > 0) return veto(ports, record, restless);
  const spends = record.tries === "spend" && record.slot.gptWrite;
  const triesAfter = spends ? record.slot.triesAfter : record.slot.tries;
  ports.store.appendEvent({
    event: "prepared",
    id: record.id,
    at: ports.now().toISOString(),
    bootId: record.bootId,
    tries: record.tries,
    slot: { partition: record.slot.partition, partuuid: record.slot.partuuid, label: record.slot.label },
    triesBefore: record.slot.tries,
    triesAfter,
    kernelVersion: record.kernel.version,
    usrhash: record.kernel.usrhash,
    cmdline: record.cmdline,
    from: {
      partuuid: record.slots.find((slot) => slot.running)?.partuuid ?? null,
      kernelRelease: release(ports.host),
    },
  });
  if (spends) {
    withDisk(
      record.disk,
      {},
      (disk) => spendTry(disk, { slot: record.slot, tableDigest: record.tableDigest }),
    );
  }
  // Only a remark: "prepared" is on the disk, and with the try taken the jump is the better way out.
  attempt(() =>
    ports.store.appendEvent({ event: "committed", id: record.id, at: ports.now().toISOString() })
  );
  return { kind: "committed", record, triesAfter };
}

function changesSince(ports: CommitPorts, record: LoadRecord): readonly string[] {
  if (record.bootId !== ports.bootId) {
    return [
      `the load record is of another boot (${record.bootId}, this one is ${ports.bootId ?? "unknown"})`,
    ];
  }
  const requests = firmwareRequests(ports.host).filter(({ variable }) =>
    !record.firmwareRequests.includes(variable)
  );
  if (requests.length > 0) return requests.map((request) => request.message);
  const block = ports.host.block(record.disk);
  if (!block.ok) return [block.failure.message];
  const disk = recheckDisk(block.value, record);
  if (disk.length > 0) return disk;
  return withLateFiles(
    ports.host,
    record.disk,
    recheckedPaths(record),
    ports.mounter,
    (host) => recheckFiles(host, record),
  );
}

function veto(ports: CommitPorts, record: LoadRecord | null, reasons: readonly string[]): CommitOutcome {
  if (ports.machine.isLoaded() !== false) drop(ports, record);
  const event = skippedAtCommit(
    record?.id ?? null,
    ports.bootId ?? "",
    ports.now().toISOString(),
    reasons.join("; "),
  );
  attempt(() => ports.store.appendEvent(event));
  return { kind: "vetoed", reasons, event };
}

/** The veto that systemd heeds: with nothing loaded its kexec comes back, and it reboots. */
function drop(ports: CommitPorts, record: LoadRecord | null): void {
  const { program, syscall } = record?.kexec ?? ports.fallback;
  unloadKernel(ports.machine, program, syscall);
  attempt(() => ports.store.removeLoad());
}

/** Bookkeeping that must not get in the way of the veto it accompanies. */
function attempt(action: () => void): void {
  try {
    action();
  } catch (error) {
    if (!(error instanceof KexecError)) throw error;
  }
}

function release(host: Host): string | null {
  const read = host.read("/proc/sys/kernel/osrelease");
  return read.ok ? new TextDecoder().decode(read.value).trim() : null;
}
