/**
 * Entries for the system's journal, with fixed message ids to search by:
 * `journalctl MESSAGE_ID=…` (docs/systemd.md lists them).
 *
 * @module
 */
import type { Attempt, OutcomeEvent, SkippedEvent, Verdict } from "./attempt.ts";
import { oneLine } from "../lib/printable.ts";
import type { LoadRecord } from "./load_record.ts";
import type { ColdRequest } from "./store.ts";

/** Part of the interface: never change one. */
export const MESSAGE_IDS = {
  "loaded": "1bca6f780bba490b83a112aea2c3e97a",
  "skipped": "8feada1ed1564ed68653c6b31f849c29",
  "committed": "f71e06e32fc04484853707ad290248ab",
  "arrived": "4c94063345c343f7a00cbdd77d8a471d",
  "arrived-elsewhere": "081c3bc303f04ab4aa87d6939129a02f",
  "fell-back": "0896da276a2647d78a642cfbc5eb07e6",
  "ordinary": "e886ea3a40ef4bb691f3301d34aa47bb",
} as const;

export type MessageKind = keyof typeof MESSAGE_IDS;

export interface JournalEntry {
  readonly kind: MessageKind;
  readonly message: string;
  /** 0 to 7, as in syslog(3). */
  readonly priority: number;
  /** Names without the `FLATCAR_KEXEC_` that they get in front. */
  readonly fields: Readonly<Record<string, string | number | null>>;
}

/** Something that takes entries: the system's journal, or a test's list. It never throws. */
export interface JournalSink {
  send(entry: JournalEntry): void;
}

const NOTICE = 5;
const WARNING = 4;

function priorityOf(verdict: Verdict): number {
  return verdict === "fell-back" || verdict === "arrived-elsewhere" ? WARNING : NOTICE;
}

/** What is loaded, and what the next reboot makes of it. */
export function loadedSentence(record: LoadRecord, cold: ColdRequest | null, already = false): string {
  const { kernel, slot } = record;
  const what = `Kernel ${kernel.version ?? kernel.path} (${slot.label}) is loaded${
    already ? " already" : ""
  }`;
  return cold === null
    ? `${what}: the next reboot is a kexec`
    : `${what}, but the next reboot is an ordinary one: ${cold.reason} (asked for at ${cold.at}; ` +
      "'flatcar-kexec reboot' takes it back)";
}

export function loadedEntry(record: LoadRecord, cold: ColdRequest | null): JournalEntry {
  const { id, kernel, slot } = record;
  return {
    kind: "loaded",
    message: loadedSentence(record, cold),
    priority: NOTICE,
    fields: { ATTEMPT: id, KERNEL: kernel.version, SLOT: slot.label, PARTUUID: slot.partuuid },
  };
}

export function skippedEntry(event: SkippedEvent): JournalEntry {
  return {
    kind: "skipped",
    message: `No kexec, the next reboot is an ordinary one: ${event.reason}`,
    priority: NOTICE,
    fields: { ATTEMPT: event.id, STAGE: event.stage, CHECKS: event.checks.join(" ") },
  };
}

export function committedEntry(record: LoadRecord, triesAfter: number): JournalEntry {
  const { id, kernel, slot } = record;
  return {
    kind: "committed",
    message: `Going by kexec to kernel ${
      kernel.version ?? kernel.path
    } (${slot.label}), tries left ${triesAfter}`,
    priority: NOTICE,
    fields: {
      ATTEMPT: id,
      KERNEL: kernel.version,
      SLOT: slot.label,
      PARTUUID: slot.partuuid,
      TRIES: triesAfter,
    },
  };
}

/** A confirmed boot; `attempt` is null where it had none. */
export function bootEntry(
  verdict: Verdict,
  sentence: string,
  attempt: Attempt | null,
  outcome: Pick<OutcomeEvent, "seconds" | "savedSeconds" | "gaveBack">,
): JournalEntry {
  return {
    kind: verdict,
    message: capitalize(sentence),
    priority: priorityOf(verdict),
    fields: {
      ATTEMPT: attempt?.id ?? null,
      KERNEL: attempt?.kernelVersion ?? null,
      SLOT: attempt?.slot.label ?? null,
      PARTUUID: attempt?.slot.partuuid ?? null,
      SECONDS: outcome.seconds,
      SAVED_SECONDS: outcome.savedSeconds,
      TRY_GIVEN_BACK: outcome.gaveBack ? 1 : 0,
    },
  };
}

/**
 * An entry as lines of `FIELD=value` for `logger --journald` (logger(1)). A line is a field, so line ends in values
 * become blanks: otherwise a value could add fields of its own.
 */
export function entryLines(entry: JournalEntry): string {
  const fields = Object.entries(entry.fields).flatMap(([name, value]) =>
    value === null ? [] : [`FLATCAR_KEXEC_${name}=${oneLine(String(value))}`]
  );
  return [
    `MESSAGE=${oneLine(entry.message)}`,
    `MESSAGE_ID=${MESSAGE_IDS[entry.kind]}`,
    `PRIORITY=${entry.priority}`,
    "SYSLOG_IDENTIFIER=flatcar-kexec",
    ...fields,
    "",
  ].join("\n");
}

function capitalize(sentence: string): string {
  return sentence.charAt(0).toUpperCase() + sentence.slice(1);
}
