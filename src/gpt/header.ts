/**
 * The GPT header (UEFI 2.10 §5.3.2): its codec, and the checks that Flatcar's GRUB makes on it, in GRUB's
 * order and with GRUB's error texts as reasons, so that what we say is what its console would say.
 *
 * @module
 */
import { crc32 } from "./crc32.ts";
import { decodeGuid, encodeGuid } from "./guid.ts";

/** Bytes of the header that mean anything; the rest of its sector is nobody's. */
export const HEADER_BYTES = 92;
/** Block that holds the primary header. */
export const PRIMARY_LBA = 1n;

/** Smallest entry table that UEFI allows, bytes. */
const SMALLEST_TABLE = 16384n;
const SIGNATURE = 0x5452415020494645n; // "EFI PART" read as a little-endian number
const REVISION = 0x00010000;

const AT = {
  signature: 0,
  revision: 8,
  headerSize: 12,
  crc: 16,
  reserved: 20,
  myLba: 24,
  alternateLba: 32,
  firstUsable: 40,
  lastUsable: 48,
  diskGuid: 56,
  entriesLba: 72,
  entryCount: 80,
  entrySize: 84,
  entriesCrc: 88,
} as const;

/** A header's fields. LBAs are logical sectors; signature, revision and the header's own CRC are implied. */
export interface GptHeader {
  /** Bytes. */
  readonly headerSize: number;
  readonly reserved: number;
  readonly myLba: bigint;
  readonly alternateLba: bigint;
  readonly firstUsable: bigint;
  readonly lastUsable: bigint;
  readonly diskGuid: string;
  readonly entriesLba: bigint;
  readonly entryCount: number;
  /** Bytes. */
  readonly entrySize: number;
  readonly entriesCrc: number;
}

export type HeaderCheck =
  | { readonly ok: true; readonly header: GptHeader }
  | { readonly ok: false; readonly reason: string };

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** Bytes of the entry table. Up to 2^64: compare before converting to a number. */
export function tableBytes(header: GptHeader): bigint {
  return BigInt(header.entryCount) * BigInt(header.entrySize);
}

/** Logical sectors of the entry table, the last one possibly partly used. */
export function tableSectors(header: GptHeader, sectorSize: number): bigint {
  const size = BigInt(sectorSize);
  return (tableBytes(header) + size - 1n) / size;
}

/** First sector after the entry table, in unsigned 64-bit arithmetic as GRUB computes it. */
function tableEnd(header: GptHeader, sectorSize: number): bigint {
  return BigInt.asUintN(64, header.entriesLba + tableSectors(header, sectorSize));
}

/**
 * The CRC covers exactly 92 bytes, whatever the header says its size is: GRUB's rule. A header that is longer
 * and has its CRC over all of it is therefore invalid to GRUB, and must be to us.
 */
function headerCrc(bytes: Uint8Array): number {
  const copy = bytes.slice(0, HEADER_BYTES);
  viewOf(copy).setUint32(AT.crc, 0, true);
  return crc32(copy);
}

/**
 * Check the rules that hold for both copies; the first that fails is the reason.
 *
 * @param sector The header's sector, 92 bytes at least.
 */
export function checkHeader(sector: Uint8Array, sectorSize: number): HeaderCheck {
  const view = viewOf(sector);
  const refuse = (reason: string): HeaderCheck => ({ ok: false, reason });
  if (sector.length < HEADER_BYTES || view.getBigUint64(AT.signature, true) !== SIGNATURE) {
    return refuse("invalid GPT signature");
  }
  if (view.getUint32(AT.revision, true) !== REVISION) return refuse("unknown GPT version");
  if (view.getUint32(AT.crc, true) !== headerCrc(sector)) return refuse("invalid GPT header crc32");
  const header: GptHeader = {
    headerSize: view.getUint32(AT.headerSize, true),
    reserved: view.getUint32(AT.reserved, true),
    myLba: view.getBigUint64(AT.myLba, true),
    alternateLba: view.getBigUint64(AT.alternateLba, true),
    firstUsable: view.getBigUint64(AT.firstUsable, true),
    lastUsable: view.getBigUint64(AT.lastUsable, true),
    diskGuid: decodeGuid(sector, AT.diskGuid),
    entriesLba: view.getBigUint64(AT.entriesLba, true),
    entryCount: view.getUint32(AT.entryCount, true),
    entrySize: view.getUint32(AT.entrySize, true),
    entriesCrc: view.getUint32(AT.entriesCrc, true),
  };
  if (header.headerSize < HEADER_BYTES || header.headerSize > sectorSize) {
    return refuse("invalid GPT header size");
  }
  const units = header.entrySize / 128;
  if (header.entrySize < 128 || header.entrySize % 128 !== 0 || (units & (units - 1)) !== 0) {
    return refuse("invalid GPT entry size");
  }
  if (tableBytes(header) < SMALLEST_TABLE) return refuse("invalid GPT entry table size");
  if (header.firstUsable > header.lastUsable) return refuse("invalid usable sectors");
  return { ok: true, header };
}

/** What is wrong with where a primary header says things are; null if nothing. */
export function checkPrimaryPlaces(header: GptHeader, sectorSize: number): string | null {
  if (header.myLba !== PRIMARY_LBA) return "invalid primary GPT LBA";
  if (header.entriesLba <= PRIMARY_LBA || tableEnd(header, sectorSize) > header.firstUsable) {
    return "invalid entries location";
  }
  if (header.alternateLba <= header.lastUsable) return "invalid backup GPT LBA";
  return null;
}

/**
 * What is wrong with where a backup header says things are; null if nothing.
 *
 * @param primary The primary header if it is valid: the two must then agree.
 */
export function checkBackupPlaces(
  header: GptHeader,
  sectorSize: number,
  primary: GptHeader | null,
): string | null {
  if (header.alternateLba !== PRIMARY_LBA) return "invalid primary GPT LBA";
  if (header.entriesLba <= header.lastUsable || tableEnd(header, sectorSize) > header.myLba) {
    return "invalid entries location";
  }
  if (header.myLba <= header.lastUsable) return "invalid backup GPT LBA";
  if (primary !== null && !inSync(primary, header)) return "backup GPT out of sync";
  return null;
}

/** Whether two headers describe the same table. The reserved field and the entries' LBA do not count. */
function inSync(primary: GptHeader, backup: GptHeader): boolean {
  return primary.headerSize === backup.headerSize &&
    primary.myLba === backup.alternateLba &&
    primary.alternateLba === backup.myLba &&
    primary.firstUsable === backup.firstUsable &&
    primary.lastUsable === backup.lastUsable &&
    primary.entryCount === backup.entryCount &&
    primary.entrySize === backup.entrySize &&
    primary.entriesCrc === backup.entriesCrc &&
    primary.diskGuid === backup.diskGuid;
}

/** The 92 bytes of a header, its CRC computed. */
export function encodeHeader(header: GptHeader): Uint8Array {
  const bytes = new Uint8Array(HEADER_BYTES);
  const view = viewOf(bytes);
  view.setBigUint64(AT.signature, SIGNATURE, true);
  view.setUint32(AT.revision, REVISION, true);
  view.setUint32(AT.headerSize, header.headerSize, true);
  view.setUint32(AT.reserved, header.reserved, true);
  view.setBigUint64(AT.myLba, header.myLba, true);
  view.setBigUint64(AT.alternateLba, header.alternateLba, true);
  view.setBigUint64(AT.firstUsable, header.firstUsable, true);
  view.setBigUint64(AT.lastUsable, header.lastUsable, true);
  const guid = encodeGuid(header.diskGuid);
  if (guid === null) throw new RangeError(`not a GUID: ${header.diskGuid}`);
  bytes.set(guid, AT.diskGuid);
  view.setBigUint64(AT.entriesLba, header.entriesLba, true);
  view.setUint32(AT.entryCount, header.entryCount, true);
  view.setUint32(AT.entrySize, header.entrySize, true);
  view.setUint32(AT.entriesCrc, header.entriesCrc, true);
  view.setUint32(AT.crc, headerCrc(bytes), true);
  return bytes;
}
