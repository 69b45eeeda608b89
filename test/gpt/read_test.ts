import assert from "node:assert/strict";
import { test } from "node:test";
import { crc32 } from "node:zlib";
import {
  type Gpt,
  type GptRead,
  LARGEST_TABLE,
  readGpt,
  requireGpt,
  tableDigest,
} from "../../src/gpt/read.ts";
import { partitionByName, partitionByUuid } from "../../src/gpt/select.ts";
import { KexecError } from "../../src/lib/errors.ts";
import { ESP_TYPE, flatcarImage, gptImage, sealHeader, USR_A } from "../support/gpt_image.ts";
import { MemoryDisk } from "./memory_disk.ts";
import { BACKUP_LBA, BACKUP_TABLE_LBA, SECTORS, upstreamImage } from "./upstream_disk.ts";

const SECTOR = 512;
const PRIMARY = 1 * SECTOR;
const BACKUP = BACKUP_LBA * SECTOR;
const PRIMARY_TABLE = 2 * SECTOR;
const BACKUP_TABLE = BACKUP_TABLE_LBA * SECTOR;
const GUID_AT = 56;

function read(
  image: Uint8Array,
  options: { sizeKnown?: boolean; size?: number; sectorSize?: number } = {},
): GptRead {
  const disk = new MemoryDisk(image, options.sectorSize ?? SECTOR, options.size);
  return readGpt(disk, { sizeKnown: options.sizeKnown ?? true });
}

function readable(
  image: Uint8Array,
  options: { sizeKnown?: boolean; size?: number; sectorSize?: number } = {},
): Gpt {
  const gpt = read(image, options);
  assert.ok(gpt.ok, gpt.ok ? "" : JSON.stringify(gpt.reasons));
  return gpt;
}

/** GRUB's status bits. */
function status(gpt: Gpt): string {
  return [
    gpt.protectiveMbr && "pmbr",
    gpt.headers.primary !== null && "primary header",
    gpt.primary === "valid" && "primary entries",
    gpt.headers.backup !== null && "backup header",
    gpt.backup === "valid" && "backup entries",
  ].filter((bit) => bit !== false).join(", ");
}

const ALL = "pmbr, primary header, primary entries, backup header, backup entries";

function u32(image: Uint8Array, offset: number): number {
  return new DataView(image.buffer, image.byteOffset).getUint32(offset, true);
}

function spoiled(image: Uint8Array, offset: number, length: number, value: number): Uint8Array {
  const copy = image.slice();
  copy.fill(value, offset, offset + length);
  return copy;
}

function withField32(image: Uint8Array, header: number, field: number, value: number): Uint8Array {
  const copy = image.slice();
  new DataView(copy.buffer).setUint32(header + field, value, true);
  sealHeader(copy, header);
  return copy;
}

function withField64(image: Uint8Array, header: number, field: number, value: bigint): Uint8Array {
  const copy = image.slice();
  new DataView(copy.buffer).setBigUint64(header + field, value, true);
  sealHeader(copy, header);
  return copy;
}

test("GRUB's sample disk has the CRCs that GRUB's tests expect", () => {
  const image = upstreamImage();
  assert.equal(u32(image, PRIMARY + 88).toString(16), "74e052c");
  assert.equal(u32(image, PRIMARY + 16).toString(16), "b985abe0");
  assert.equal(u32(image, BACKUP + 16).toString(16), "af785eb");
});

test("GRUB's case read_valid: every status bit is set", () => {
  const gpt = readable(upstreamImage());
  assert.equal(status(gpt), ALL);
  assert.deepEqual([gpt.primary, gpt.backup], ["valid", "valid"]);
  assert.deepEqual(gpt.reasons, { primary: null, backup: null });
  assert.equal(gpt.diskGuid, "69c131ad-67d6-46c6-93c4-124c755256ac");
});

test("GRUB's case pmbr: no signature or no entry of type 0xee is noted, and is no error", () => {
  const image = upstreamImage();
  assert.equal(readable(spoiled(image, 0, 512, 0)).protectiveMbr, false);
  assert.equal(readable(spoiled(image, 446, 64, 0)).protectiveMbr, false);
  assert.equal(readable(spoiled(image, 510, 1, 0)).protectiveMbr, false);
  assert.equal(readable(spoiled(image, 511, 1, 0)).protectiveMbr, false);
});

for (const [index, offset] of [446, 462, 478, 494].entries()) {
  test(`a protective MBR is one in its entry ${index + 1} as well`, () => {
    const image = spoiled(upstreamImage(), 446, 64, 0);
    image[offset + 4] = 0xee;
    assert.equal(readable(image).protectiveMbr, true);
  });
}

test("GRUB's case header: a changed disk GUID fails the CRC in either copy", () => {
  const image = upstreamImage();
  assert.equal(readable(spoiled(image, PRIMARY + GUID_AT, 4, 0)).reasons.primary, "invalid GPT header crc32");
  assert.equal(readable(spoiled(image, BACKUP + GUID_AT, 4, 0)).reasons.backup, "invalid GPT header crc32");
});

test("GRUB's case read_invalid_entries: both tables spoiled is an error with the primary's reason", () => {
  const image = spoiled(spoiled(upstreamImage(), PRIMARY_TABLE, 128, 0x55), BACKUP_TABLE, 128, 0x55);
  const gpt = read(image);
  assert.ok(!gpt.ok);
  assert.equal(gpt.kind, "invalid");
  assert.deepEqual(gpt.reasons, { primary: "invalid GPT entry crc32", backup: "invalid GPT entry crc32" });
  assert.throws(() => requireGpt(gpt, "/dev/sda"), (error) => {
    assert.ok(error instanceof KexecError);
    assert.equal(error.code, "gpt-invalid");
    assert.match(
      error.message,
      /^Cannot read the partition table of \/dev\/sda: primary GPT: invalid GPT entry/,
    );
    return true;
  });
});

test("GRUB's case read_fallback: each spoiled part costs its bit, and the other copy is used", () => {
  const image = upstreamImage();
  const without = (bits: string[]): string => ALL.split(", ").filter((bit) => !bits.includes(bit)).join(", ");
  const primaryGone = readable(spoiled(image, PRIMARY + GUID_AT, 16, 0x55));
  assert.equal(status(primaryGone), without(["primary header", "primary entries"]));
  const backupGone = readable(spoiled(image, BACKUP + GUID_AT, 16, 0x55));
  assert.equal(status(backupGone), without(["backup header", "backup entries"]));
  assert.equal(status(readable(spoiled(image, PRIMARY_TABLE, 128, 0x55))), without(["primary entries"]));
  assert.equal(status(readable(spoiled(image, BACKUP_TABLE, 128, 0x55))), without(["backup entries"]));
});

test("GRUB's case read_fallback: without a primary and without the disk's size nothing is found", () => {
  const image = spoiled(upstreamImage(), PRIMARY + GUID_AT, 16, 0x55);
  const gpt = read(image, { sizeKnown: false });
  assert.ok(!gpt.ok);
  assert.deepEqual(gpt.reasons, {
    primary: "invalid GPT header crc32",
    backup: "disk size unknown, the backup GPT cannot be found",
  });
  assert.equal(status(readable(upstreamImage(), { sizeKnown: false })), ALL);
});

test("GRUB's case weird_disk_size: a disk that got smaller loses its backup and nothing else", () => {
  const gpt = readable(upstreamImage(), { size: (SECTORS - 128) * SECTOR });
  assert.equal(status(gpt), "pmbr, primary header, primary entries");
  assert.match(gpt.reasons.backup ?? "", /beyond the end of the disk: sector 2047, the disk has 1920/);
  const byOne = readable(upstreamImage(), { size: (SECTORS - 1) * SECTOR });
  assert.match(byOne.reasons.backup ?? "", /beyond the end of the disk: sector 2047, the disk has 2047/);
});

test("GRUB's case iterate: the used entries come with number, place, attributes and name", () => {
  const gpt = readable(upstreamImage());
  assert.equal(gpt.table.length, 128 * 128);
  assert.deepEqual(gpt.entries, [
    {
      partition: 1,
      type: ESP_TYPE,
      partuuid: "a0f1792e-b4ce-4136-bcf2-1afc133c2828",
      firstLba: 34n,
      lastLba: 63n,
      attributes: 0n,
      name: "EFI SYSTEM",
    },
    {
      partition: 2,
      type: "21686148-6449-6e6f-744e-656564454649",
      partuuid: "876c898d-1b40-4727-a161-edf9b5486674",
      firstLba: 64n,
      lastLba: 127n,
      attributes: 4n,
      name: "BIOS BOOT",
    },
  ]);
});

test("GRUB's case large_partitions: entries of 256 bytes, with the CRCs that GRUB's tests expect", () => {
  const image = upstreamImage({ entrySize: 256, entryCount: 64 });
  assert.equal(u32(image, PRIMARY + 88).toString(16), "f2c45af8");
  assert.equal(u32(image, PRIMARY + 16).toString(16), "de00cc8f");
  assert.equal(u32(image, BACKUP + 16).toString(16), "6d72e284");
  const gpt = readable(image);
  assert.deepEqual(gpt.entries.map((entry) => entry.name), ["EFI SYSTEM", "BIOS BOOT"]);
  const changed = spoiled(image, PRIMARY_TABLE + 128 + 48, 1, 0xff);
  assert.equal(status(readable(changed)), "pmbr, primary header, backup header, backup entries");
});

test("GRUB's case invalid_partsize: entries of 384 bytes are refused though the CRC is right", () => {
  const image = withField32(upstreamImage(), PRIMARY, 84, 384);
  assert.equal(u32(image, PRIMARY + 16).toString(16), "1ff2a054");
  assert.equal(readable(image).reasons.primary, "invalid GPT entry size");
});

test("GRUB's cases search_part_label and search_part_uuid: names match exactly, GUIDs in either case", () => {
  const gpt = readable(upstreamImage());
  assert.equal(partitionByName(gpt, "EFI SYSTEM")?.partition, 1);
  assert.equal(partitionByName(gpt, "BIOS BOOT")?.partition, 2);
  assert.equal(partitionByName(gpt, "bogus name"), null);
  assert.equal(partitionByName(gpt, "efi system"), null);
  assert.equal(partitionByUuid(gpt, "A0F1792E-B4CE-4136-BCF2-1AFC133C2828")?.partition, 1);
  assert.equal(partitionByUuid(gpt, "876c898d-1b40-4727-a161-edf9b5486674")?.partition, 2);
  assert.equal(partitionByUuid(gpt, "1534c928-c50e-4866-9daf-6a9fd7918a76"), null);
});

const HEADER_CASES:
  readonly (readonly [what: string, reason: string, change: (image: Uint8Array) => Uint8Array])[] = [
    ["a wrong signature", "invalid GPT signature", (image) => spoiled(image, PRIMARY, 1, 0x46)],
    ["revision 2.0", "unknown GPT version", (image) => withField32(image, PRIMARY, 8, 0x20000)],
    ["a header of 91 bytes", "invalid GPT header size", (image) => withField32(image, PRIMARY, 12, 91)],
    [
      "a header longer than a sector",
      "invalid GPT header size",
      (image) => withField32(image, PRIMARY, 12, 513),
    ],
    ["entries of 0 bytes", "invalid GPT entry size", (image) => withField32(image, PRIMARY, 84, 0)],
    ["entries of 64 bytes", "invalid GPT entry size", (image) => withField32(image, PRIMARY, 84, 64)],
    [
      "entries of 4 GiB - 128",
      "invalid GPT entry size",
      (image) => withField32(image, PRIMARY, 84, 0xffffff80),
    ],
    ["127 entries", "invalid GPT entry table size", (image) => withField32(image, PRIMARY, 80, 127)],
    ["no entries", "invalid GPT entry table size", (image) => withField32(image, PRIMARY, 80, 0)],
    ["nothing usable", "invalid usable sectors", (image) => withField64(image, PRIMARY, 48, 33n)],
    ["another own LBA", "invalid primary GPT LBA", (image) => withField64(image, PRIMARY, 24, 2n)],
    ["its table in sector 1", "invalid entries location", (image) => withField64(image, PRIMARY, 72, 1n)],
    [
      "its table in usable sectors",
      "invalid entries location",
      (image) => withField64(image, PRIMARY, 72, 3n),
    ],
    [
      "its table beyond 2^63",
      "invalid entries location",
      (image) => withField64(image, PRIMARY, 72, 1n << 63n),
    ],
    ["2^32 - 1 entries", "invalid entries location", (image) => withField32(image, PRIMARY, 80, 0xffffffff)],
    [
      "the backup in usable sectors",
      "invalid backup GPT LBA",
      (image) => withField64(image, PRIMARY, 32, BigInt(BACKUP_TABLE_LBA) - 1n),
    ],
  ];

for (const [what, reason, change] of HEADER_CASES) {
  test(`a primary header with ${what} is "${reason}", and the backup is used`, () => {
    const gpt = readable(change(upstreamImage()));
    assert.equal(gpt.reasons.primary, reason);
    assert.equal(status(gpt), "pmbr, backup header, backup entries");
    assert.equal(gpt.entries.length, 2);
  });
}

const BACKUP_CASES:
  readonly (readonly [what: string, reason: string, change: (image: Uint8Array) => Uint8Array])[] = [
    ["another alternate LBA", "invalid primary GPT LBA", (image) => withField64(image, BACKUP, 32, 2n)],
    [
      "its table in usable sectors",
      "invalid entries location",
      (image) => withField64(image, BACKUP, 72, BigInt(BACKUP_TABLE_LBA) - 1n),
    ],
    [
      "its table over its header",
      "invalid entries location",
      (image) => withField64(image, BACKUP, 72, BigInt(BACKUP_TABLE_LBA) + 1n),
    ],
    [
      "another own LBA",
      "backup GPT out of sync",
      (image) => withField64(image, BACKUP, 24, BigInt(BACKUP_LBA) + 1n),
    ],
    ["another disk GUID", "backup GPT out of sync", (image) => withField64(image, BACKUP, 56, 1n)],
    ["another first usable sector", "backup GPT out of sync", (image) => withField64(image, BACKUP, 40, 40n)],
    [
      "another last usable sector",
      "backup GPT out of sync",
      (image) => withField64(image, BACKUP, 48, 1000n),
    ],
    ["another header size", "backup GPT out of sync", (image) => withField32(image, BACKUP, 12, 93)],
    ["another table CRC", "backup GPT out of sync", (image) => withField32(image, BACKUP, 88, 1)],
    [
      "another number of entries",
      "invalid GPT entry table size",
      (image) => withField32(image, BACKUP, 80, 96),
    ],
  ];

for (const [what, reason, change] of BACKUP_CASES) {
  test(`a backup header with ${what} is "${reason}", and the primary is used`, () => {
    const gpt = readable(change(upstreamImage()));
    assert.equal(gpt.reasons.backup, reason);
    assert.equal(status(gpt), "pmbr, primary header, primary entries");
  });
}

test("places are added up in 64 bits, as GRUB does: a table at the end of the numbers wraps round", () => {
  let image = spoiled(upstreamImage(), PRIMARY, 1, 0);
  image = withField64(image, BACKUP, 72, (1n << 64n) - 32n);
  image = withField64(image, BACKUP, 48, 1n << 63n);
  const gpt = read(image);
  assert.ok(!gpt.ok);
  // The table seems to end in sector 0 and is no fault; that the header lies in usable sectors is one.
  assert.equal(gpt.reasons.backup, "invalid backup GPT LBA");
});

test("the reserved field and whatever follows the header in its sector are nobody's business", () => {
  let image = withField32(upstreamImage(), PRIMARY, 20, 0xdeadbeef);
  image = spoiled(image, PRIMARY + 92, 512 - 92, 0x77);
  assert.equal(status(readable(image)), ALL);
});

test("a valid primary header with a spoiled table makes a backup that is not in sync useless", () => {
  let image = spoiled(upstreamImage(), PRIMARY_TABLE, 128, 0x55);
  image = withField64(image, BACKUP, 56, 1n);
  const gpt = read(image);
  assert.ok(!gpt.ok);
  assert.deepEqual(gpt.reasons, { primary: "invalid GPT entry crc32", backup: "backup GPT out of sync" });
});

test("two tables with the same CRC and different bytes are out of sync", () => {
  const image = upstreamImage();
  // CRC-32's polynomial, as bits on the wire, can be added to any message without changing its CRC.
  const table = image.subarray(BACKUP_TABLE, BACKUP_TABLE + 16384);
  const before = crc32(table);
  for (let bit = 0; bit <= 32; bit++) {
    const on = Number((0x104c11db7n >> BigInt(32 - bit)) & 1n);
    table[1000 + (bit >> 3)] = (table[1000 + (bit >> 3)] ?? 0) ^ (on << (bit & 7));
  }
  assert.equal(crc32(table), before);
  const gpt = readable(image);
  assert.equal(gpt.reasons.backup, "backup GPT out of sync");
  assert.equal(status(gpt), "pmbr, primary header, primary entries, backup header");
});

test("a backup away from the end of the disk counts if the primary points to it", () => {
  const image = flatcarImage({ a: [1, 0, 1], b: [0, 0, 0], sectors: 200, backupLba: 150 });
  assert.equal(status(readable(image)), ALL);
});

test("a backup away from the end of the disk is not found without a valid primary", () => {
  const image = flatcarImage({ a: [1, 0, 1], b: [0, 0, 0], sectors: 200, backupLba: 150 });
  const gpt = read(spoiled(image, PRIMARY, 1, 0));
  assert.ok(!gpt.ok);
  assert.deepEqual(gpt.reasons, { primary: "invalid GPT signature", backup: "invalid GPT signature" });
});

test("a backup in the last sector that says it is elsewhere is refused", () => {
  const image = flatcarImage({ a: [1, 0, 1], b: [0, 0, 0], sectors: 200, backupLba: 150 });
  image.copyWithin(199 * SECTOR, 150 * SECTOR, 151 * SECTOR);
  const gpt = read(spoiled(image, PRIMARY, 1, 0));
  assert.ok(!gpt.ok);
  assert.equal(gpt.reasons.backup, "invalid backup GPT LBA");
});

test("a header of 512 bytes with its CRC over 92 is accepted, with its CRC over 512 it is not", () => {
  const image = flatcarImage({ a: [1, 0, 1], b: [0, 0, 0], headerSize: 512 });
  assert.equal(status(readable(image)), ALL);
  const whole = image.slice();
  const header = Buffer.from(whole.buffer, PRIMARY, 512);
  header.writeUInt32LE(7, 200);
  header.writeUInt32LE(0, 16);
  header.writeUInt32LE(crc32(header), 16);
  assert.equal(readable(whole).reasons.primary, "invalid GPT header crc32");
});

test("a disk of 4096-byte sectors is read in its own sectors", () => {
  const image = flatcarImage({ a: [1, 0, 1], b: [0, 0, 0], sectorSize: 4096 });
  const gpt = readable(image, { sectorSize: 4096 });
  assert.equal(status(gpt), ALL);
  assert.equal(gpt.entries[0]?.firstLba, 6n);
  assert.equal(partitionByUuid(gpt, USR_A)?.partition, 3);
});

test("a table for 512-byte sectors on a disk of 4096-byte sectors is not found, as GRUB does not", () => {
  const image = flatcarImage({ a: [1, 0, 1], b: [0, 0, 0], sectors: 256 });
  const gpt = read(image, { sectorSize: 4096 });
  assert.ok(!gpt.ok);
  assert.equal(gpt.reasons.primary, "invalid GPT signature");
});

test("a table too large to read is refused as a whole, with its size, and is not allocated", () => {
  const entryCount = Number(LARGEST_TABLE / 128n) + 1;
  const sectors = 2 * Math.ceil(entryCount / 4) + 20;
  const image = gptImage({ sectors, entryCount, entries: [] });
  const gpt = read(image);
  assert.ok(!gpt.ok);
  assert.equal(gpt.reasons.primary, "entry table of 4194432 bytes, at most 4194304 are read");
});

test("a name of 36 units without an end, and not even UTF-16, is still a name", () => {
  const image = flatcarImage({ a: [1, 0, 1], b: [0, 0, 0] });
  const disk = image.slice();
  // A lone surrogate and no terminator.
  for (let at = 0; at < 72; at += 2) disk.set([0x00, 0xd8], PRIMARY_TABLE + 56 + at);
  const table = disk.slice(PRIMARY_TABLE, PRIMARY_TABLE + 16384);
  const gpt = readable(withField32(disk, PRIMARY, 88, crc32(table)));
  assert.equal(gpt.entries[0]?.name, "\ufffd".repeat(36));
});

test("a disk of no bytes, of one sector, or of zeros has a reason for each copy and no GPT", () => {
  for (const size of [0, 512, 1024, 51200]) {
    const gpt = read(new Uint8Array(size));
    assert.ok(!gpt.ok);
    assert.equal(gpt.kind, "invalid");
    assert.ok(gpt.reasons.primary.length > 0 && gpt.reasons.backup.length > 0);
  }
});

test("a sector that cannot be read costs its copy, and is told apart from damage", () => {
  const disk = new MemoryDisk(upstreamImage(), SECTOR);
  disk.onRead = (sector) => sector === 2 ? "input/output error" : null;
  const gpt = readGpt(disk);
  assert.ok(gpt.ok);
  assert.equal(gpt.reasons.primary, "memory: input/output error");
  assert.equal(gpt.readError, "memory: input/output error");
  assert.equal(gpt.entries.length, 2);
  disk.onRead = () => "input/output error";
  const none = readGpt(disk);
  assert.ok(!none.ok);
  assert.equal(none.kind, "read-error");
  assert.throws(() => requireGpt(none, "/dev/sda"), { name: "KexecError", code: "disk-unreadable" });
});

test("tableDigest() changes with any bit of the table that counts and with nothing else", () => {
  const image = flatcarImage({ a: [1, 0, 1], b: [2, 1, 0] });
  const digest = tableDigest(readable(image));
  assert.match(digest, /^[0-9a-f]{64}$/);
  assert.equal(tableDigest(readable(spoiled(image, PRIMARY, 1, 0))), digest);
  assert.notEqual(tableDigest(readable(flatcarImage({ a: [1, 0, 1], b: [2, 2, 0] }))), digest);
});
