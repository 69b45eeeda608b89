/**
 * Reading a GPT as Flatcar's GRUB does: which copies are valid, and which table therefore counts.
 *
 * GRUB decides what a host boots, so its rules are followed to the letter even where they are odd (the CRC
 * over 92 bytes, no look at overlaps, a backup that the primary may point to anywhere). One rule is ours: an
 * entry table of more than {@link LARGEST_TABLE} bytes makes the whole disk unreadable to us, where GRUB would
 * try to allocate it. Falling back to the other copy instead could choose differently from GRUB.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import { createHash } from "node:crypto";
import type { BlockReader } from "../host/host.ts";
import { KexecError } from "../lib/errors.ts";
import { crc32 } from "./crc32.ts";
import {
  checkBackupPlaces,
  checkHeader,
  checkPrimaryPlaces,
  type GptHeader,
  PRIMARY_LBA,
  tableBytes,
} from "./header.ts";
import { decodeTable, type Partition } from "./table.ts";

/** Bytes. Linux's own parser stops at KMALLOC_MAX_SIZE, 4 MiB on x86 (block/partitions/efi.c). */
export const LARGEST_TABLE = 4n << 20n;

export type CopyState = "valid" | "invalid";

/** Why a copy is invalid, null for a valid one. GRUB's words where the reason is GRUB's. */
export interface CopyReasons {
  readonly primary: string | null;
  readonly backup: string | null;
}

/** A GPT that GRUB can use: at least one copy is valid. */
export interface Gpt {
  readonly ok: true;
  /** Logical sector size, bytes. */
  readonly sectorSize: number;
  /** Logical sectors on the disk, null if the size is not known. */
  readonly diskSectors: bigint | null;
  /** Whether sector 0 holds a protective MBR. GRUB only takes note. */
  readonly protectiveMbr: boolean;
  readonly primary: CopyState;
  readonly backup: CopyState;
  readonly reasons: CopyReasons;
  /** A sector that a copy needs could not be read: nothing may be written to such a disk. */
  readonly readError: string | null;
  /** Headers that passed every check, also where their table did not. */
  readonly headers: { readonly primary: GptHeader | null; readonly backup: GptHeader | null };
  readonly diskGuid: string;
  /** Stride of the table, bytes. */
  readonly entrySize: number;
  /** The entry table that counts: the primary's if valid, else the backup's. */
  readonly table: Uint8Array;
  /** Used entries in the table's order. */
  readonly entries: readonly Partition[];
}

/** No copy is valid, or the disk cannot be read. */
export interface GptUnreadable {
  readonly ok: false;
  readonly kind: "invalid" | "read-error";
  readonly reasons: { readonly primary: string; readonly backup: string };
}

export type GptRead = Gpt | GptUnreadable;

export interface ReadOptions {
  /** False where the size of the disk is not known: then a backup is only found through the primary. */
  readonly sizeKnown?: boolean;
}

type Piece<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly reason: string; readonly fault: "content" | "read" | "too-large" };

type FailedPiece = Extract<Piece<unknown>, { readonly ok: false }>;

interface Copy {
  readonly header: GptHeader | null;
  readonly table: Uint8Array | null;
  readonly failure: FailedPiece | null;
}

function content(reason: string): FailedPiece {
  return { ok: false, reason, fault: "content" };
}

/** Exactly `length` bytes from sector `lba`, refused before the device is asked if they are not all on it. */
function readAt(device: BlockReader, lba: bigint, length: number): Piece<Uint8Array> {
  const offset = lba * BigInt(device.sectorSize);
  if (offset + BigInt(length) > BigInt(device.size)) {
    return content(`sector ${lba} is beyond the end of the disk`);
  }
  const read = device.read(Number(offset), length);
  if (!read.ok) return { ok: false, reason: read.failure.message, fault: "read" };
  if (read.value.length !== length) {
    const reason = `${device.path}: ${read.value.length} of ${length} bytes read at sector ${lba}`;
    return { ok: false, reason, fault: "read" };
  }
  return read;
}

function readHeader(device: BlockReader, lba: bigint): Piece<GptHeader> {
  const sector = readAt(device, lba, device.sectorSize);
  if (!sector.ok) return sector;
  const check = checkHeader(sector.value, device.sectorSize);
  return check.ok ? { ok: true, value: check.header } : content(check.reason);
}

function readTable(device: BlockReader, header: GptHeader): Piece<Uint8Array> {
  const size = tableBytes(header);
  if (size > LARGEST_TABLE) {
    const reason = `entry table of ${size} bytes, at most ${LARGEST_TABLE} are read`;
    return { ok: false, reason, fault: "too-large" };
  }
  const table = readAt(device, header.entriesLba, Number(size));
  if (!table.ok) return table;
  if (crc32(table.value) !== header.entriesCrc) return content("invalid GPT entry crc32");
  return table;
}

function failed(failure: FailedPiece, header: GptHeader | null = null): Copy {
  return { header, table: null, failure };
}

function readPrimary(device: BlockReader): Copy {
  const header = readHeader(device, PRIMARY_LBA);
  if (!header.ok) return failed(header);
  const misplaced = checkPrimaryPlaces(header.value, device.sectorSize);
  if (misplaced !== null) return failed(content(misplaced));
  const table = readTable(device, header.value);
  if (!table.ok) return failed(table, header.value);
  return { header: header.value, table: table.value, failure: null };
}

/** Where the backup header is looked for: where a valid primary header points, else the last sector. */
function backupPlace(primary: GptHeader | null, diskSectors: bigint | null): Piece<bigint> {
  if (primary !== null) {
    if (diskSectors !== null && primary.alternateLba >= diskSectors) {
      return content(
        `backup GPT beyond the end of the disk: sector ${primary.alternateLba}, the disk has ${diskSectors}`,
      );
    }
    return { ok: true, value: primary.alternateLba };
  }
  if (diskSectors === null) return content("disk size unknown, the backup GPT cannot be found");
  if (diskSectors === 0n) return content("the disk is empty");
  return { ok: true, value: diskSectors - 1n };
}

function readBackup(device: BlockReader, primary: Copy, diskSectors: bigint | null): Copy {
  const place = backupPlace(primary.header, diskSectors);
  if (!place.ok) return failed(place);
  const header = readHeader(device, place.value);
  if (!header.ok) return failed(header);
  const misplaced = checkBackupPlaces(header.value, device.sectorSize, primary.header);
  if (misplaced !== null) return failed(content(misplaced));
  if (header.value.myLba !== place.value) return failed(content("invalid backup GPT LBA"));
  const table = readTable(device, header.value);
  if (!table.ok) return failed(table, header.value);
  if (primary.table !== null && Buffer.compare(primary.table, table.value) !== 0) {
    return failed(content("backup GPT out of sync"), header.value);
  }
  return { header: header.value, table: table.value, failure: null };
}

function isProtectiveMbr(sector: Uint8Array): boolean {
  if (sector[510] !== 0x55 || sector[511] !== 0xaa) return false;
  return [446, 462, 478, 494].some((entry) => sector[entry + 4] === 0xee);
}

/**
 * Read and validate both copies of a disk's GPT. Never throws on what the disk holds, and never reads more
 * than two headers and two tables of {@link LARGEST_TABLE}.
 */
export function readGpt(device: BlockReader, options: ReadOptions = {}): GptRead {
  const diskSectors = options.sizeKnown === false
    ? null
    : BigInt(Math.floor(device.size / device.sectorSize));
  const mbr = readAt(device, 0n, device.sectorSize);
  if (!mbr.ok) {
    const kind = mbr.fault === "read" ? "read-error" : "invalid";
    return { ok: false, kind, reasons: { primary: mbr.reason, backup: mbr.reason } };
  }
  const primary = readPrimary(device);
  const backup = readBackup(device, primary, diskSectors);
  const reasons = { primary: primary.failure?.reason ?? null, backup: backup.failure?.reason ?? null };
  const tooLarge = [primary, backup].find((copy) => copy.failure?.fault === "too-large");
  const header = primary.table === null ? backup.header : primary.header;
  const table = primary.table ?? backup.table;
  const readFault = [primary, backup].find((copy) => copy.failure?.fault === "read")?.failure ?? null;
  if (tooLarge !== undefined || header === null || table === null) {
    // A valid copy beside one that is too large is not used: see the module's note.
    const other = tooLarge?.failure?.reason ?? "not used";
    return {
      ok: false,
      kind: readFault === null ? "invalid" : "read-error",
      reasons: { primary: reasons.primary ?? other, backup: reasons.backup ?? other },
    };
  }
  return {
    ok: true,
    sectorSize: device.sectorSize,
    diskSectors,
    protectiveMbr: isProtectiveMbr(mbr.value),
    primary: primary.table === null ? "invalid" : "valid",
    backup: backup.table === null ? "invalid" : "valid",
    reasons,
    readError: readFault?.reason ?? null,
    headers: { primary: primary.header, backup: backup.header },
    diskGuid: header.diskGuid,
    entrySize: header.entrySize,
    table,
    entries: decodeTable(table, header.entrySize),
  };
}

/** SHA-256 of the entry table that counts, 64 lower-case hex digits: what a plan remembers of it. */
export function tableDigest(gpt: Gpt): string {
  return createHash("sha256").update(gpt.table).digest("hex");
}

/**
 * The GPT, or the sentence why there is none.
 *
 * @throws {KexecError} `gpt-invalid`, or `disk-unreadable` if sectors could not be read.
 */
export function requireGpt(read: GptRead, path: string): Gpt {
  if (read.ok) return read;
  const { primary, backup } = read.reasons;
  throw new KexecError(
    read.kind === "read-error" ? "disk-unreadable" : "gpt-invalid",
    `Cannot read the partition table of ${path}: primary GPT: ${primary}; backup GPT: ${backup}`,
    { hint: "GRUB would not boot from this disk either; look at it with: sgdisk --verify" },
  );
}
