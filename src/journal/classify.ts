/**
 * What this boot is to the attempt before it.
 *
 * @module
 */
import type { SlotState } from "../gpt/slot.ts";
import { markerOf } from "../kernel/marker.ts";
import { type Attempt, type AttemptLog, openAttempt, type SkippedEvent, type Verdict } from "./attempt.ts";
import type { State } from "./state.ts";

export interface BootFacts {
  /** `/proc/sys/kernel/random/boot_id`. */
  readonly bootId: string;
  /** `/proc/cmdline`. */
  readonly cmdline: string;
  /** PARTUUID of the slot under the running /usr, null if it cannot be told. */
  readonly runningPartuuid: string | null;
  /** `uname -r`. */
  readonly kernelRelease: string | null;
  /** `/proc/sys/kernel/bootloader_type`, null where there is none (it is x86's). */
  readonly bootloaderType: number | null;
  /** The slots as the partition table has them now, null if it cannot be read. */
  readonly slots: readonly SlotState[] | null;
}

export interface Classification {
  /** `none`: this boot is confirmed already, or the attempt was made in it. */
  readonly verdict: Verdict | "none";
  /** The attempt that the verdict is about, null if there is none. */
  readonly attempt: Attempt | null;
  /** Whether the verdict is known, not only taken for the likelier one: no kernel is barred on a guess. */
  readonly isCertain: boolean;
  /** A sentence without a full stop. */
  readonly sentence: string;
}

/**
 * Whether a kexec started the running kernel, null if nothing tells. x86 keeps the type of boot loader in the
 * upper four bits and its version in the lower ones; kexec is type 0xD (kernel
 * Documentation/arch/x86/boot.rst, `type_of_loader`; Documentation/admin-guide/sysctl/kernel.rst).
 */
export function cameByKexec(facts: BootFacts): boolean | null {
  if (facts.bootloaderType !== null && facts.bootloaderType !== 0) {
    return facts.bootloaderType >> 4 === 0xd;
  }
  return markerOf(facts.cmdline) === null ? null : true;
}

export function classifyBoot(log: AttemptLog, state: State, facts: BootFacts): Classification {
  if (state.lastBoot?.bootId === facts.bootId) {
    return { verdict: "none", attempt: null, isCertain: true, sentence: state.lastBoot.sentence };
  }
  const attempt = openAttempt(log);
  // Confirm writes the state and the log one after the other; a power cut in between must not judge twice.
  if (attempt === null || attempt.id === state.judged) return withoutAttempt(log, state, facts);
  if (attempt.bootId === facts.bootId) {
    return {
      verdict: "none",
      attempt,
      isCertain: true,
      sentence: `the host has not rebooted since attempt ${attempt.id}`,
    };
  }
  const marker = markerOf(facts.cmdline);
  const byKexec = cameByKexec(facts);
  if (byKexec === true) return afterKexec(attempt, marker, facts);
  if (byKexec === null && mayHaveArrived(attempt, facts)) {
    const told = counterTells(attempt, facts);
    if (told === true) return afterKexec(attempt, null, facts);
    if (told === null) return unknown(attempt, facts);
  }
  return afterFirmware(attempt, facts);
}

function afterKexec(attempt: Attempt, marker: string | null, facts: BootFacts): Classification {
  const found = describeRunning(facts);
  const planned = describePlanned(attempt);
  if (marker !== null && marker !== attempt.id) {
    return {
      verdict: "arrived-elsewhere",
      attempt,
      isCertain: true,
      sentence: `this boot came by a kexec that carries the mark ${marker}, expected ${attempt.id}: ${found}`,
    };
  }
  if (!isPlanned(attempt, facts)) {
    return {
      verdict: "arrived-elsewhere",
      attempt,
      isCertain: true,
      sentence: `this boot came by kexec, but to ${found}; planned was ${planned}`,
    };
  }
  return { verdict: "arrived", attempt, isCertain: true, sentence: `this boot came by kexec: ${found}` };
}

function afterFirmware(attempt: Attempt, facts: BootFacts): Classification {
  const found = describeRunning(facts);
  const planned = describePlanned(attempt);
  if (attempt.abandoned !== null) {
    return {
      verdict: "ordinary",
      attempt,
      isCertain: true,
      sentence: `this boot came through the firmware: the kexec was given up: ${attempt.abandoned}`,
    };
  }
  if (attempt.committedAt === null) {
    return {
      verdict: "fell-back",
      attempt,
      isCertain: true,
      sentence:
        `the kexec to ${planned} was cut short before the jump; this boot came through the firmware: ${found}`,
    };
  }
  return {
    verdict: "fell-back",
    attempt,
    isCertain: true,
    sentence: `the kexec to ${planned} did not arrive; this boot came through the firmware: ${found}`,
  };
}

function withoutAttempt(log: AttemptLog, state: State, facts: BootFacts): Classification {
  const marker = markerOf(facts.cmdline);
  if (cameByKexec(facts) === true) {
    const whose = marker === null || log.attempts.some((attempt) => attempt.id === marker)
      ? "not one of flatcar-kexec"
      : `its mark is ${marker}, of which nothing is recorded`;
    return {
      verdict: "arrived-elsewhere",
      attempt: null,
      isCertain: true,
      sentence: `this boot came by a kexec, ${whose}: ${describeRunning(facts)}`,
    };
  }
  const skip = skipBefore(log, state);
  const why = skip === null ? "" : `: the kexec was skipped: ${skip.reason}`;
  return {
    verdict: "ordinary",
    attempt: null,
    isCertain: true,
    sentence: `this boot came through the firmware${why}`,
  };
}

/** Why the boot before this one did without a kexec, where it said so. */
function skipBefore(log: AttemptLog, state: State): SkippedEvent | null {
  const last = log.skips.at(-1);
  return last !== undefined && last.bootId === state.lastBoot?.bootId ? last : null;
}

/** Whether nothing speaks against an arrival: what was planned runs, and carries no mark because it was given none. */
function mayHaveArrived(attempt: Attempt, facts: BootFacts): boolean {
  const isMarked = attempt.cmdline !== null && markerOf(attempt.cmdline) !== null;
  return attempt.abandoned === null && !isMarked && isPlanned(attempt, facts);
}

/**
 * Without a mark and off x86, whether the slot's counter shows that a kexec booted it, null if it does not tell. GRUB
 * takes a try whenever there is one, and does not boot a slot that has none and is not marked good.
 */
function counterTells(attempt: Attempt, facts: BootFacts): boolean | null {
  const slot = facts.slots?.find((slot) => slot.partuuid === attempt.slot.partuuid);
  // Whether the counter ever got to what commit meant it to be is not known before that was written down.
  if (slot === undefined || attempt.committedAt === null) return null;
  if (slot.tries === attempt.triesAfter) return slot.tries > 0 || !slot.successful ? true : null;
  // Marking it good takes the counter to 0 as well; who raised it is not known.
  return slot.successful || slot.tries > attempt.triesAfter ? null : false;
}

function unknown(attempt: Attempt, facts: BootFacts): Classification {
  return {
    verdict: "ordinary",
    attempt,
    isCertain: false,
    sentence: `it cannot be told whether this boot came by kexec or through the firmware: ${
      describeRunning(facts)
    }, as planned`,
  };
}

function isPlanned(attempt: Attempt, facts: BootFacts): boolean {
  const slot = facts.runningPartuuid === null || facts.runningPartuuid === attempt.slot.partuuid;
  const kernel = attempt.kernelVersion === null || facts.kernelRelease === null ||
    attempt.kernelVersion === facts.kernelRelease;
  return slot && kernel;
}

function describeRunning(facts: BootFacts): string {
  return describe(facts.kernelRelease, labelOf(facts));
}

function describePlanned(attempt: Attempt): string {
  return describe(attempt.kernelVersion, attempt.slot.label);
}

function describe(version: string | null, label: string | null): string {
  const kernel = version === null ? "a kernel of unknown version" : `kernel ${version}`;
  return label === null ? kernel : `${kernel} (${label})`;
}

function labelOf(facts: BootFacts): string | null {
  const slot = facts.slots?.find((slot) => slot.partuuid === facts.runningPartuuid);
  return slot === undefined || slot.label === "" ? facts.runningPartuuid : slot.label;
}
