/**
 * Checking what an external plugin answered. The answer comes from a process that ran somebody else's code, so
 * nothing about it is taken for granted, and no text of it reaches a terminal unfiltered.
 *
 * @module
 */
import * as v from "valibot";
import { oneLine } from "../lib/printable.ts";
import { HOOK_NAMES } from "./api.ts";
import type { Answers } from "./ask.ts";
import { pluginFault } from "./fault.ts";

const MOST = 64;
const SENTENCE = 1000;

/** One line of at most `limit` characters that cannot forge output or steer a terminal. */
export function shortLine(text: string, limit = SENTENCE): string {
  const plain = oneLine(text).trim();
  return plain.length > limit ? `${plain.slice(0, limit - 1)}…` : plain;
}

const sentence = v.pipe(
  v.string(),
  v.transform((text) => shortLine(text)),
  v.nonEmpty("expected a sentence, found an empty one"),
);
const words = v.pipe(v.string(), v.maxLength(2048));
const path = v.pipe(
  v.string(),
  v.maxLength(4096),
  v.check(isPlain, "expected a path without control characters"),
);
const mode = v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(0o7777));

function isPlain(text: string): boolean {
  return shortLine(text, 4096) === text;
}

const byKey = { key: words, token: v.exactOptional(v.never()) };
const byToken = { token: words, key: v.exactOptional(v.never()) };
const remove = { kind: v.literal("remove"), reason: sentence };
const replace = { kind: v.literal("replace"), text: words, reason: sentence };

const edit = v.variant("kind", [
  v.object({ kind: v.literal("append"), text: words, reason: sentence }),
  v.object({ kind: v.literal("prepend"), text: words, reason: sentence }),
  v.object({ ...remove, ...byKey }),
  v.object({ ...remove, ...byToken }),
  v.object({ ...replace, ...byKey }),
  v.object({ ...replace, ...byToken }),
]);

/** A relative path inside the archive. */
const inside = v.pipe(
  path,
  v.check(
    (text) => text.split("/").every((part) => part !== "" && part !== "." && part !== ".."),
    "expected a relative path without empty parts, . and ..",
  ),
);

const initrdEntry = v.union([
  v.object({ kind: v.literal("file"), path: inside, mode: v.exactOptional(mode), text: v.string() }),
  v.object({
    kind: v.literal("file"),
    path: inside,
    mode: v.exactOptional(mode),
    base64: v.pipe(v.string(), v.base64()),
  }),
  v.object({ kind: v.literal("directory"), path: inside, mode: v.exactOptional(mode) }),
  v.object({ kind: v.literal("link"), path: inside, target: path }),
]);

const finding = v.object({
  level: v.picklist(["refuse", "warn", "info"]),
  message: sentence,
  hint: v.exactOptional(sentence),
});

const common = {
  reason: sentence,
  onFailure: v.exactOptional(v.picklist(["refuse", "ignore"])),
  timeLimit: v.exactOptional(v.number()),
};

const action = v.variant("kind", [
  v.object({ kind: v.literal("unload-module"), module: words, ...common }),
  v.object({ kind: v.literal("stop-unit"), unit: words, ...common }),
  v.object({ kind: v.literal("unbind-pci"), address: words, ...common }),
  v.object({ kind: v.literal("write-sysfs"), path, value: v.string(), ...common }),
]);

const ANSWERS = v.object({
  matches: v.boolean(),
  cmdline: v.pipe(v.array(edit), v.maxLength(MOST)),
  deviceTree: v.nullable(v.pipe(path, v.startsWith("/"))),
  initrd: v.pipe(v.array(initrdEntry), v.maxLength(MOST)),
  findings: v.pipe(v.array(finding), v.maxLength(MOST)),
  quiesce: v.pipe(v.array(action), v.maxLength(MOST)),
});

/** @throws {KexecError} `plugin-failed` naming the first thing that has the wrong shape. */
export function checkAnswers(value: unknown): Answers {
  const result = v.safeParse(ANSWERS, value);
  if (result.success) return result.output;
  const [issue] = result.issues;
  const place = (v.getDotPath(issue) ?? "its answer").replace(/^findings/, "check");
  throw pluginFault(`Hook answered the wrong shape: ${place}: ${shortLine(issue.message, 200)}`);
}

const PROMISES = v.object({
  protectedKeys: v.pipe(v.array(v.string()), v.maxLength(MOST)),
  reads: v.pipe(v.array(path), v.maxLength(MOST)),
  description: sentence,
});

/** What an external plugin's manifest says that the core has to act on. */
export type Promises = v.InferOutput<typeof PROMISES>;

const MESSAGE = v.variant("kind", [
  v.object({ kind: v.literal("step"), step: v.string() }),
  v.object({ kind: v.literal("reads"), promises: PROMISES }),
  v.object({
    kind: v.literal("manifest"),
    promises: PROMISES,
    hooks: v.array(v.picklist(HOOK_NAMES)),
    strangeHooks: v.array(v.pipe(v.string(), v.transform((text) => shortLine(text, 80)))),
  }),
  v.object({ kind: v.literal("answers"), promises: PROMISES, answers: v.unknown() }),
  v.object({ kind: v.literal("fault"), message: v.string(), hint: v.nullable(v.string()) }),
]);

/** What the plugin's process says on its answer channel. */
export type ChildMessage = v.InferOutput<typeof MESSAGE>;

/** Null if it is none. */
export function checkMessage(value: unknown): ChildMessage | null {
  const result = v.safeParse(MESSAGE, value);
  return result.success ? result.output : null;
}
