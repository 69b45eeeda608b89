import assert from "node:assert/strict";
import { test } from "node:test";
import { crc32 } from "node:zlib";
import { type Gpt, readGpt, requireGpt, tableDigest } from "../../src/gpt/read.ts";
import { nextSlot, slotsOf } from "../../src/gpt/select.ts";
import type { SlotState } from "../../src/gpt/slot.ts";
import { planGiveBack, planSpend } from "../../src/gpt/spend.ts";
import { giveTryBack, spendTry } from "../../src/gpt/writer.ts";
import { KexecError } from "../../src/lib/errors.ts";
import {
  type Counters,
  counters,
  ESP_TYPE,
  flatcarImage,
  gptImage,
  type ImageEntry,
  sealHeader,
  USR_A,
  USR_B,
  USR_TYPE,
} from "../support/gpt_image.ts";
import { MemoryDisk } from "./memory_disk.ts";
import { modelApply, modelNext } from "./model.ts";
import { strictFaults } from "./strict_reader.ts";
import { BACKUP_LBA, SECTORS, upstreamImage } from "./upstream_disk.ts";

const SECTOR = 512;

function gptOf(disk: MemoryDisk): Gpt {
  return requireGpt(readGpt(disk), disk.path);
}

/** What a caller does: read, choose, spend. */
function takeNext(disk: MemoryDisk, evenIfLast = true): number {
  const gpt = gptOf(disk);
  const slot = nextSlot(gpt);
  assert.ok(slot);
  spendTry(disk, { slot, tableDigest: tableDigest(gpt) }, { evenIfLast });
  return slot.partition;
}

function slotOf(gpt: Gpt, partition: number): SlotState {
  const slot = slotsOf(gpt).find((found) => found.partition === partition);
  assert.ok(slot);
  return slot;
}

function countersOf(disk: MemoryDisk, partition: number): Counters {
  const slot = slotOf(gptOf(disk), partition);
  return [slot.priority, slot.tries, slot.successful ? 1 : 0];
}

function zeroed(image: Uint8Array, ...sectors: number[]): Uint8Array {
  const copy = image.slice();
  for (const sector of sectors) copy.fill(0, sector * SECTOR, (sector + 1) * SECTOR);
  return copy;
}

function isZero(disk: MemoryDisk, sector: number): boolean {
  return disk.bytes.subarray(sector * SECTOR, (sector + 1) * SECTOR).every((byte) => byte === 0);
}

/** The bytes GRUB itself would leave, by the independent model. */
function afterGrub(image: Uint8Array, sectorSize = SECTOR, size = image.length): Uint8Array {
  const disk = { bytes: image, sectorSize, sectors: BigInt(size / sectorSize) };
  const bytes = modelApply(disk, modelNext(disk).writes);
  assert.ok(bytes);
  return bytes;
}

/** Our error's code, and proof that the disk was left alone. */
function refusal(disk: MemoryDisk, action: () => unknown): KexecError {
  const before = disk.bytes.slice();
  let caught: unknown;
  try {
    action();
  } catch (error) {
    caught = error;
  }
  assert.ok(caught instanceof KexecError, `expected a KexecError, got ${caught}`);
  assert.deepEqual(disk.bytes, before);
  return caught;
}

/** The disk of GRUB's gptprio test: 100 sectors, an ESP and three slots. */
function prioImage(slots: Readonly<Record<2 | 3 | 4, Counters>>): Uint8Array {
  const slot = (number: 2 | 3 | 4, uuid: string): ImageEntry => ({
    number,
    type: USR_TYPE,
    uuid,
    first: 32 + 2 + number,
    last: 32 + 2 + number,
    attributes: counters(...slots[number]),
  });
  return gptImage({
    sectors: 100,
    entries: [
      { number: 1, type: ESP_TYPE, uuid: "a0f1792e-b4ce-4136-bcf2-1afc133c2828", first: 34, last: 35 },
      slot(2, "9b003904-d006-4ab3-97f1-73f547b7af1a"),
      slot(3, "1aa5a658-5b02-414d-9b71-f7e6c151f0cd"),
      slot(4, "8aa0240d-98af-42b0-b32a-ccbe0572d62b"),
    ],
  });
}

const UNUSED: Counters = [0, 0, 0];

for (const sector of [99, 1]) {
  test(`GRUB's gptprio case: without tries nothing is written, and a lost sector ${sector} stays lost`, () => {
    const image = zeroed(prioImage({ 2: [1, 0, 1], 3: UNUSED, 4: UNUSED }), sector);
    const disk = new MemoryDisk(image, SECTOR);
    assert.equal(takeNext(disk), 2);
    assert.deepEqual(disk.bytes, image);
    assert.equal(disk.epochs.flat().length, 0);
  });

  test(`GRUB's gptprio case: taking a try writes a lost sector ${sector} again`, () => {
    const whole = prioImage({ 2: [1, 1, 0], 3: UNUSED, 4: UNUSED });
    const image = zeroed(whole, sector);
    const disk = new MemoryDisk(image, SECTOR);
    assert.equal(takeNext(disk), 2);
    assert.deepEqual(countersOf(disk, 2), [1, 0, 0]);
    assert.equal(isZero(disk, sector), false);
    assert.deepEqual(disk.bytes, afterGrub(image));
    assert.deepEqual(disk.bytes, afterGrub(whole));
    assert.deepEqual(strictFaults(disk.bytes, SECTOR), { primary: [], backup: [] });
  });
}

test("GRUB's gptprio case: three slots are taken in turn until the good one is left", () => {
  const disk = new MemoryDisk(prioImage({ 2: [3, 3, 0], 3: [2, 2, 0], 4: [1, 0, 1] }), SECTOR);
  const taken: (readonly [number, Counters])[] = [];
  for (let boot = 0; boot < 8; boot++) {
    const partition = takeNext(disk);
    taken.push([partition, countersOf(disk, partition)]);
  }
  assert.deepEqual(taken, [
    [2, [3, 2, 0]],
    [2, [3, 1, 0]],
    [2, [3, 0, 0]],
    [3, [2, 1, 0]],
    [3, [2, 0, 0]],
    [4, [1, 0, 1]],
    [4, [1, 0, 1]],
    [4, [1, 0, 1]],
  ]);
  assert.deepEqual([countersOf(disk, 2), countersOf(disk, 3)], [[3, 0, 0], [2, 0, 0]]);
});

test("GRUB's case repair: a lost header of the sample disk is written as it was", () => {
  // The sample disk has no slot, so one is made of its first entry; taking a try must restore all but the tries.
  const image = upstreamImage();
  const slotted = (tries: number): Uint8Array =>
    gptImage({
      sectors: SECTORS,
      diskGuid: "69c131ad-67d6-46c6-93c4-124c755256ac",
      entries: [{
        number: 1,
        type: USR_TYPE,
        uuid: USR_A,
        first: 34,
        last: 63,
        attributes: counters(1, tries, 0),
      }],
    });
  assert.equal(image.length, slotted(0).length);
  for (const sector of [1, BACKUP_LBA]) {
    const disk = new MemoryDisk(zeroed(slotted(2), sector), SECTOR);
    takeNext(disk);
    assert.deepEqual(disk.bytes, slotted(1));
  }
});

test("only the four sectors that differ are written, and the protective MBR never", () => {
  const image = flatcarImage({ a: [1, 0, 1], b: [2, 1, 0] });
  const disk = new MemoryDisk(image, SECTOR);
  const gpt = gptOf(disk);
  const slot = slotOf(gpt, 4);
  const result = spendTry(disk, { slot, tableDigest: tableDigest(gpt) });
  const last = image.length / SECTOR - 1;
  const sectors = disk.epochs.map((epoch) => epoch.map((write) => write.sector));
  assert.deepEqual(sectors, [[2], [1], [last, last - 32], []]);
  assert.deepEqual(result, {
    slot,
    triesAfter: 0,
    written: ["primary table", "primary header", "backup header", "backup table"],
    bytesWritten: 4 * SECTOR,
    repaired: [],
  });
});

test("every bit of the table but the slot's tries stays as it is", () => {
  const all = (1n << 64n) - 1n;
  const image = gptImage({
    sectors: 100,
    entrySize: 256,
    entryCount: 64,
    entries: [
      {
        number: 7,
        type: USR_TYPE,
        uuid: USR_B,
        first: 40,
        last: 41,
        attributes: all,
        name: "USR-B with 36 characters or even more",
      },
      { number: 8, type: USR_TYPE, uuid: USR_A, first: 42, last: 43, attributes: all & ~counters(8, 0, 0) },
    ],
  });
  const tableAt = 2 * SECTOR;
  // Bytes behind the first 128 of each entry belong to nobody and must survive as well.
  for (let at = 128; at < 64 * 256; at += 256) image.fill(0x5a, tableAt + at, tableAt + at + 128);
  const backupAt = image.length - SECTOR - 16384;
  image.copyWithin(backupAt, tableAt, tableAt + 16384);
  const table = image.slice(tableAt, tableAt + 16384);
  const reseal = (offset: number): void => {
    new DataView(image.buffer, image.byteOffset).setUint32(offset + 88, crc32(table), true);
    sealHeader(image, offset);
  };
  reseal(SECTOR);
  reseal(image.length - SECTOR);
  const disk = new MemoryDisk(image, SECTOR);
  assert.equal(takeNext(disk), 7);
  const expected = table.slice();
  expected[6 * 256 + 54] = 0xef; // tries 15 becomes 14, priority stays 15
  assert.deepEqual(disk.bytes.slice(tableAt, tableAt + 16384), expected);
  assert.deepEqual(disk.bytes, afterGrub(image));
});

test("what follows the header in its sector stays as it is", () => {
  const image = flatcarImage({ a: [1, 0, 1], b: [2, 1, 0] });
  const last = image.length - SECTOR;
  image.fill(0x33, SECTOR + 92, 2 * SECTOR);
  image.fill(0x44, last + 92, last + SECTOR);
  const disk = new MemoryDisk(image, SECTOR);
  takeNext(disk);
  assert.deepEqual(disk.bytes.slice(SECTOR + 92, 2 * SECTOR), image.slice(SECTOR + 92, 2 * SECTOR));
  assert.deepEqual(disk.bytes.slice(last + 92), image.slice(last + 92));
});

test("a successful slot with tries left loses one, as under GRUB", () => {
  const disk = new MemoryDisk(flatcarImage({ a: [1, 0, 1], b: [2, 3, 1] }), SECTOR);
  assert.equal(takeNext(disk), 4);
  assert.deepEqual(countersOf(disk, 4), [2, 2, 1]);
});

test("a header that said 512 bytes says 92 afterwards, in both copies", () => {
  const image = flatcarImage({ a: [1, 0, 1], b: [2, 1, 0], headerSize: 512 });
  const disk = new MemoryDisk(image, SECTOR);
  takeNext(disk);
  const view = new DataView(disk.bytes.buffer);
  assert.equal(view.getUint32(SECTOR + 12, true), 92);
  assert.equal(view.getUint32(disk.bytes.length - SECTOR + 12, true), 92);
  assert.deepEqual(disk.bytes, afterGrub(image));
});

interface Geometry {
  readonly name: string;
  readonly image: Uint8Array;
  readonly sectorSize: number;
}

const pending = { a: [1, 0, 1], b: [2, 1, 0] } as const;

const GEOMETRIES: readonly Geometry[] = [
  { name: "512-byte sectors", image: flatcarImage(pending), sectorSize: 512 },
  { name: "4096-byte sectors", image: flatcarImage({ ...pending, sectorSize: 4096 }), sectorSize: 4096 },
  {
    name: "entries of 256 bytes",
    image: flatcarImage({ ...pending, entrySize: 256, entryCount: 64 }),
    sectorSize: 512,
  },
  {
    name: "entries of 512 bytes",
    image: flatcarImage({ ...pending, entrySize: 512, entryCount: 40 }),
    sectorSize: 512,
  },
  {
    name: "130 entries, the last sector half used",
    image: flatcarImage({ ...pending, entryCount: 130 }),
    sectorSize: 512,
  },
  {
    name: "a backup away from the end",
    image: flatcarImage({ ...pending, sectors: 200, backupLba: 150 }),
    sectorSize: 512,
  },
];

for (const { name, image, sectorSize } of GEOMETRIES) {
  test(`taking a try leaves the bytes that GRUB would leave: ${name}`, () => {
    const disk = new MemoryDisk(image, sectorSize);
    takeNext(disk, false);
    assert.deepEqual(disk.bytes, afterGrub(image, sectorSize));
  });

  test(`giving the try back afterwards restores every byte: ${name}`, () => {
    const disk = new MemoryDisk(image, sectorSize);
    takeNext(disk);
    const result = giveTryBack(disk, USR_B.toUpperCase());
    assert.equal(result.triesAfter, 1);
    assert.deepEqual(disk.bytes, image);
  });
}

test("a backup that the primary points to is kept where it is", () => {
  const disk = new MemoryDisk(flatcarImage({ ...pending, sectors: 200, backupLba: 150 }), SECTOR);
  takeNext(disk);
  assert.equal(isZero(disk, 199), true);
  assert.equal(gptOf(disk).headers.primary?.alternateLba, 150n);
});

test("on a disk that has grown, a lost backup is written at its new end and the usable sectors stay", () => {
  const image = zeroed(flatcarImage({ ...pending, sectors: 200, backupLba: 150 }), 150);
  const disk = new MemoryDisk(image, SECTOR);
  const usable = gptOf(disk).headers.primary?.lastUsable;
  takeNext(disk);
  assert.deepEqual(disk.bytes, afterGrub(image));
  const gpt = gptOf(disk);
  assert.deepEqual([gpt.primary, gpt.backup], ["valid", "valid"]);
  assert.equal(gpt.headers.primary?.alternateLba, 199n);
  assert.equal(gpt.headers.primary?.lastUsable, usable);
});

test("a spoiled primary table under a valid header is written again from the backup", () => {
  const image = flatcarImage(pending);
  image.fill(0x55, 2 * SECTOR, 3 * SECTOR);
  const disk = new MemoryDisk(image, SECTOR);
  const gpt = gptOf(disk);
  const result = spendTry(disk, { slot: slotOf(gpt, 4), tableDigest: tableDigest(gpt) });
  assert.deepEqual(result.repaired, ["primary"]);
  assert.deepEqual(disk.bytes, afterGrub(image));
});

test("a disk that got smaller than its backup's place is refused: GRUB would write without a second copy", () => {
  const image = flatcarImage(pending);
  const disk = new MemoryDisk(image, SECTOR, image.length - 8 * SECTOR);
  const gpt = gptOf(disk);
  const slot = slotOf(gpt, 4);
  assert.match(JSON.stringify(planSpend(gpt, slot)), /beyond the end of the disk/);
  const error = refusal(disk, () => spendTry(disk, { slot, tableDigest: tableDigest(gpt) }));
  assert.equal(error.code, "gpt-invalid");
});

test("a partition that lies where the backup would be written is not overwritten", () => {
  const whole = flatcarImage({ ...pending, sectors: 200, backupLba: 150 });
  // The last partition is made to reach to the end of the disk, as a careless resize would.
  const image = zeroed(whole, 150);
  const entryAt = 2 * SECTOR + 8 * 128;
  new DataView(image.buffer).setBigUint64(entryAt + 40, 199n, true);
  const table = image.slice(2 * SECTOR, 2 * SECTOR + 16384);
  new DataView(image.buffer).setUint32(SECTOR + 88, crc32(table), true);
  sealHeader(image, SECTOR);
  const disk = new MemoryDisk(image, SECTOR);
  const gpt = gptOf(disk);
  const error = refusal(disk, () => spendTry(disk, { slot: slotOf(gpt, 4), tableDigest: tableDigest(gpt) }));
  assert.equal(error.code, "gpt-invalid");
  assert.match(
    error.message,
    /partition 9 \(sectors \d+ to 199\) overlaps the backup header \(sectors 199 to 199\)/,
  );
});

test("the last try of the last bootable slot is refused, and taken if told so", () => {
  const disk = new MemoryDisk(flatcarImage({ a: [1, 0, 0], b: [2, 1, 0] }), SECTOR);
  const gpt = gptOf(disk);
  const expectation = { slot: slotOf(gpt, 4), tableDigest: tableDigest(gpt) };
  const error = refusal(disk, () => spendTry(disk, expectation));
  assert.equal(error.code, "no-slot");
  assert.equal(spendTry(disk, expectation, { evenIfLast: true }).triesAfter, 0);
});

test("spendTry() refuses a slot that GRUB would not take now", () => {
  const disk = new MemoryDisk(flatcarImage({ a: [1, 0, 1], b: [2, 1, 0] }), SECTOR);
  const gpt = gptOf(disk);
  const digest = tableDigest(gpt);
  const slot = slotOf(gpt, 4);
  for (
    const other of [
      slotOf(gpt, 3),
      { ...slot, tries: 2 },
      { ...slot, priority: 3 },
      { ...slot, successful: true },
      { ...slot, partuuid: USR_A },
      { ...slot, partition: 5 },
    ]
  ) {
    const error = refusal(disk, () => spendTry(disk, { slot: other, tableDigest: digest }));
    assert.equal(error.code, "slot-changed");
    assert.match(
      error.message,
      /GRUB would now take partition 4 with priority 2, tries 1, successful 0, planned/,
    );
  }
});

test("spendTry() refuses a table that has changed elsewhere since it was planned", () => {
  const before = new MemoryDisk(flatcarImage({ a: [1, 0, 1], b: [2, 1, 0] }), SECTOR);
  const expectation = { slot: slotOf(gptOf(before), 4), tableDigest: tableDigest(gptOf(before)) };
  const disk = new MemoryDisk(flatcarImage({ a: [1, 1, 1], b: [2, 1, 0] }), SECTOR);
  const error = refusal(disk, () => spendTry(disk, expectation));
  assert.equal(error.code, "slot-changed");
  assert.match(error.message, /the partition table has changed since it was planned/);
});

test("spendTry() refuses where there is no bootable slot or no GPT any more", () => {
  const before = new MemoryDisk(flatcarImage({ a: [1, 0, 1], b: [2, 1, 0] }), SECTOR);
  const expectation = { slot: slotOf(gptOf(before), 4), tableDigest: tableDigest(gptOf(before)) };
  const noSlot = new MemoryDisk(flatcarImage({ a: [1, 0, 0], b: [2, 0, 0] }), SECTOR);
  assert.match(refusal(noSlot, () => spendTry(noSlot, expectation)).message, /GRUB would now take no slot/);
  const blank = new MemoryDisk(new Uint8Array(100 * SECTOR), SECTOR);
  assert.equal(refusal(blank, () => spendTry(blank, expectation)).code, "gpt-invalid");
  const empty = new MemoryDisk(new Uint8Array(0), SECTOR);
  assert.equal(refusal(empty, () => spendTry(empty, expectation)).code, "gpt-invalid");
});

test("a disk with an unreadable sector in either copy is not written to", () => {
  const image = flatcarImage({ a: [1, 0, 1], b: [2, 1, 0] });
  const last = image.length / SECTOR - 1;
  for (const bad of [1, 2, last, last - 32]) {
    const disk = new MemoryDisk(image, SECTOR);
    const gpt = gptOf(disk);
    disk.onRead = (sector, sectors) => sector <= bad && bad < sector + sectors ? "input/output error" : null;
    const error = refusal(
      disk,
      () => spendTry(disk, { slot: slotOf(gpt, 4), tableDigest: tableDigest(gpt) }),
    );
    assert.equal(error.code, "gpt-invalid");
    assert.match(error.message, /the disk has read errors: memory: input\/output error/);
  }
});

test("a device that refuses the first write is left as it was, and the message says what GRUB would take", () => {
  const disk = new MemoryDisk(flatcarImage({ a: [1, 0, 1], b: [2, 1, 0] }), SECTOR);
  const gpt = gptOf(disk);
  disk.onWrite = () => {
    throw new Error("EIO: i/o error, write");
  };
  const error = refusal(disk, () => spendTry(disk, { slot: slotOf(gpt, 4), tableDigest: tableDigest(gpt) }));
  assert.equal(error.code, "write-failed");
  assert.equal(
    error.message,
    "Cannot take a try of partition 4 on memory: EIO: i/o error, write; GRUB would now take partition 4 " +
      "(priority 2, tries 1, successful 0)",
  );
});

test("a device that fails at any write or flush is left with a slot to boot, and the message says which", () => {
  const image = flatcarImage({ a: [1, 0, 1], b: [2, 1, 0] });
  const messages = new Set<string>();
  for (let failing = 0; failing < 7; failing++) {
    const disk = new MemoryDisk(image, SECTOR);
    const gpt = gptOf(disk);
    let count = 0;
    const fail = (): void => {
      if (count++ === failing) throw new Error("EIO");
    };
    disk.onWrite = fail;
    disk.onSync = fail;
    assert.throws(() => spendTry(disk, { slot: slotOf(gpt, 4), tableDigest: tableDigest(gpt) }), (error) => {
      assert.ok(error instanceof KexecError);
      assert.equal(error.code, "write-failed");
      messages.add(error.message.split("; ")[1] ?? "");
      return true;
    });
    assert.ok(nextSlot(gptOf(disk)));
  }
  assert.deepEqual([...messages], [
    "GRUB would now take partition 4 (priority 2, tries 1, successful 0)",
    "GRUB would now take partition 3 (priority 1, tries 0, successful 1)",
  ]);
});

test("a device that loses what it was given is found out by reading back", () => {
  for (const lost of [1, 2]) {
    const disk = new MemoryDisk(flatcarImage({ a: [1, 0, 1], b: [2, 1, 0] }), SECTOR);
    const gpt = gptOf(disk);
    const kept = disk.bytes.slice(lost * SECTOR, (lost + 1) * SECTOR);
    disk.onSync = () => disk.bytes.set(kept, lost * SECTOR);
    assert.throws(
      () => spendTry(disk, { slot: slotOf(gpt, 4), tableDigest: tableDigest(gpt) }),
      { code: "write-failed", message: /reading back what was written: / },
    );
  }
});

const UNFIT: readonly (readonly [string, Counters, Counters, RegExp])[] = [
  ["it has a try left", [1, 0, 1], [2, 1, 0], /a try is given back only where none is left/],
  ["it is successful", [1, 0, 1], [2, 0, 1], /a successful slot needs no try/],
  [
    "the other slot has a higher priority",
    [3, 0, 1],
    [2, 0, 0],
    /highest priority gets its try back, and partition 3/,
  ],
  ["its priority is 0", [0, 0, 1], [0, 0, 0], /highest priority gets its try back, and it has none/],
  [
    "GRUB would still take the other one of equal priority",
    [2, 0, 1],
    [2, 0, 0],
    /would still take partition 3/,
  ],
];

for (const [why, a, b, expected] of UNFIT) {
  test(`giveTryBack() refuses a slot if ${why}`, () => {
    const disk = new MemoryDisk(flatcarImage({ a, b }), SECTOR);
    const error = refusal(disk, () => giveTryBack(disk, USR_B));
    assert.equal(error.code, "slot-changed");
    assert.match(error.message, expected);
    assert.equal(planGiveBack(gptOf(disk), slotOf(gptOf(disk), 4)).kind, "unfit");
  });
}

test("giveTryBack() refuses a GUID that no slot or more than one slot has", () => {
  const disk = new MemoryDisk(flatcarImage({ a: [1, 0, 1], b: [2, 0, 0] }), SECTOR);
  const unknown = "11111111-2222-4333-8444-555555555555";
  assert.match(refusal(disk, () => giveTryBack(disk, unknown)).message, /0 slots have that unique GUID/);
  const twins = new MemoryDisk(
    gptImage({
      sectors: 100,
      entries: [3, 4].map((number) => ({
        number,
        type: USR_TYPE,
        uuid: USR_B,
        first: 40 + number,
        last: 40 + number,
      })),
    }),
    SECTOR,
  );
  assert.match(refusal(twins, () => giveTryBack(twins, USR_B)).message, /2 slots have that unique GUID/);
});
