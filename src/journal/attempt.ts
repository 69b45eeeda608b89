/**
 * What happened to each kexec: events as lines of `attempts.jsonl`, and the attempts that they add up to.
 *
 * An event is written before the thing that it announces, so a power cut leaves at most one announced thing
 * that did not happen. Fields are only ever added; readers pass over fields, and whole events, that they do not know.
 *
 * @module
 */
import * as v from "valibot";

/** What became of an attempt, or of a boot without one. */
export const VERDICTS = ["arrived", "arrived-elsewhere", "fell-back", "ordinary"] as const;
export type Verdict = (typeof VERDICTS)[number];

const time = v.pipe(v.string(), v.isoTimestamp());
const nullableText = v.nullable(v.string());
const smallCount = v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(15));

const slotSchema = v.looseObject({
  partition: v.pipe(v.number(), v.integer(), v.minValue(1)),
  partuuid: v.string(),
  label: v.string(),
});

const preparedSchema = v.looseObject({
  event: v.literal("prepared"),
  id: v.string(),
  at: time,
  bootId: v.string(),
  tries: v.picklist(["spend", "keep"]),
  slot: slotSchema,
  triesBefore: smallCount,
  triesAfter: smallCount,
  kernelVersion: nullableText,
  usrhash: nullableText,
  cmdline: v.optional(nullableText, null),
  from: v.looseObject({ partuuid: nullableText, kernelRelease: nullableText }),
});

const committedSchema = v.looseObject({ event: v.literal("committed"), id: v.string(), at: time });

const abandonedSchema = v.looseObject({
  event: v.literal("abandoned"),
  id: v.string(),
  at: time,
  reason: v.string(),
  triesLeft: v.optional(v.nullable(smallCount), null),
});

const outcomeSchema = v.looseObject({
  event: v.literal("outcome"),
  id: v.string(),
  at: time,
  bootId: v.string(),
  verdict: v.picklist(VERDICTS),
  sentence: v.string(),
  seconds: v.nullable(v.number()),
  savedSeconds: v.nullable(v.number()),
  gaveBack: v.boolean(),
  reason: v.optional(nullableText, null),
});

const skippedSchema = v.looseObject({
  event: v.literal("skipped"),
  id: nullableText,
  at: time,
  bootId: v.string(),
  stage: v.picklist(["load", "commit"]),
  checks: v.array(v.string()),
  reason: v.string(),
});

const eventSchema = v.variant("event", [
  preparedSchema,
  committedSchema,
  abandonedSchema,
  outcomeSchema,
  skippedSchema,
]);

export interface AttemptSlot {
  /** Partition number, counted from 1. */
  readonly partition: number;
  readonly partuuid: string;
  readonly label: string;
}

/** Commit is about to take a try (or, with `tries = "keep"`, to let the jump go on). */
export interface PreparedEvent {
  readonly event: "prepared";
  readonly id: string;
  /** ISO 8601, UTC. */
  readonly at: string;
  readonly bootId: string;
  readonly tries: "spend" | "keep";
  readonly slot: AttemptSlot;
  /** The slot's tries before commit, and once commit is through: equal when it writes nothing. */
  readonly triesBefore: number;
  readonly triesAfter: number;
  readonly kernelVersion: string | null;
  readonly usrhash: string | null;
  /** As given to kexec. */
  readonly cmdline: string | null;
  readonly from: { readonly partuuid: string | null; readonly kernelRelease: string | null };
}

/** The try is taken and on the disk; systemd jumps next. */
export interface CommittedEvent {
  readonly event: "committed";
  readonly id: string;
  readonly at: string;
}

/** Commit failed after it was prepared and unloaded the kernel. */
export interface AbandonedEvent {
  readonly event: "abandoned";
  readonly id: string;
  readonly at: string;
  readonly reason: string;
  /** The slot's tries at that moment; null or absent if nobody looked. */
  readonly triesLeft?: number | null;
}

/** What confirm found after the boot that followed. */
export interface OutcomeEvent {
  readonly event: "outcome";
  readonly id: string;
  readonly at: string;
  readonly bootId: string;
  readonly verdict: Verdict;
  readonly sentence: string;
  /** From commit to user space, seconds. */
  readonly seconds: number | null;
  /** Firmware and boot loader time not spent, seconds. */
  readonly savedSeconds: number | null;
  readonly gaveBack: boolean;
  /** Why the try went back or did not; null or absent where none was at stake. */
  readonly reason?: string | null;
}

/** Load or commit decided against a kexec: the next reboot is an ordinary one. */
export interface SkippedEvent {
  readonly event: "skipped";
  /** The loaded attempt that was given up, null where nothing was loaded. */
  readonly id: string | null;
  readonly at: string;
  readonly bootId: string;
  readonly stage: "load" | "commit";
  /** Ids of the checks that refused. */
  readonly checks: readonly string[];
  readonly reason: string;
}

export type AttemptEvent = PreparedEvent | CommittedEvent | AbandonedEvent | OutcomeEvent | SkippedEvent;

/** An attempt with everything known of it. */
export interface Attempt extends Omit<PreparedEvent, "event"> {
  /** Time of the `committed` event, null if it never came. */
  readonly committedAt: string | null;
  readonly abandoned: string | null;
  /** The slot's tries when it was abandoned; null if it was not, or nobody looked. */
  readonly triesLeft: number | null;
  readonly outcome: OutcomeEvent | null;
}

export interface AttemptLog {
  /** Oldest first. */
  readonly attempts: readonly Attempt[];
  readonly skips: readonly SkippedEvent[];
}

export const EMPTY_LOG: AttemptLog = { attempts: [], skips: [] };

/** Events in the order of the file, folded into attempts. Events of an attempt never prepared are passed over. */
export function foldEvents(events: readonly AttemptEvent[]): AttemptLog {
  const attempts = new Map<string, Attempt>();
  const skips: SkippedEvent[] = [];
  for (const event of events) {
    const known = event.id === null ? undefined : attempts.get(event.id);
    switch (event.event) {
      case "prepared": {
        const { event: _, ...fields } = event;
        // One that is prepared again is the newest.
        attempts.delete(event.id);
        attempts.set(event.id, {
          ...fields,
          committedAt: null,
          abandoned: null,
          triesLeft: null,
          outcome: null,
        });
        break;
      }
      case "committed":
        if (known !== undefined) attempts.set(event.id, { ...known, committedAt: event.at });
        break;
      case "abandoned":
        if (known !== undefined) {
          const { reason: abandoned, triesLeft = null } = event;
          attempts.set(event.id, { ...known, abandoned, triesLeft });
        }
        break;
      case "outcome":
        if (known !== undefined) attempts.set(event.id, { ...known, outcome: event });
        break;
      case "skipped":
        skips.push(event);
        break;
    }
  }
  return { attempts: [...attempts.values()], skips };
}

/** The newest attempt, if nothing has said yet what became of it. */
export function openAttempt(log: AttemptLog): Attempt | null {
  const last = log.attempts.at(-1);
  return last !== undefined && last.outcome === null ? last : null;
}

export interface ParsedEvents {
  readonly events: readonly AttemptEvent[];
  /** A sentence for each line that could not be read. */
  readonly problems: readonly string[];
}

const kindSchema = v.looseObject({ event: v.string() });
const KNOWN_EVENTS: ReadonlySet<string> = new Set([
  "prepared",
  "committed",
  "abandoned",
  "outcome",
  "skipped",
]);

/**
 * Parse lines of `attempts.jsonl`. A line counts once its line end is there: a power cut can tear the last
 * one, and nothing relied on it yet. Anything else unreadable is reported and passed over.
 */
export function parseEvents(path: string, text: string): ParsedEvents {
  const lines = text.split("\n").slice(0, -1);
  const events: AttemptEvent[] = [];
  const problems: string[] = [];
  lines.forEach((line, index) => {
    if (line === "") return;
    const value = parseJson(line);
    const kind = v.safeParse(kindSchema, value);
    if (!kind.success) {
      problems.push(`${path}:${index + 1} is not an event: found ${excerpt(line)}, expected a JSON object`);
      return;
    }
    if (!KNOWN_EVENTS.has(kind.output.event)) return;
    const event = v.safeParse(eventSchema, value);
    if (event.success) events.push(event.output);
    else {problems.push(
        `${path}:${index + 1} is not a "${kind.output.event}" event: ${issueOf(event.issues[0])}`,
      );}
  });
  return { events, problems };
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function excerpt(line: string): string {
  return JSON.stringify(line.length > 60 ? `${line.slice(0, 60)}…` : line);
}

/** First thing that is wrong with a value, with where it is. */
export function issueOf(issue: v.BaseIssue<unknown>): string {
  const at = v.getDotPath(issue);
  return `${at === null ? "it" : `"${at}"`} is ${issue.received}, expected ${
    issue.expected ?? "something else"
  }`;
}
