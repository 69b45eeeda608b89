/**
 * What a machine wrote to its disk, write by write, as QEMU's `blklogwrites` records it, and the disk as a power
 * cut at any of these moments would have left it. The format is that of the kernel's dm-log-writes
 * (Documentation/admin-guide/device-mapper/log-writes.rst): a superblock, then entries of one sector each, with
 * the data behind them. All numbers are little-endian; sectors have 512 bytes.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import { closeSync, openSync, readFileSync, writeSync } from "node:fs";

export const SECTOR = 512;
const MAGIC = 0x6a736677736872n;
const FLUSH = 1n;
const FUA = 2n;
const DISCARD = 4n;

/** `flush`: everything before has reached the medium. */
export type LogEntry =
  | { readonly kind: "write"; readonly sector: number; readonly bytes: Buffer }
  | { readonly kind: "flush" };

/** @throws {Error} where it is not such a log, or has what no machine here does. */
export function readWriteLog(path: string): readonly LogEntry[] {
  const log = readFileSync(path);
  if (log.length < SECTOR || log.readBigUInt64LE(0) !== MAGIC || log.readUInt32LE(24) !== SECTOR) {
    throw new Error(`Cannot read '${path}': expected a log of writes in sectors of ${SECTOR} bytes`);
  }
  const entries: LogEntry[] = [];
  // The superblock's count lags behind in a machine that was cut off, so the entries tell.
  for (let at = SECTOR; at + SECTOR <= log.length;) {
    const sector = Number(log.readBigUInt64LE(at));
    const size = Number(log.readBigUInt64LE(at + 8)) * SECTOR;
    const flags = log.readBigUInt64LE(at + 16);
    if (size === 0 && flags === 0n) break;
    if ((flags & DISCARD) !== 0n) throw new Error(`'${path}' has a discard, which is not replayed`);
    if ((flags & FLUSH) !== 0n) entries.push({ kind: "flush" });
    at += SECTOR;
    if (size > 0) entries.push({ kind: "write", sector, bytes: log.subarray(at, at + size) });
    if ((flags & FUA) !== 0n) entries.push({ kind: "flush" });
    at += size;
  }
  return entries;
}

/** Sectors from `first` to `last`, both included. */
export interface SectorRange {
  readonly first: number;
  readonly last: number;
}

export function touches(entry: LogEntry, { first, last }: SectorRange): boolean {
  return entry.kind === "write" && entry.sector <= last &&
    entry.sector + entry.bytes.length / SECTOR > first;
}

/** A moment at which the power fails. */
export interface Cut {
  /** Index of the entry that is not done any more, or not wholly. */
  readonly at: number;
  /** Sectors of that write that still arrive; 0 for none. */
  readonly torn: number;
  /** Whether a write that no flush has followed yet has arrived. */
  readonly arrives: (index: number) => boolean;
}

/** Make a copy of the disk, as it was before the log began, the disk that a power cut would have left. */
export function replayUntil(disk: string, entries: readonly LogEntry[], cut: Cut): void {
  let flushed = cut.at;
  while (flushed > 0 && entries[flushed - 1]?.kind !== "flush") flushed--;
  const fd = openSync(disk, "r+");
  const put = (entry: LogEntry | undefined, length: number): void => {
    if (entry?.kind === "write") writeSync(fd, entry.bytes, 0, length, entry.sector * SECTOR);
  };
  try {
    for (const [index, entry] of entries.slice(0, cut.at).entries()) {
      if (entry.kind === "write" && (index < flushed || cut.arrives(index))) put(entry, entry.bytes.length);
    }
    put(entries[cut.at], cut.torn * SECTOR);
  } finally {
    closeSync(fd);
  }
}
