import assert from "node:assert/strict";
import { test } from "node:test";
import { readGpt, requireGpt, tableDigest } from "../../src/gpt/read.ts";
import { nextSlot } from "../../src/gpt/select.ts";
import { giveTryBack, spendTry } from "../../src/gpt/writer.ts";
import { flatcarImage, USR_B } from "../support/gpt_image.ts";
import { seededRandom } from "../support/random.ts";
import { brokenSectorStates, type CutOptions, cutStates, MemoryDisk } from "./memory_disk.ts";
import { modelApply, modelNext } from "./model.ts";
import { boots, diskOf, judge, type Outcome } from "./outcome.ts";
import { strictFaults } from "./strict_reader.ts";
import { SCENARIOS } from "./scenarios.ts";

/** Enough for a second round, which multiplies. */
const FEW: CutOptions = { exhaustive: 4, samples: 3, stride: 11 };

function spend(disk: MemoryDisk): void {
  const gpt = requireGpt(readGpt(disk), disk.path);
  const slot = nextSlot(gpt);
  assert.ok(slot);
  spendTry(disk, { slot, tableDigest: tableDigest(gpt) });
}

function assertGood(outcome: Outcome, name: string): void {
  assert.match(outcome.state, /^(old|new)$/, `${name}: ${outcome.state}`);
  assert.ok(outcome.linuxFindsDisk, `${name}: Linux would find no partitions`);
}

function spent(image: Uint8Array, sectorSize: number): MemoryDisk {
  const disk = new MemoryDisk(image, sectorSize);
  spend(disk);
  return disk;
}

for (const { name, image, sectorSize, perfect } of SCENARIOS) {
  test(`a power cut at any sector of a spend leaves the old or the new state: ${name}`, () => {
    const disk = spent(image, sectorSize);
    const judged = judge(image, disk.bytes, sectorSize);
    const seen = new Set<string>();
    for (const state of cutStates(image, disk, seededRandom(1).next)) {
      const outcome = judged(state.bytes);
      assertGood(outcome, state.name);
      seen.add(outcome.state);
      if (perfect) {
        const faults = strictFaults(state.bytes, sectorSize);
        assert.ok(
          faults.primary.length === 0 || faults.backup.length === 0,
          `${state.name}: ${JSON.stringify(faults)}`,
        );
      }
    }
    assert.deepEqual([...seen].sort(), ["new", "old"]);
  });

  test(`after any power cut GRUB itself, and a second spend cut short, come out well: ${name}`, () => {
    const first = spent(image, sectorSize);
    const random = seededRandom(2);
    const distinct = new Map<string, Uint8Array>();
    for (const state of cutStates(image, first, random.next, FEW)) {
      distinct.set(Buffer.from(state.bytes).toString("latin1"), state.bytes);
    }
    for (const torn of distinct.values()) {
      const grub = modelNext(diskOf(torn, sectorSize));
      const booted = modelApply(diskOf(torn, sectorSize), grub.writes);
      assert.ok(booted !== null && typeof boots(booted, sectorSize) === "object");

      const before = boots(torn, sectorSize);
      assert.ok(typeof before === "object");
      if (before.tries === 0) continue;
      const again = spent(torn, sectorSize);
      assert.deepEqual(again.bytes, booted, "GRUB would have left other bytes");
      const judged = judge(torn, again.bytes, sectorSize);
      for (const state of cutStates(torn, again, random.next, FEW)) {
        assertGood(judged(state.bytes), state.name);
      }
    }
  });
}

for (const { name, image, sectorSize, displaced } of SCENARIOS.filter((scenario) => !scenario.displaced)) {
  test(`even a sector torn in itself leaves the old or the new state: ${name}`, () => {
    assert.equal(displaced, false);
    const disk = spent(image, sectorSize);
    const judged = judge(image, disk.bytes, sectorSize);
    for (const state of brokenSectorStates(image, disk)) assertGood(judged(state.bytes), state.name);
  });
}

test("with the backup away from the end, only a primary header torn in itself leaves no table", () => {
  // GRUB finds such a backup through the primary header alone; docs/gpt.md says so.
  for (const { image, sectorSize } of SCENARIOS.filter((scenario) => scenario.displaced)) {
    const disk = spent(image, sectorSize);
    const headerEpoch = disk.epochs.findIndex((epoch) => epoch.some((write) => write.sector === 1));
    const judged = judge(image, disk.bytes, sectorSize);
    for (const state of brokenSectorStates(image, disk)) {
      const outcome = judged(state.bytes).state;
      if (state.name.startsWith(`${headerEpoch}:`)) assert.match(outcome, /^(old|new|GRUB: .*)$/);
      else assert.match(outcome, /^(old|new)$/, state.name);
    }
  }
});

test("a power cut while a try is given back leaves the old or the new state", () => {
  for (const sectorSize of [512, 4096] as const) {
    const image = flatcarImage({ a: [1, 0, 1], b: [2, 0, 0], sectorSize });
    const disk = new MemoryDisk(image, sectorSize);
    giveTryBack(disk, USR_B);
    const judged = judge(image, disk.bytes, sectorSize);
    const seen = new Set<string>();
    for (const state of cutStates(image, disk, seededRandom(3).next)) {
      const outcome = judged(state.bytes);
      assertGood(outcome, state.name);
      seen.add(outcome.state);
    }
    assert.deepEqual([...seen].sort(), ["new", "old"]);
  }
});

test("GRUB's own order of writes would not do: a cut leaves no table, or one that Linux cannot read", () => {
  // The reasons why ours differs; if this fails, the model or the reasons are wrong.
  const torn = (name: string, writes: number): Uint8Array => {
    const scenario = SCENARIOS.find((found) => found.name === name);
    assert.ok(scenario);
    const bytes = scenario.image.slice();
    for (const write of modelNext(diskOf(bytes, scenario.sectorSize)).writes.slice(0, writes)) {
      bytes.set(write.bytes, Number(write.offset));
    }
    return bytes;
  };
  assert.equal(boots(torn("primary header lost", 1), 512), "invalid GPT signature");
  const headerOnly = boots(torn("sound disk", 3), 512);
  assert.ok(typeof headerOnly === "object");
  const { primary, partition, tries } = headerOnly;
  assert.deepEqual({ primary, partition, tries }, { primary: false, partition: 3, tries: 0 });
});
