/**
 * A HostSnapshot: everything that a decision read of a host, as plain JSON. Decoding is in snapshot_schema.ts,
 * so that whoever only records does not load the schema library.
 *
 * Versions: fields may be added, never changed; a reader refuses a version it does not know.
 *
 * @module
 */
import type { Arch, CommandOutcome, Failure, FileStatus } from "./host.ts";

/** Bytes: as text where they are UTF-8, else in base64, with zeros at the end only counted. */
export type StoredBytes = string | { readonly base64: string; readonly zeros?: number };

export type Stored<T> = { readonly value: T } | { readonly failure: Failure };

/** Part of a file or of a block device. */
export interface StoredRange {
  readonly offset: number;
  /** As asked for; a file may have fewer bytes. */
  readonly length: number;
  readonly bytes: Stored<StoredBytes>;
}

export interface StoredBlock {
  readonly sectorSize: number;
  readonly size: number;
  readonly reads: readonly StoredRange[];
}

export interface StoredCommand {
  readonly argv: readonly string[];
  readonly outcome: Stored<CommandOutcome>;
}

/** Keys of the records are the host's paths, in order. */
export interface HostSnapshot {
  readonly version: 1;
  readonly arch: Arch;
  readonly diskOverride: string | null;
  /** Whether values that look like credentials were masked. */
  readonly masked: boolean;
  readonly files: Readonly<Record<string, Stored<StoredBytes>>>;
  readonly ranges: Readonly<Record<string, readonly StoredRange[]>>;
  readonly statuses: Readonly<Record<string, Stored<FileStatus>>>;
  readonly links: Readonly<Record<string, Stored<string>>>;
  readonly lists: Readonly<Record<string, Stored<readonly string[]>>>;
  readonly digests: Readonly<Record<string, Stored<string>>>;
  readonly blocks: Readonly<Record<string, Stored<StoredBlock>>>;
  readonly commands: readonly StoredCommand[];
}

/** Fewer zeros than this at the end are kept as they are. */
const ZEROS_WORTH_COUNTING = 64;

export function storeBytes(bytes: Uint8Array): StoredBytes {
  const text = asText(bytes);
  if (text !== null) return text;
  let end = bytes.length;
  while (end > 0 && bytes[end - 1] === 0) end--;
  const zeros = bytes.length - end;
  if (zeros < ZEROS_WORTH_COUNTING) return { base64: bytes.toBase64() };
  return { base64: bytes.subarray(0, end).toBase64(), zeros };
}

/** The bytes as text if they are printable UTF-8 that comes back byte for byte, else null. */
function asText(bytes: Uint8Array): string | null {
  try {
    const text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
    return /[\0-\x08\x0e-\x1f]/.test(text) ? null : text;
  } catch {
    return null;
  }
}

/** @throws {SyntaxError} if the base64 text is not. */
export function restoreBytes(stored: StoredBytes): Uint8Array {
  if (typeof stored === "string") return new TextEncoder().encode(stored);
  const head = Uint8Array.fromBase64(stored.base64);
  if (stored.zeros === undefined) return head;
  const bytes = new Uint8Array(head.length + stored.zeros);
  bytes.set(head);
  return bytes;
}

/** The snapshot's JSON text, the same for the same content. */
export function encodeSnapshot(snapshot: HostSnapshot): string {
  return `${JSON.stringify(snapshot, null, 1)}\n`;
}
