import * as v from "valibot";
import { KexecError, messageOf } from "../lib/errors.ts";
import type { HostSnapshot } from "./snapshot.ts";

const failure = v.strictObject({
  kind: v.picklist(["missing", "permission", "wrong-type", "too-large", "io", "not-recorded"]),
  message: v.string(),
});

const stored = <T extends v.GenericSchema>(value: T) =>
  v.union([v.strictObject({ value }), v.strictObject({ failure })]);

const count = v.pipe(v.number(), v.safeInteger(), v.minValue(0));
const base64 = v.pipe(
  v.string(),
  v.regex(/^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/, "not base64"),
);
/** Zeros are made when a snapshot is read: a bound, so that a few bytes of JSON cannot ask for all memory. */
const ZEROS_LIMIT = 64 << 20;
const bytes = v.union([
  v.string(),
  v.strictObject({ base64, zeros: v.exactOptional(v.pipe(count, v.maxValue(ZEROS_LIMIT))) }),
]);
const range = v.strictObject({ offset: count, length: count, bytes: stored(bytes) });
const status = v.strictObject({
  kind: v.picklist(["file", "directory", "block", "character", "other"]),
  size: count,
  mode: count,
  uid: count,
  gid: count,
  device: v.string(),
});
const block = v.strictObject({
  sectorSize: v.picklist([512, 4096]),
  size: count,
  reads: v.array(range),
});
const outcome = v.strictObject({ status: v.number(), stdout: v.string(), stderr: v.string() });

// Unknown fields are let through at the top: a later minor version may add some.
const snapshotSchema = v.object({
  version: v.literal(1),
  arch: v.picklist(["x86_64", "aarch64"]),
  diskOverride: v.nullable(v.string()),
  masked: v.boolean(),
  files: v.record(v.string(), stored(bytes)),
  ranges: v.record(v.string(), v.array(range)),
  statuses: v.record(v.string(), stored(status)),
  links: v.record(v.string(), stored(v.string())),
  lists: v.record(v.string(), stored(v.array(v.string()))),
  digests: v.record(v.string(), stored(v.string())),
  blocks: v.record(v.string(), stored(block)),
  commands: v.array(v.strictObject({ argv: v.array(v.string()), outcome: stored(outcome) })),
});

/**
 * Decode a snapshot's JSON text.
 *
 * @param name What to call it in messages: its file name.
 * @throws {KexecError} `snapshot-invalid` naming the place that is wrong.
 */
export function decodeSnapshot(text: string, name: string): HostSnapshot {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (error) {
    throw new KexecError(
      "snapshot-invalid",
      `Cannot read the snapshot '${name}': not JSON: ${messageOf(error)}`,
    );
  }
  const version = typeof json === "object" && json !== null && "version" in json ? json.version : undefined;
  if (version !== 1) {
    throw new KexecError(
      "snapshot-invalid",
      `Cannot read the snapshot '${name}': its version is ${
        JSON.stringify(version) ?? "missing"
      }, expected 1`,
      { hint: "snapshots are made by: flatcar-kexec snapshot" },
    );
  }
  const result = v.safeParse(snapshotSchema, json);
  if (result.success) return result.output;
  const [issue] = result.issues;
  throw new KexecError(
    "snapshot-invalid",
    `Cannot read the snapshot '${name}': at ${v.getDotPath(issue) ?? "its top"}: ${issue.message}`,
  );
}
