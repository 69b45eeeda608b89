/**
 * Where state is kept: an interface, so that a command can be tried without a file system.
 *
 * @module
 */
import type { AttemptEvent, AttemptLog } from "./attempt.ts";
import type { LoadRecord } from "./load_record.ts";
import type { State } from "./state.ts";

/** Something read, and a sentence for each thing about it that could not be trusted. */
export interface Stored<T> {
  readonly value: T;
  readonly problems: readonly string[];
}

/** The next reboot is to go through the firmware; `/run` forgets it at the next boot. */
export interface ColdRequest {
  /** ISO 8601, UTC. */
  readonly at: string;
  /** A sentence. */
  readonly reason: string;
}

/**
 * Reading never changes anything and never throws over bad content: what cannot be trusted counts as absent
 * and is reported. Writing needs the command lock; a file that cannot be trusted is set aside first, as
 * `NAME.corrupt-TIME`, never overwritten.
 */
export interface StateStore {
  readState(): Stored<State>;
  /** @throws {KexecError} `write-failed` */
  writeState(state: State): void;

  readLog(): Stored<AttemptLog>;
  /** On the disk when it returns. @throws {KexecError} `write-failed` */
  appendEvent(event: AttemptEvent): void;

  /** The record of the loaded kernel, null if there is none or it cannot be trusted. */
  readLoad(): Stored<LoadRecord | null>;
  writeLoad(record: LoadRecord): void;
  /** Nothing happens where there is none. */
  removeLoad(): void;

  readCold(): Stored<ColdRequest | null>;
  writeCold(request: ColdRequest): void;
  removeCold(): void;

  /**
   * Set aside everything that cannot be trusted; a sentence for each. While a kernel is loaded its record stays, damaged
   * as it is: commit, which would drop that kernel, runs only if there is one.
   */
  setAsideDamaged(isKernelLoaded: boolean): readonly string[];
}
