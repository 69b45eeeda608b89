/**
 * What earlier kexecs mean for the next one, as the checks read it.
 *
 * @module
 */
import type { KexecHistory } from "../checks/check.ts";
import type { Host } from "../host/host.ts";
import { EMPTY_STATE, parseState, STATE_FILE } from "./state.ts";

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
    return { history: { consecutive: 0, quarantined: [] }, problems: missing ? [] : [found.failure.message] };
  }
  const parsed = parseState(STATE_FILE, new TextDecoder().decode(found.value));
  const state = parsed.ok ? parsed.value : EMPTY_STATE;
  return {
    history: { consecutive: state.consecutive, quarantined: state.quarantined },
    problems: parsed.ok ? [] : [parsed.problem],
  };
}
