/**
 * `/run/flatcar-kexec/loaded.json`: the kernel that `load` put in place, and everything that commit has to
 * find unchanged before the jump. `/run` is emptied by every boot, so the record never outlives its kernel.
 *
 * @module
 */
import * as v from "valibot";
import type { PlannedAction } from "../plugin/quiesce.ts";
import type { Plan, PlannedKernel, PlannedSlot } from "../plan/plan.ts";
import { issueOf } from "./attempt.ts";

export const RUN_FOLDER = "/run/flatcar-kexec";
export const LOAD_RECORD_FILE: string = `${RUN_FOLDER}/loaded.json`;
const LOAD_RECORD_VERSION = 1;

/** A file that the plan was made from, as it was. */
export interface WatchedFile {
  readonly path: string;
  /** SHA-256, 64 lower-case hex digits; null: the file was not there, and must not be there now. */
  readonly sha256: string | null;
}

export interface LoadRecord {
  /** The attempt: what `flatcar.kexec=` carries. */
  readonly id: string;
  readonly bootId: string;
  /** ISO 8601, UTC. */
  readonly loadedAt: string;
  readonly toolVersion: string;
  readonly tries: "spend" | "keep";
  readonly slot: PlannedSlot;
  readonly slots: readonly PlannedSlot[];
  readonly kernel: PlannedKernel;
  /** As given to kexec, marker included. */
  readonly cmdline: string;
  readonly firstBoot: boolean;
  /** Path of the disk that holds the slots: `/dev/sda`. */
  readonly disk: string;
  /** SHA-256 of the partition table as the plan saw it, 64 lower-case hex digits. */
  readonly tableDigest: string;
  /** The program that loaded it, and how: what unloads it again. */
  readonly kexec: { readonly program: string; readonly syscall: "file" | "load" };
  /** EFI variables that asked the firmware for something at load already, and were allowed to. */
  readonly firmwareRequests: readonly string[];
  /** Kernel, `grub.cfg.tar`, OEM configuration, … */
  readonly watched: readonly WatchedFile[];
  /** What commit puts at rest before the jump, in order. */
  readonly quiesce: readonly PlannedAction[];
  /** Over everything that load and commit go by, to tell whether a load now would come to the same; null if not known. */
  readonly digest: string | null;
  /** KExecWatchdogUSec before load set it, to be put back; null if load left it alone. */
  readonly watchdogBefore: number | null;
  /** Warnings of the plan, for `status`. */
  readonly warnings: readonly string[];
  /** The whole plan as it was, for people; nothing is decided by it. */
  readonly plan: unknown;
}

const count = v.pipe(v.number(), v.integer(), v.minValue(0));
const nullableText = v.nullable(v.string());
const slotEntries = {
  partition: count,
  partuuid: v.string(),
  label: v.string(),
  priority: count,
  tries: count,
  successful: v.boolean(),
  triesAfter: count,
  gptWrite: v.boolean(),
  running: v.boolean(),
};

const actionSchema = v.looseObject({
  plugin: v.string(),
  step: v.variant("kind", [
    v.looseObject({ kind: v.literal("unload-module"), module: v.string() }),
    v.looseObject({ kind: v.literal("stop-unit"), unit: v.string() }),
    v.looseObject({ kind: v.literal("unbind-pci"), address: v.string() }),
    v.looseObject({ kind: v.literal("write-sysfs"), path: v.string(), value: v.string() }),
  ]),
  reason: v.string(),
  onFailure: v.picklist(["refuse", "ignore"]),
  timeLimit: v.pipe(v.number(), v.minValue(0)),
  summary: v.string(),
});

const schema = v.looseObject({
  version: v.pipe(v.number(), v.integer(), v.minValue(1)),
  id: v.string(),
  bootId: v.string(),
  loadedAt: v.pipe(v.string(), v.isoTimestamp()),
  toolVersion: v.string(),
  tries: v.picklist(["spend", "keep"]),
  slot: v.looseObject(slotEntries),
  slots: v.array(v.looseObject(slotEntries)),
  kernel: v.looseObject({
    path: v.string(),
    file: v.string(),
    format: v.picklist(["bzImage", "Image"]),
    version: nullableText,
    size: count,
    usrhash: nullableText,
  }),
  cmdline: v.string(),
  firstBoot: v.boolean(),
  disk: v.string(),
  tableDigest: v.string(),
  kexec: v.looseObject({ program: v.string(), syscall: v.picklist(["file", "load"]) }),
  firmwareRequests: v.array(v.string()),
  watched: v.array(v.looseObject({ path: v.string(), sha256: nullableText })),
  quiesce: v.array(actionSchema),
  digest: v.optional(nullableText, null),
  watchdogBefore: v.nullable(count),
  warnings: v.array(v.string()),
  plan: v.unknown(),
});

/** What `load` knows beyond the plan. */
export interface LoadCircumstances {
  readonly id: string;
  readonly bootId: string;
  readonly loadedAt: string;
  readonly tries: "spend" | "keep";
  /** The words given to kexec; the plan's, if the caller does not add to them. */
  readonly cmdline: string;
  readonly disk: string;
  readonly tableDigest: string;
  readonly kexec: LoadRecord["kexec"];
  readonly firmwareRequests: readonly string[];
  readonly watched: readonly WatchedFile[];
  readonly digest: string | null;
  readonly watchdogBefore: number | null;
}

/** The record of a plan that was loaded, or null if the plan names no slot or kernel. */
export function loadRecordOf(plan: Plan, at: LoadCircumstances): LoadRecord | null {
  if (plan.slot === null || plan.kernel === null) return null;
  return {
    ...at,
    toolVersion: plan.tool.version,
    slot: plan.slot,
    slots: plan.slots,
    kernel: plan.kernel,
    firstBoot: plan.firstBoot,
    quiesce: plan.quiesce,
    warnings: plan.findings.filter((finding) => finding.level === "warn").map((finding) => finding.message),
    plan,
  };
}

export type ParsedLoadRecord =
  | { readonly ok: true; readonly value: LoadRecord }
  | { readonly ok: false; readonly problem: string };

export function parseLoadRecord(path: string, text: string): ParsedLoadRecord {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    return { ok: false, problem: `${path} is not JSON: it was torn or edited` };
  }
  const parsed = v.safeParse(schema, json);
  if (parsed.success) return { ok: true, value: parsed.output };
  return { ok: false, problem: `${path} is not a load record: ${issueOf(parsed.issues[0])}` };
}

export function serializeLoadRecord(record: LoadRecord): string {
  return JSON.stringify({ version: LOAD_RECORD_VERSION, ...record }, null, 2) + "\n";
}
