import assert from "node:assert/strict";
import { test } from "node:test";
import { type Gpt, readGpt } from "../../src/gpt/read.ts";
import { repairFault } from "../../src/gpt/repair.ts";
import {
  byteRange,
  nextOf,
  nextSlot,
  partitionByName,
  partitionsByType,
  slotsOf,
  triesAfter,
} from "../../src/gpt/select.ts";
import type { SlotState } from "../../src/gpt/slot.ts";
import {
  counters,
  flatcarImage,
  gptImage,
  sealHeader,
  USR_A,
  USR_B,
  USR_TYPE,
} from "../support/gpt_image.ts";
import { MemoryDisk } from "./memory_disk.ts";

function gptOf(image: Uint8Array, sectorSize = 512): Gpt {
  const gpt = readGpt(new MemoryDisk(image, sectorSize));
  assert.ok(gpt.ok);
  return gpt;
}

function slot(partition: number, priority: number, tries: number, successful: boolean): SlotState {
  return { partition, partuuid: USR_A, label: `USR-${partition}`, priority, tries, successful };
}

test("slotsOf() lists the entries of Flatcar's /usr type with their counters", () => {
  assert.deepEqual(slotsOf(gptOf(flatcarImage({ a: [1, 0, 1], b: [15, 14, 0] }))), [
    { partition: 3, partuuid: USR_A, label: "USR-A", priority: 1, tries: 0, successful: true },
    { partition: 4, partuuid: USR_B, label: "USR-B", priority: 15, tries: 14, successful: false },
  ]);
});

test("the counters are read past every other attribute bit", () => {
  const others = ~counters(15, 15, 1) & ((1n << 64n) - 1n);
  const image = gptImage({
    sectors: 100,
    entries: [
      {
        number: 1,
        type: USR_TYPE,
        uuid: USR_A,
        first: 34,
        last: 35,
        attributes: others | counters(5, 10, 0),
      },
      {
        number: 2,
        type: USR_TYPE,
        uuid: USR_B,
        first: 36,
        last: 37,
        attributes: others | counters(10, 5, 1),
      },
    ],
  });
  assert.deepEqual(
    slotsOf(gptOf(image)).map((found) => [found.priority, found.tries, found.successful]),
    [[5, 10, false], [10, 5, true]],
  );
});

const CHOICES: readonly (readonly [string, readonly SlotState[], number | null])[] = [
  ["no slots", [], null],
  ["a fresh install: only A, successful", [slot(3, 1, 0, true), slot(4, 0, 0, false)], 3],
  ["an update with a try", [slot(3, 1, 0, true), slot(4, 2, 1, false)], 4],
  ["an update whose try is spent", [slot(3, 1, 0, true), slot(4, 2, 0, false)], 3],
  ["a tie goes to the first", [slot(3, 2, 1, false), slot(4, 2, 0, true)], 3],
  ["a tie goes to the first that can boot", [slot(3, 2, 0, false), slot(4, 2, 0, true)], 4],
  ["priority 0 never boots, not even a successful slot", [slot(3, 0, 5, true), slot(4, 0, 1, false)], null],
  ["nothing has tries or success", [slot(3, 2, 0, false), slot(4, 1, 0, false)], null],
  ["a third slot takes part", [slot(3, 1, 0, true), slot(4, 2, 0, false), slot(5, 3, 1, false)], 5],
];

for (const [what, slots, expected] of CHOICES) {
  test(`nextOf() with ${what}: ${expected === null ? "nothing" : `partition ${expected}`}`, () => {
    assert.equal(nextOf(slots)?.partition ?? null, expected);
  });
}

test("nextSlot() reads the slots of a GPT", () => {
  assert.equal(nextSlot(gptOf(flatcarImage({ a: [1, 0, 1], b: [2, 1, 0] })))?.label, "USR-B");
  assert.equal(nextSlot(gptOf(flatcarImage({ a: [1, 0, 0], b: [2, 0, 0] }))), null);
});

test("nextSlot() is null where GRUB fails to repair the table, though a slot could boot without a write", () => {
  const image = flatcarImage({ a: [1, 0, 1], b: [0, 0, 0] });
  // The primary's first usable sector is one too early for its table: GRUB then rebuilds it from the backup, in
  // which that is no fault, and finds its own work invalid.
  for (const header of [512, image.length - 512]) {
    new DataView(image.buffer).setBigUint64(header + 40, 33n, true);
    sealHeader(image, header);
  }
  const gpt = gptOf(image);
  assert.deepEqual([gpt.primary, gpt.backup], ["invalid", "valid"]);
  assert.equal(nextOf(slotsOf(gpt))?.partition, 3);
  assert.equal(nextSlot(gpt), null);
  assert.equal(repairFault(gpt), "Generated invalid GPT primary header: invalid entries location");
});

test("nextSlot() is null as well where it is the backup that GRUB cannot make", () => {
  const image = flatcarImage({ a: [1, 0, 1], b: [0, 0, 0] });
  const last = BigInt(image.length / 512 - 1);
  // Usable up to the sector before the backup header, so there is no place for the backup's table.
  for (const header of [512, image.length - 512]) {
    new DataView(image.buffer).setBigUint64(header + 48, last - 1n, true);
    sealHeader(image, header);
  }
  const gpt = gptOf(image);
  assert.deepEqual([gpt.primary, gpt.backup], ["valid", "invalid"]);
  assert.equal(nextSlot(gpt), null);
  assert.equal(repairFault(gpt), "Generated invalid GPT backup header: invalid entries location");
});

test("triesAfter() takes one even from a successful slot, and never goes below zero", () => {
  assert.deepEqual([slot(3, 1, 3, true), slot(3, 1, 1, false), slot(3, 1, 0, true)].map(triesAfter), [
    2,
    0,
    0,
  ]);
});

test("partitionsByType() takes either case and keeps the table's order", () => {
  const gpt = gptOf(flatcarImage({ a: [1, 0, 1], b: [0, 0, 0] }));
  assert.deepEqual(partitionsByType(gpt, USR_TYPE.toUpperCase()).map((found) => found.partition), [3, 4]);
});

test("byteRange() gives a partition's bytes in the disk's own sectors", () => {
  for (const sectorSize of [512, 4096] as const) {
    const gpt = gptOf(flatcarImage({ a: [1, 0, 1], b: [0, 0, 0], sectorSize }), sectorSize);
    const esp = partitionByName(gpt, "EFI-SYSTEM");
    assert.ok(esp);
    const first = sectorSize === 512 ? 34 : 6;
    assert.deepEqual(byteRange(gpt, esp), { offset: first * sectorSize, length: 2 * sectorSize });
  }
});

test("byteRange() answers null for an entry that ends before it begins or beyond the disk", () => {
  const places: readonly (readonly [bigint, bigint])[] = [
    [40n, 39n],
    [40n, 100n],
    [0n, (1n << 64n) - 1n],
    [(1n << 64n) - 1n, (1n << 64n) - 1n],
  ];
  for (const [first, last] of places) {
    const image = gptImage({
      sectors: 100,
      entries: [{ number: 1, type: USR_TYPE, uuid: USR_A, first, last }],
    });
    const gpt = gptOf(image);
    const entry = gpt.entries[0];
    assert.ok(entry);
    assert.equal(byteRange(gpt, entry), null);
  }
});
