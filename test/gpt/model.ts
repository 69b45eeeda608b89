/**
 * Flatcar's GRUB on a GPT, written a second time from its rules and sharing nothing with src/gpt: it works in
 * place on bytes, in the order and with the writes GRUB makes. What it says is what a host would boot.
 *
 * @module
 */
import { crc32 } from "node:zlib";

export type Mark = "pmbr" | "primary-header" | "primary-entries" | "backup-header" | "backup-entries";

export interface ModelDisk {
  readonly bytes: Uint8Array;
  readonly sectorSize: number;
  /** Sectors that the firmware reports, null if it does not know. */
  readonly sectors: bigint | null;
}

export interface ModelGpt {
  readonly marks: Set<Mark>;
  primary: Buffer;
  backup: Buffer;
  entries: Buffer;
}

/** GRUB's error text. */
export class ModelError extends Error {}

const USR = Buffer.from("f4f5fb5d4828ac4baa5e0d9a20b745a6", "hex");
const U64 = (1n << 64n) - 1n;

const field = {
  size: (h: Buffer) => h.readUInt32LE(12),
  crc: (h: Buffer) => h.readUInt32LE(16),
  my: (h: Buffer) => h.readBigUInt64LE(24),
  alternate: (h: Buffer) => h.readBigUInt64LE(32),
  first: (h: Buffer) => h.readBigUInt64LE(40),
  last: (h: Buffer) => h.readBigUInt64LE(48),
  guid: (h: Buffer) => h.toString("hex", 56, 72),
  entries: (h: Buffer) => h.readBigUInt64LE(72),
  count: (h: Buffer) => h.readUInt32LE(80),
  stride: (h: Buffer) => h.readUInt32LE(84),
  tableCrc: (h: Buffer) => h.readUInt32LE(88),
};

function bytesOfTable(h: Buffer): bigint {
  return BigInt(field.count(h)) * BigInt(field.stride(h));
}

function sectorsOfTable(h: Buffer, sectorSize: number): bigint {
  const bytes = bytesOfTable(h);
  const whole = bytes / BigInt(sectorSize);
  return bytes % BigInt(sectorSize) === 0n ? whole : whole + 1n;
}

function endOfTable(h: Buffer, sectorSize: number): bigint {
  return (field.entries(h) + sectorsOfTable(h, sectorSize)) & U64;
}

function crcOfHeader(h: Buffer): number {
  return crc32(Buffer.concat([h.subarray(0, 16), Buffer.alloc(4), h.subarray(20, 92)]));
}

function fail(text: string): never {
  throw new ModelError(text);
}

function get(disk: ModelDisk, sector: bigint, length: bigint): Buffer {
  const from = sector * BigInt(disk.sectorSize);
  if (from + length > BigInt(disk.bytes.length)) fail("attempt to read or write outside of disk");
  return Buffer.from(disk.bytes.slice(Number(from), Number(from + length)));
}

function checkHeader(h: Buffer, sectorSize: number): void {
  if (h.toString("latin1", 0, 8) !== "EFI PART") fail("invalid GPT signature");
  if (h.readUInt32LE(8) !== 0x10000) fail("unknown GPT version");
  if (field.crc(h) !== crcOfHeader(h)) fail("invalid GPT header crc32");
  if (field.size(h) < 92 || field.size(h) > sectorSize) fail("invalid GPT header size");
  const stride = field.stride(h);
  let power = 128;
  while (power < stride) power *= 2;
  if (power !== stride) fail("invalid GPT entry size");
  if (bytesOfTable(h) < 16384n) fail("invalid GPT entry table size");
  if (field.first(h) > field.last(h)) fail("invalid usable sectors");
}

function checkPrimary(h: Buffer, sectorSize: number): void {
  checkHeader(h, sectorSize);
  if (field.my(h) !== 1n) fail("invalid primary GPT LBA");
  if (!(field.entries(h) > 1n && endOfTable(h, sectorSize) <= field.first(h))) {
    fail("invalid entries location");
  }
  if (!(field.alternate(h) > field.last(h))) fail("invalid backup GPT LBA");
}

function checkBackup(gpt: ModelGpt, sectorSize: number): void {
  const h = gpt.backup;
  checkHeader(h, sectorSize);
  if (field.alternate(h) !== 1n) fail("invalid primary GPT LBA");
  if (!(field.entries(h) > field.last(h) && endOfTable(h, sectorSize) <= field.my(h))) {
    fail("invalid entries location");
  }
  if (!(field.my(h) > field.last(h))) fail("invalid backup GPT LBA");
  if (!gpt.marks.has("primary-header")) return;
  const p = gpt.primary;
  const agree = field.size(p) === field.size(h) && field.my(p) === field.alternate(h) &&
    field.alternate(p) === field.my(h) && field.first(p) === field.first(h) &&
    field.last(p) === field.last(h) &&
    field.count(p) === field.count(h) && field.stride(p) === field.stride(h) &&
    field.tableCrc(p) === field.tableCrc(h) && field.guid(p) === field.guid(h);
  if (!agree) fail("backup GPT out of sync");
}

function readEntries(disk: ModelDisk, h: Buffer): Buffer {
  const size = bytesOfTable(h);
  // The model cannot allocate what GRUB could not either; the random tests treat this case apart.
  if (size > 4n << 20n) fail("out of memory");
  const table = get(disk, field.entries(h), size);
  if (crc32(table) !== field.tableCrc(h)) fail("invalid GPT entry crc32");
  return table;
}

function readPrimary(disk: ModelDisk, gpt: ModelGpt): void {
  gpt.primary = get(disk, 1n, 92n);
  checkPrimary(gpt.primary, disk.sectorSize);
  gpt.marks.add("primary-header");
  gpt.entries = readEntries(disk, gpt.primary);
  gpt.marks.add("primary-entries");
}

function readBackup(disk: ModelDisk, gpt: ModelGpt): void {
  let sector: bigint;
  if (gpt.marks.has("primary-header")) {
    sector = field.alternate(gpt.primary);
    if (disk.sectors !== null && sector >= disk.sectors) fail("backup GPT located outside of disk");
  } else {
    if (disk.sectors === null) fail("unable to locate backup GPT");
    sector = disk.sectors - 1n;
  }
  gpt.backup = get(disk, sector, 92n);
  checkBackup(gpt, disk.sectorSize);
  if (field.my(gpt.backup) !== sector) fail("invalid backup GPT LBA");
  gpt.marks.add("backup-header");
  const table = readEntries(disk, gpt.backup);
  if (gpt.marks.has("primary-entries")) {
    if (!table.equals(gpt.entries)) fail("backup GPT out of sync");
  } else {
    gpt.entries = table;
  }
  gpt.marks.add("backup-entries");
}

export const primaryValid = (gpt: ModelGpt): boolean =>
  gpt.marks.has("primary-header") && gpt.marks.has("primary-entries");
export const backupValid = (gpt: ModelGpt): boolean =>
  gpt.marks.has("backup-header") && gpt.marks.has("backup-entries");

/** @throws {ModelError} with the primary's error if neither copy is valid. */
export function modelRead(disk: ModelDisk): ModelGpt {
  const gpt: ModelGpt = {
    marks: new Set(),
    primary: Buffer.alloc(92),
    backup: Buffer.alloc(92),
    entries: Buffer.alloc(0),
  };
  const mbr = get(disk, 0n, 512n);
  const types = [0, 1, 2, 3].map((slot) => mbr[446 + 16 * slot + 4]);
  if (mbr.readUInt16LE(510) === 0xaa55 && types.includes(0xee)) gpt.marks.add("pmbr");
  let first: unknown = null;
  try {
    readPrimary(disk, gpt);
  } catch (error) {
    first = error;
  }
  try {
    readBackup(disk, gpt);
  } catch (error) {
    if (!primaryValid(gpt)) throw first ?? error;
  }
  if (!primaryValid(gpt) && !backupValid(gpt)) throw first;
  return gpt;
}

/** In memory. @throws {ModelError} where GRUB refuses what it made. */
export function modelRepair(disk: ModelDisk, gpt: ModelGpt): void {
  if (primaryValid(gpt) && backupValid(gpt)) return;
  if (primaryValid(gpt)) {
    if (disk.sectors !== null && disk.sectors - 1n > field.alternate(gpt.primary)) {
      gpt.primary.writeBigUInt64LE(disk.sectors - 1n, 32);
    }
    gpt.backup = Buffer.from(gpt.primary);
    gpt.backup.writeBigUInt64LE(field.alternate(gpt.primary), 24);
    gpt.backup.writeBigUInt64LE(1n, 32);
    const place = field.alternate(gpt.primary) - sectorsOfTable(gpt.primary, disk.sectorSize);
    gpt.backup.writeBigUInt64LE(place & U64, 72);
  } else {
    gpt.primary = Buffer.from(gpt.backup);
    gpt.primary.writeBigUInt64LE(1n, 24);
    gpt.primary.writeBigUInt64LE(field.my(gpt.backup), 32);
    gpt.primary.writeBigUInt64LE(2n, 72);
  }
  modelUpdate(disk, gpt);
}

export function modelUpdate(disk: ModelDisk, gpt: ModelGpt): void {
  for (const mark of ["primary-header", "primary-entries", "backup-header", "backup-entries"] as const) {
    gpt.marks.delete(mark);
  }
  for (const h of [gpt.primary, gpt.backup]) {
    h.writeUInt32LE(92, 12);
    h.writeUInt32LE(crc32(gpt.entries), 88);
    h.writeUInt32LE(crcOfHeader(h), 16);
  }
  checkPrimary(gpt.primary, disk.sectorSize);
  gpt.marks.add("primary-header");
  checkBackup(gpt, disk.sectorSize);
  for (const mark of ["primary-entries", "backup-header", "backup-entries"] as const) gpt.marks.add(mark);
}

export interface ModelSlot {
  readonly index: number;
  readonly priority: number;
  readonly tries: number;
  readonly successful: boolean;
}

export function modelSlots(gpt: ModelGpt): ModelSlot[] {
  const stride = field.stride(primaryValid(gpt) ? gpt.primary : gpt.backup);
  const slots: ModelSlot[] = [];
  for (let index = 0; (index + 1) * stride <= gpt.entries.length; index++) {
    const entry = gpt.entries.subarray(index * stride, index * stride + 128);
    if (!entry.subarray(0, 16).equals(USR)) continue;
    const low = entry[54] ?? 0;
    slots.push({ index, priority: low & 15, tries: low >> 4, successful: ((entry[55] ?? 0) & 1) === 1 });
  }
  return slots;
}

export function modelChoice(gpt: ModelGpt): ModelSlot | null {
  let best: ModelSlot | null = null;
  for (const slot of modelSlots(gpt)) {
    if ((slot.tries > 0 || slot.successful) && slot.priority > (best === null ? 0 : best.priority)) {
      best = slot;
    }
  }
  return best;
}

export interface ModelWrite {
  readonly offset: bigint;
  readonly bytes: Buffer;
}

/** The writes of `gptprio.next`, in GRUB's order; empty if it writes nothing. */
export function modelNext(disk: ModelDisk): { slot: ModelSlot; writes: ModelWrite[]; after: ModelGpt } {
  const gpt = modelRead(disk);
  modelRepair(disk, gpt);
  const slot = modelChoice(gpt);
  if (slot === null) fail("no such partition");
  if (slot.tries === 0) return { slot, writes: [], after: gpt };
  const at = slot.index * field.stride(gpt.primary) + 54;
  gpt.entries[at] = (gpt.entries[at] ?? 0) - 16;
  modelUpdate(disk, gpt);
  const writes: ModelWrite[] = [];
  const put = (h: Buffer): void => {
    const size = BigInt(disk.sectorSize);
    if (field.my(h) === 0n || field.entries(h) * (size / 512n) < 2n) fail("Invalid GPT data");
    writes.push({ offset: field.my(h) * size, bytes: Buffer.from(h) });
    writes.push({ offset: field.entries(h) * size, bytes: Buffer.from(gpt.entries) });
  };
  if (disk.sectors === null || field.my(gpt.backup) < disk.sectors) put(gpt.backup);
  put(gpt.primary);
  return { slot, writes, after: gpt };
}

/** The disk after GRUB's writes, or null if one lies beyond its end. */
export function modelApply(disk: ModelDisk, writes: readonly ModelWrite[]): Uint8Array | null {
  const bytes = disk.bytes.slice();
  for (const write of writes) {
    if (write.offset + BigInt(write.bytes.length) > BigInt(bytes.length)) return null;
    bytes.set(write.bytes, Number(write.offset));
  }
  return bytes;
}
