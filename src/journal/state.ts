/**
 * `/var/lib/flatcar-kexec/state.json`: what is remembered from boot to boot.
 *
 * Versions: fields are added, never removed, and never change their meaning; `version` rises to announce
 * additions. A reader takes what it knows from any version, and a writer keeps the fields it does not know, so
 * that the previous version of the tool can run for a while (Flatcar goes back a slot) without losing what the
 * next one wrote.
 *
 * @module
 */
import * as v from "valibot";
import type { QuarantinedKernel } from "../checks/check.ts";
import { issueOf, type Verdict, VERDICTS } from "./attempt.ts";

export const STATE_FOLDER = "/var/lib/flatcar-kexec";
export const STATE_FILE: string = `${STATE_FOLDER}/state.json`;
const STATE_VERSION = 1;

/** Longest lists that are kept; the oldest entries go first. */
const LIST_LIMIT = 32;

/** A kernel that is not to be started by kexec again, since it did not arrive. */
export interface QuarantineEntry extends QuarantinedKernel {
  /** The attempt that failed. */
  readonly attempt: string;
}

/** A try that was given back: never twice for one kernel. */
export interface GivenBack {
  readonly attempt: string;
  readonly kernelVersion: string | null;
  readonly usrhash: string | null;
  readonly partuuid: string;
  readonly at: string;
}

/** A try that was to go back, and could not, without anything having been written: a later confirm tries again. */
export interface OwedTry {
  readonly attempt: string;
  /** The boot in which it was last tried. */
  readonly bootId: string;
  /** How often it was tried. */
  readonly failures: number;
}

/** How long firmware and boot loader took the last time they ran. */
export interface FirmwareTime {
  readonly seconds: number;
  readonly bootId: string;
  readonly at: string;
}

/** How a boot came about. */
export interface BootRecord {
  readonly bootId: string;
  readonly verdict: Verdict;
  readonly attempt: string | null;
  readonly sentence: string;
  readonly at: string;
  readonly seconds: number | null;
  readonly savedSeconds: number | null;
}

export interface State {
  readonly consecutive: number;
  readonly quarantined: readonly QuarantineEntry[];
  readonly givenBack: readonly GivenBack[];
  readonly owedTry: OwedTry | null;
  readonly firmware: FirmwareTime | null;
  /** The last boot that was confirmed. */
  readonly lastBoot: BootRecord | null;
  /** The newest attempt that a boot was judged against, so that no attempt is judged twice. */
  readonly judged: string | null;
  /** Boots by how they came about, since the state file was made, and the seconds of firmware time saved. */
  readonly totals: Readonly<Record<Verdict, number>> & { readonly savedSeconds: number };
}

export const EMPTY_STATE: State = {
  consecutive: 0,
  quarantined: [],
  givenBack: [],
  owedTry: null,
  firmware: null,
  lastBoot: null,
  judged: null,
  totals: { "arrived": 0, "arrived-elsewhere": 0, "fell-back": 0, "ordinary": 0, "savedSeconds": 0 },
};

const nullableText = v.nullable(v.string());
const time = v.pipe(v.string(), v.isoTimestamp());
const count = v.pipe(v.number(), v.integer(), v.minValue(0));
const seconds = v.pipe(v.number(), v.minValue(0));

const kernelFields = { kernelVersion: nullableText, usrhash: nullableText, partuuid: v.string() };

const stateSchema = v.looseObject({
  version: v.pipe(v.number(), v.integer(), v.minValue(1)),
  consecutive: count,
  quarantined: v.array(v.looseObject({ ...kernelFields, reason: v.string(), at: time, attempt: v.string() })),
  givenBack: v.optional(v.array(v.looseObject({ ...kernelFields, at: time, attempt: v.string() })), []),
  owedTry: v.optional(
    v.nullable(v.looseObject({ attempt: v.string(), bootId: v.string(), failures: count })),
    null,
  ),
  firmware: v.optional(v.nullable(v.looseObject({ seconds, bootId: v.string(), at: time })), null),
  lastBoot: v.optional(
    v.nullable(v.looseObject({
      bootId: v.string(),
      verdict: v.picklist(VERDICTS),
      attempt: nullableText,
      sentence: v.string(),
      at: time,
      seconds: v.nullable(seconds),
      savedSeconds: v.nullable(seconds),
    })),
    null,
  ),
  judged: v.optional(nullableText, null),
  totals: v.optional(
    v.looseObject({
      "arrived": count,
      "arrived-elsewhere": count,
      "fell-back": count,
      "ordinary": count,
      "savedSeconds": seconds,
    }),
    () => ({ ...EMPTY_STATE.totals }),
  ),
});

export type ParsedState =
  | { readonly ok: true; readonly value: State; readonly raw: Readonly<Record<string, unknown>> }
  | { readonly ok: false; readonly problem: string };

export function parseState(path: string, text: string): ParsedState {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    return {
      ok: false,
      problem: `${path} is not JSON: it is ${text.length} characters long and was torn or edited`,
    };
  }
  const parsed = v.safeParse(stateSchema, json);
  if (!parsed.success) {
    return { ok: false, problem: `${path} is not a state file: ${issueOf(parsed.issues[0])}` };
  }
  const { consecutive, quarantined, givenBack, owedTry, firmware, lastBoot, judged, totals } = parsed.output;
  return {
    ok: true,
    value: { consecutive, quarantined, givenBack, owedTry, firmware, lastBoot, judged, totals },
    raw: parsed.output,
  };
}

/**
 * The text to write.
 *
 * @param raw The object on the disk before, whose unknown fields and higher version are kept.
 */
export function serializeState(state: State, raw: Readonly<Record<string, unknown>> = {}): string {
  const before = raw["version"];
  const version = typeof before === "number" && before > STATE_VERSION ? before : STATE_VERSION;
  const bounded = {
    ...state,
    quarantined: state.quarantined.slice(-LIST_LIMIT),
    givenBack: state.givenBack.slice(-LIST_LIMIT),
  };
  return JSON.stringify({ ...raw, ...bounded, version }, null, 2) + "\n";
}
