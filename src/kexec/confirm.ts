/**
 * After a boot: what became of the last attempt, what that means for the next, and the try that goes back.
 *
 * @module
 */
import { giveTryBack } from "../gpt/writer.ts";
import type { BlockDevice } from "../gpt/block_device.ts";
import { readGpt } from "../gpt/read.ts";
import { byteRange, partitionByUuid, slotsOf } from "../gpt/select.ts";
import { findBootDisk } from "../host/boot_disk.ts";
import type { Host } from "../host/host.ts";
import { readAttribute, readNumber } from "../host/text.ts";
import {
  type Aftermath,
  type BootTimes,
  confirmBoot,
  decideAftermath,
  decideOwed,
  type GiveBack,
  noteGivenBack,
  noteOwed,
  outcomeOf,
  savedSeconds,
} from "../journal/aftermath.ts";
import type { Attempt } from "../journal/attempt.ts";
import { type BootFacts, type Classification, classifyBoot } from "../journal/classify.ts";
import { bootEntry, type JournalSink } from "../journal/journal_entry.ts";
import { writeMetrics } from "../journal/metrics.ts";
import type { State } from "../journal/state.ts";
import type { StateStore } from "../journal/store.ts";
import { firmwareSeconds, parseUptime, secondsToUserspace } from "../journal/timing.ts";
import { verifyPairing } from "../kernel/verity.ts";
import { KexecError, messageOf } from "../lib/errors.ts";
import type { SystemdControl } from "../systemd/control.ts";

export interface ConfirmPorts {
  readonly host: Host;
  readonly store: StateStore;
  readonly control: Pick<SystemdControl, "numberProperty">;
  readonly journal: JournalSink;
  /** Where a collector of metrics looks; empty: nowhere. */
  readonly metricsFile: string;
  /** Say again that an update waits for its reboot: without it update-engine would raise the running slot. */
  stageUpdateAgain(): void;
  /** Run something with the boot disk open for writing and locked. */
  withDisk<T>(path: string, use: (disk: BlockDevice) => T): T;
  now(): Date;
}

export interface Confirmation {
  readonly classification: Classification;
  readonly aftermath: Aftermath;
  readonly times: BootTimes;
  readonly savedSeconds: number | null;
  readonly gaveBack: boolean;
  /** What became of the try that was at stake, a sentence without a full stop; null where there was none. */
  readonly reason: string | null;
  /** Sentences: files set aside, a try that could not be given back. */
  readonly problems: readonly string[];
}

/** Done once a boot. A second call finds the verdict "none", and only a try that could not go back before to do. */
export function confirmThisBoot(ports: ConfirmPorts): Confirmation {
  const { store } = ports;
  const problems = [
    ...store.setAsideDamaged(readNumber(ports.host, "/sys/kernel/kexec_loaded") === 1),
  ];
  const { value: log } = store.readLog();
  const { value: before } = store.readState();
  const { facts, disk } = bootFacts(ports.host);
  const now = ports.now();
  const classification = classifyBoot(log, before, facts);
  const aftermath = decideAftermath(classification, before, facts, now);
  const times = bootTimes(ports, classification, now);
  const { attempt, verdict } = classification;
  const saved = savedSeconds(classification, before, times);

  const owed = decideOwed(log, before, facts);
  const due = aftermath.giveBack !== null && attempt !== null
    ? { attempt, giveBack: aftermath.giveBack }
    : owed;
  let state = before;
  let gaveBack = false;
  let reason = aftermath.reason ?? owed?.reason ?? null;
  if (due === null || due.giveBack === null || disk === null) state = { ...before, owedTry: null };
  else if (isSameImage(ports.host, disk, due.attempt, before, facts)) {
    const went = giveBack(ports, disk, due.attempt, due.giveBack, before, facts.bootId);
    ({ state, gaveBack } = went);
    if (went.problem !== null) problems.push(reason = went.problem);
  } else {
    state = { ...before, owedTry: null };
    reason = "the try stays spent: the slot may hold another image than the one that lost it";
  }
  if (gaveBack) {
    try {
      ports.stageUpdateAgain();
    } catch (error) {
      problems.push(messageOf(error));
    }
  }

  const done = { classification, aftermath, times, savedSeconds: saved, gaveBack, reason, problems };
  // The attempt was judged by an earlier confirm: only this about it is new.
  const amended = owed !== null && owed.attempt.outcome !== null
    ? { ...owed.attempt.outcome, gaveBack, reason }
    : null;
  if (verdict === "none") {
    if (gaveBack || before.owedTry !== null || state.owedTry !== null) store.writeState(state);
    if (amended !== null) store.appendEvent(amended);
    return done;
  }
  const outcome = outcomeOf(classification, state, facts, times, { gaveBack, reason }, now) ?? amended;
  const confirmed = confirmBoot(state, classification, aftermath, facts, times, now);
  // First what is decided by: a power cut in between costs a line of the log, not the quarantine, and the attempt is
  // not judged again (State.judged).
  store.writeState(confirmed);
  if (outcome !== null) store.appendEvent(outcome);
  ports.journal.send(
    bootEntry(verdict, classification.sentence, attempt, {
      seconds: times.seconds,
      savedSeconds: saved,
      gaveBack,
    }),
  );
  try {
    writeMetrics(ports.metricsFile, confirmed);
  } catch (error) {
    problems.push(messageOf(error));
  }
  return done;
}

interface Giving {
  readonly state: State;
  readonly gaveBack: boolean;
  /** A sentence; null if it went back. */
  readonly problem: string | null;
}

/**
 * Give a try back. That it went is written down before it goes, so that a power cut in between cannot lead to a second
 * one; but only once the disk is open and locked, and it is taken back where the write was refused untouched: else
 * somebody who held the disk for a moment would have cost the update its try.
 */
function giveBack(
  ports: ConfirmPorts,
  disk: string,
  attempt: Attempt,
  slot: GiveBack,
  state: State,
  bootId: string,
): Giving {
  const noted = noteGivenBack(state, attempt, ports.now());
  let isNoted = false;
  try {
    ports.withDisk(disk, (device) => {
      ports.store.writeState(noted);
      isNoted = true;
      giveTryBack(device, slot.partuuid);
    });
    return { state: noted, gaveBack: true, problem: null };
  } catch (error) {
    if (!(error instanceof KexecError)) throw error;
    const name = slot.label === "" ? slot.partuuid : slot.label;
    // Any other error than a failed write says that the disk is as it was (giveTryBack).
    const isUntouched = !isNoted || error.code !== "write-failed";
    if (!isUntouched) {
      return {
        state: noted,
        gaveBack: false,
        problem: `whether ${name} has its try back is not certain, and it is not tried again: ${
          messageOf(error)
        }`,
      };
    }
    const owing = noteOwed(state, attempt, bootId);
    return {
      state: owing,
      gaveBack: false,
      problem: `${name} does not have its try back: ${messageOf(error)}; ${
        owing.owedTry === null ? "it stays spent" : "the next 'flatcar-kexec confirm' tries again"
      }`,
    };
  }
}

/**
 * Whether the slot still holds the /usr that lost its try. In the boot that found it lost it does; later another
 * update may have been installed, and have used up a try of its own.
 */
function isSameImage(
  host: Host,
  disk: string,
  attempt: Attempt,
  { owedTry }: State,
  { bootId }: BootFacts,
): boolean {
  if (owedTry === null || owedTry.attempt !== attempt.id || owedTry.bootId === bootId) return true;
  const block = host.block(disk);
  const gpt = block.ok ? readGpt(block.value) : null;
  if (!block.ok || gpt?.ok !== true || attempt.usrhash === null) return false;
  const partition = partitionByUuid(gpt, attempt.slot.partuuid);
  const range = partition === null ? null : byteRange(gpt, partition);
  return range !== null && verifyPairing(block.value, range, attempt.usrhash, attempt.slot.label).ok;
}

/** What this boot can be told by, and the path of its disk. */
function bootFacts(host: Host): { readonly facts: BootFacts; readonly disk: string | null } {
  const found = findBootDisk(host);
  const block = found.ok ? host.block(found.disk.path) : null;
  const gpt = block?.ok === true ? readGpt(block.value) : null;
  return {
    facts: {
      bootId: readAttribute(host, "/proc/sys/kernel/random/boot_id") ?? "",
      cmdline: readAttribute(host, "/proc/cmdline") ?? "",
      runningPartuuid: found.ok ? found.disk.running?.partuuid ?? null : null,
      kernelRelease: readAttribute(host, "/proc/sys/kernel/osrelease"),
      bootloaderType: readNumber(host, "/proc/sys/kernel/bootloader_type"),
      slots: gpt?.ok === true ? slotsOf(gpt) : null,
    },
    disk: found.ok ? found.disk.path : null,
  };
}

function bootTimes(ports: ConfirmPorts, classification: Classification, now: Date): BootTimes {
  const committedAt = classification.attempt?.committedAt ?? null;
  const uptime = parseUptime(`${readAttribute(ports.host, "/proc/uptime") ?? ""} `);
  const userspace = ports.control.numberProperty("UserspaceTimestampMonotonic");
  return {
    seconds: committedAt === null || uptime === null
      ? null
      : secondsToUserspace(committedAt, { now, uptime, userspace }),
    firmwareSeconds: firmwareSeconds(ports.control.numberProperty("FirmwareTimestampMonotonic")),
  };
}
