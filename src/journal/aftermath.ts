/**
 * What a boot's verdict changes: the count of kexecs in a row, the quarantine, and the try that goes back.
 *
 * @module
 */
import type { SlotState } from "../gpt/slot.ts";
import type { Attempt, AttemptLog, OutcomeEvent } from "./attempt.ts";
import type { BootFacts, Classification } from "./classify.ts";
import { type KernelIdentity, sameKernel } from "../kernel/identity.ts";
import type { FirmwareTime, QuarantineEntry, State } from "./state.ts";

/** The slot whose try goes back: its counter is 0 and becomes 1. */
export interface GiveBack {
  readonly partition: number;
  readonly partuuid: string;
  readonly label: string;
}

export interface Aftermath {
  readonly giveBack: GiveBack | null;
  /** Why the try goes back or does not, a sentence without a full stop; null where no try was at stake. */
  readonly reason: string | null;
  /** The kernel that kexec is not to start again. */
  readonly quarantine: QuarantineEntry | null;
}

const NOTHING: Aftermath = { giveBack: null, reason: null, quarantine: null };

/**
 * Decide what follows from a boot that did not arrive by the kexec that was committed.
 *
 * A try goes back once for an attempt and once for a kernel, and only where nobody but the kexec can have used
 * it up: commit took the last one, the counter still is where commit left it (0, from which GRUB does not boot), the
 * slot is still the first choice and unproven, and the running slot, which GRUB falls back to, is bootable.
 *
 * A power cut after commit's "prepared" and before its write looks the same once GRUB has taken the try and the slot
 * has failed: then a try goes back that was used up. Once for a kernel, which is quarantined: one more power cycle.
 */
export function decideAftermath(
  classification: Classification,
  state: State,
  facts: BootFacts,
  now: Date,
): Aftermath {
  const { attempt, verdict } = classification;
  if (attempt === null || attempt.outcome !== null) return NOTHING;
  switch (verdict) {
    case "arrived":
    case "arrived-elsewhere":
    case "none":
      return NOTHING;
    case "fell-back":
    case "ordinary": {
      const decided = decideGiveBack(attempt, state, facts);
      // The try that went back is the last one that can: it is not to be risked on kexec again.
      const failed = classification.isCertain && jumped(attempt);
      const isBarred = failed || decided.giveBack !== null;
      const quarantine = isBarred ? quarantineEntry(attempt, classification.sentence, now) : null;
      return { ...decided, quarantine };
    }
  }
}

/** A kexec that commit gave up, or did not get to the end of, says nothing about the kernel. */
function jumped(attempt: Attempt): boolean {
  return attempt.committedAt !== null && attempt.abandoned === null;
}

function quarantineEntry(attempt: Attempt, reason: string, now: Date): QuarantineEntry {
  return { ...kernelOf(attempt), reason, at: now.toISOString(), attempt: attempt.id };
}

function kernelOf(attempt: Attempt): KernelIdentity {
  return {
    kernelVersion: attempt.kernelVersion,
    usrhash: attempt.usrhash,
    partuuid: attempt.slot.partuuid,
  };
}

function decideGiveBack(
  attempt: Attempt,
  state: State,
  facts: BootFacts,
): Pick<Aftermath, "giveBack" | "reason"> {
  const keep = (reason: string | null) => ({ giveBack: null, reason });
  if (attempt.tries === "keep" || attempt.triesAfter === attempt.triesBefore) return keep(null);
  if (facts.slots === null) return keep("the try stays spent: the partition table cannot be read");
  const slot = facts.slots.find((slot) => slot.partuuid === attempt.slot.partuuid);
  if (slot === undefined) {
    return keep(`the try stays spent: there is no slot ${attempt.slot.partuuid} any more`);
  }
  const name = slot.label === "" ? slot.partuuid : slot.label;
  if (slot.tries === attempt.triesBefore) return keep(null);
  if (attempt.triesLeft === attempt.triesBefore) {
    return keep("the try stays spent: GRUB took it itself, commit gave up before it had taken one");
  }
  if (slot.successful) return keep(`the try stays spent: ${name} is marked good and needs none`);
  if (attempt.triesAfter > 0 && slot.tries > 0) return keep(null);
  if (attempt.triesAfter > 0) {
    return keep(
      `the try stays spent: ${name} has 0 tries left, commit left ${attempt.triesAfter}, so GRUB booted it as well`,
    );
  }
  if (facts.runningPartuuid === null) {
    return keep("the try stays spent: it cannot be told which slot is running");
  }
  if (facts.runningPartuuid === slot.partuuid) {
    return keep(`the try stays spent: ${name} is running`);
  }
  const running = facts.slots.find((slot) => slot.partuuid === facts.runningPartuuid);
  if (running === undefined || !isBootable(running)) {
    return keep(
      "the try stays spent: the running slot is not one that GRUB would boot, so there is no way back",
    );
  }
  const higher = facts.slots.find((other) => other !== slot && other.priority >= slot.priority);
  if (higher !== undefined) {
    return keep(
      `the try stays spent: ${name} (priority ${slot.priority}) is no longer the first choice, ` +
        `${higher.label} has priority ${higher.priority}`,
    );
  }
  const before = state.givenBack.find((entry) =>
    entry.attempt === attempt.id || sameKernel(entry, kernelOf(attempt))
  );
  if (before !== undefined) {
    return keep(`the try stays spent: one was given back for this kernel already, at ${before.at}`);
  }
  return {
    giveBack: { partition: slot.partition, partuuid: slot.partuuid, label: slot.label },
    reason: `${name} gets its try back: the next reboot takes it through the firmware`,
  };
}

/** How often a try that was to go back, and could not, is tried in all. */
export const GIVE_BACK_LIMIT = 5;

/** A try that an earlier confirm could not give back. */
export interface OwedDecision extends Pick<Aftermath, "giveBack" | "reason"> {
  readonly attempt: Attempt;
}

/**
 * What is to be done now about a try that an earlier confirm could not give back; null where none is owed. A kexec
 * that was tried since puts an end to it: what the counter holds is of that one's making.
 */
export function decideOwed(log: AttemptLog, state: State, facts: BootFacts): OwedDecision | null {
  const attempt = log.attempts.at(-1);
  if (state.owedTry === null || attempt === undefined || attempt.id !== state.owedTry.attempt) return null;
  return { attempt, ...decideGiveBack(attempt, state, facts) };
}

/** The state after a try could not be given back, with nothing written to the disk. */
export function noteOwed(state: State, attempt: Attempt, bootId: string): State {
  const before = state.owedTry?.attempt === attempt.id ? state.owedTry.failures : 0;
  const failures = before + 1;
  return {
    ...state,
    owedTry: failures < GIVE_BACK_LIMIT ? { attempt: attempt.id, bootId, failures } : null,
  };
}

function isBootable(slot: SlotState): boolean {
  return slot.priority > 0 && (slot.successful || slot.tries > 0);
}

/**
 * The state to write before a try is given back: a power cut right after the write to the disk must lead neither to
 * a second one, nor to a kexec that risks it.
 */
export function noteGivenBack(state: State, attempt: Attempt, now: Date): State {
  const entry = { ...kernelOf(attempt), attempt: attempt.id, at: now.toISOString() };
  const quarantine = quarantineEntry(attempt, "the try that a kexec took was given back", now);
  return {
    ...state,
    givenBack: [...state.givenBack, entry],
    owedTry: null,
    quarantined: withEntry(state.quarantined, quarantine),
  };
}

/** One entry stands for a kernel: the newest. */
function withEntry(
  quarantined: readonly QuarantineEntry[],
  added: QuarantineEntry,
): readonly QuarantineEntry[] {
  return [...quarantined.filter((entry) => !sameKernel(entry, added)), added];
}

/** What confirm measured; null where it could not be. */
export interface BootTimes {
  /** From commit to user space, seconds. */
  readonly seconds: number | null;
  /** Firmware and boot loader time of this boot, as systemd reports it; stale after a kexec. */
  readonly firmwareSeconds: number | null;
}

/** Seconds of firmware and boot loader time that this boot did without: what the last one through them took. */
export function savedSeconds(classification: Classification, state: State, times: BootTimes): number | null {
  if (classification.verdict !== "arrived" && classification.verdict !== "arrived-elsewhere") return null;
  return state.firmware?.seconds ?? times.firmwareSeconds;
}

/** The state once a boot is confirmed; verdict `none` changes nothing. */
export function confirmBoot(
  state: State,
  classification: Classification,
  aftermath: Aftermath,
  facts: BootFacts,
  times: BootTimes,
  now: Date,
): State {
  const { verdict, attempt } = classification;
  if (verdict === "none") return state;
  const at = now.toISOString();
  const byKexec = verdict === "arrived" || verdict === "arrived-elsewhere";
  // Where it cannot be told, the count goes up: the firmware is due once too often rather than never.
  const mayBeKexec = byKexec || !classification.isCertain;
  const saved = savedSeconds(classification, state, times);
  const firmware: FirmwareTime | null = !byKexec && times.firmwareSeconds !== null
    ? { seconds: times.firmwareSeconds, bootId: facts.bootId, at }
    : state.firmware;
  const arrivedKernel = verdict === "arrived" && attempt !== null ? kernelOf(attempt) : null;
  const kept = state.quarantined.filter((entry) =>
    arrivedKernel === null || !sameKernel(entry, arrivedKernel)
  );
  const added = aftermath.quarantine;
  return {
    ...state,
    consecutive: mayBeKexec ? state.consecutive + 1 : 0,
    quarantined: added === null ? kept : withEntry(kept, added),
    firmware,
    judged: attempt?.id ?? state.judged,
    lastBoot: {
      bootId: facts.bootId,
      verdict,
      attempt: attempt?.id ?? null,
      sentence: classification.sentence,
      at,
      seconds: times.seconds,
      savedSeconds: saved,
    },
    totals: {
      ...state.totals,
      [verdict]: state.totals[verdict] + 1,
      savedSeconds: state.totals.savedSeconds + (saved ?? 0),
    },
  };
}

/** The event that closes an attempt; null where there is none to close. */
export function outcomeOf(
  classification: Classification,
  state: State,
  facts: BootFacts,
  times: BootTimes,
  back: { readonly gaveBack: boolean; readonly reason: string | null },
  now: Date,
): OutcomeEvent | null {
  const { attempt, verdict, sentence } = classification;
  if (attempt === null || verdict === "none") return null;
  return {
    event: "outcome",
    id: attempt.id,
    at: now.toISOString(),
    bootId: facts.bootId,
    verdict,
    sentence,
    seconds: times.seconds,
    savedSeconds: savedSeconds(classification, state, times),
    ...back,
  };
}
