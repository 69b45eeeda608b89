/**
 * What earlier kexecs mean for the next one, as the checks read it.
 *
 * @module
 */
import type { Host } from "../host/host.ts";
import { type KernelIdentity, sameKernel } from "../kernel/identity.ts";
import { EMPTY_STATE, parseState, STATE_FILE } from "./state.ts";

/** A kernel that is not to be started by kexec again, since it did not arrive. */
export interface QuarantineEntry {
  readonly kernelVersion: string | null;
  /** Root hash of the slot's /usr, 64 lower-case hex digits. */
  readonly usrhash: string | null;
  readonly partuuid: string;
  /** A sentence. */
  readonly reason: string;
  /** ISO 8601, UTC. */
  readonly at: string;
  /** The attempt that failed. */
  readonly attempt: string;
}

export interface KexecHistory {
  /** Kexecs in a row that led to the running system; 0 after a boot through the firmware. */
  readonly consecutive: number;
  readonly quarantined: readonly QuarantineEntry[];
}

export const NO_HISTORY: KexecHistory = { consecutive: 0, quarantined: [] };

/** The entry that bars a kernel from kexec, or null. */
export function quarantineOf(history: KexecHistory, kernel: KernelIdentity): QuarantineEntry | null {
  return history.quarantined.find((entry) => sameKernel(entry, kernel)) ?? null;
}

/** Whether the limit of kexecs in a row is reached, so that the next reboot goes through the firmware. */
export function limitReached(history: KexecHistory, maxConsecutive: number): boolean {
  return maxConsecutive > 0 && history.consecutive >= maxConsecutive;
}

export interface ObservedHistory {
  readonly history: KexecHistory;
  /** Sentences about a state file that could not be used. */
  readonly problems: readonly string[];
}

/**
 * The history as the host has it, read through {@link Host} so that a snapshot keeps it. A host without the
 * file has no history; one that cannot be used is reported, and counts as none.
 */
export function readHistory(host: Host): ObservedHistory {
  const found = host.read(STATE_FILE);
  if (!found.ok) {
    const missing = found.failure.kind === "missing" || found.failure.kind === "not-recorded";
    return { history: NO_HISTORY, problems: missing ? [] : [found.failure.message] };
  }
  const parsed = parseState(STATE_FILE, new TextDecoder().decode(found.value));
  const state = parsed.ok ? parsed.value : EMPTY_STATE;
  return {
    history: { consecutive: state.consecutive, quarantined: state.quarantined },
    problems: parsed.ok ? [] : [parsed.problem],
  };
}
