/**
 * One random disk through src/gpt and through the independent model, and everything that must then hold.
 *
 * @module
 */
import assert from "node:assert/strict";
import { type Gpt, type GptRead, readGpt, tableDigest } from "../../src/gpt/read.ts";
import { nextSlot, slotsOf } from "../../src/gpt/select.ts";
import type { SlotState } from "../../src/gpt/slot.ts";
import { giveTryBack, spendTry } from "../../src/gpt/writer.ts";
import { KexecError } from "../../src/lib/errors.ts";
import type { Random } from "../support/random.ts";
import { type CutOptions, cutStates, MemoryDisk } from "./memory_disk.ts";
import {
  backupValid,
  modelApply,
  modelChoice,
  type ModelDisk,
  ModelError,
  type ModelGpt,
  modelNext,
  modelRead,
  modelSlots,
  primaryValid,
} from "./model.ts";
import { boots, diskOf, judge } from "./outcome.ts";
import { randomDisk } from "./random_disk.ts";

/** What became of the disk; counted, so that a run can show that it reached every case. */
export type Round =
  | "unreadable"
  | "too large"
  | "no slot"
  | "nothing to write"
  | "spent"
  | "spent and repaired"
  | "refused: last try"
  | "refused: unsafe";

const FEW: CutOptions = { exhaustive: 3, samples: 2, stride: 13 };

function modelOf(disk: ModelDisk): ModelGpt | string {
  try {
    return modelRead(disk);
  } catch (error) {
    if (error instanceof ModelError) return error.message;
    throw error;
  }
}

function caught<T>(action: () => T): T | KexecError {
  try {
    return action();
  } catch (error) {
    if (error instanceof KexecError) return error;
    throw error;
  }
}

function sameView(ours: GptRead, model: ModelGpt | string): asserts ours is Gpt {
  assert.ok(typeof model === "object");
  assert.ok(ours.ok);
  assert.equal(ours.protectiveMbr, model.marks.has("pmbr"));
  assert.equal(ours.headers.primary !== null, model.marks.has("primary-header"));
  assert.equal(ours.primary === "valid", primaryValid(model));
  assert.equal(ours.headers.backup !== null, model.marks.has("backup-header"));
  assert.equal(ours.backup === "valid", backupValid(model));
  assert.ok(model.entries.equals(ours.table));
  const counters = (slot: { priority: number; tries: number; successful: boolean }): string =>
    `${slot.priority} ${slot.tries} ${slot.successful}`;
  assert.deepEqual(
    slotsOf(ours).map((slot) => `${slot.partition}: ${counters(slot)}`),
    modelSlots(model).map((slot) => `${slot.index + 1}: ${counters(slot)}`),
  );
}

/** Why we may refuse what GRUB would write, found without src/gpt; null: we may not. */
function excuse(disk: ModelDisk, before: ModelGpt): string | null {
  let planned: ReturnType<typeof modelNext>;
  try {
    planned = modelNext(disk);
  } catch (error) {
    if (error instanceof ModelError) return `GRUB fails as well: ${error.message}`;
    throw error;
  }
  const size = BigInt(disk.sectorSize);
  const sectors = BigInt(disk.bytes.length) / size;
  const { primary, backup } = planned.after;
  const stride = primary.readUInt32LE(84);
  const tableSectors = (BigInt(primary.readUInt32LE(80)) * BigInt(stride) + size - 1n) / size;
  const mine: [bigint, bigint][] = [primary, backup].flatMap((h): [bigint, bigint][] => [
    [h.readBigUInt64LE(24), h.readBigUInt64LE(24)],
    [h.readBigUInt64LE(72), h.readBigUInt64LE(72) + tableSectors - 1n],
  ]);
  if (mine.some(([, last]) => last >= sectors)) return "a copy would lie beyond the end";
  for (let at = 0; at + 128 <= before.entries.length; at += stride) {
    if (before.entries.subarray(at, at + 16).every((byte) => byte === 0)) continue;
    const [from, to] = [before.entries.readBigUInt64LE(at + 32), before.entries.readBigUInt64LE(at + 40)];
    if (mine.some(([first, last]) => from <= last && to >= first)) return "a partition lies in the way";
  }
  return null;
}

function survivesCuts(image: Uint8Array, disk: MemoryDisk, random: Random): void {
  const judged = judge(image, disk.bytes, disk.sectorSize);
  for (const cut of cutStates(image, disk, random.next, FEW)) {
    const { state, linuxFindsDisk } = judged(cut.bytes);
    assert.match(state, /^(old|new)$/, `power cut at ${cut.name}: ${state}`);
    assert.ok(linuxFindsDisk, `power cut at ${cut.name}: Linux would find no partitions`);
  }
}

function spendRound(image: Uint8Array, sectorSize: number, gpt: Gpt, slot: SlotState, random: Random): Round {
  const modelDisk = diskOf(image, sectorSize);
  const disk = new MemoryDisk(image, sectorSize);
  const expectation = { slot, tableDigest: tableDigest(gpt) };
  const careful = caught(() => spendTry(disk, expectation));
  if (careful instanceof KexecError) {
    assert.deepEqual(disk.bytes, image, "a refusal wrote");
    if (careful.code === "gpt-invalid") {
      assert.ok(excuse(modelDisk, modelRead(modelDisk)) !== null, careful.message);
      return "refused: unsafe";
    }
    assert.equal(careful.code, "no-slot", careful.message);
    caught(() => spendTry(disk, expectation, { evenIfLast: true }));
    const stuck = boots(disk.bytes, sectorSize);
    assert.ok(typeof stuck === "object" && stuck.partition === null, "there was another slot");
    return "refused: last try";
  }
  const { slot: taken, writes } = modelNext(modelDisk);
  assert.equal(taken.index + 1, slot.partition);
  if (slot.tries === 0) {
    assert.deepEqual(disk.bytes, image);
    assert.equal(writes.length, 0);
    return "nothing to write";
  }
  assert.deepEqual(disk.bytes, modelApply(modelDisk, writes), "GRUB would have left other bytes");
  survivesCuts(image, disk, random);
  if (slot.tries === 1 && !slot.successful) {
    const spent = disk.bytes.slice();
    const again = new MemoryDisk(spent, sectorSize);
    const back = caught(() => giveTryBack(again, slot.partuuid));
    const rival = slotsOf(gpt).some((other) =>
      other.partition !== slot.partition && other.priority > slot.priority
    );
    if (back instanceof KexecError) {
      const twins = slotsOf(gpt).filter((other) => other.partuuid === slot.partuuid).length > 1;
      const tie = slotsOf(gpt).some((other) =>
        other.priority === slot.priority && other.partition < slot.partition
      );
      assert.ok(rival || twins || tie, back.message);
      assert.deepEqual(again.bytes, spent);
    } else {
      assert.equal(rival, false);
      survivesCuts(spent, again, random);
      const choice = modelChoice(modelRead(diskOf(again.bytes, sectorSize)));
      assert.deepEqual(choice, {
        index: slot.partition - 1,
        priority: slot.priority,
        tries: 1,
        successful: false,
      });
    }
  }
  return gpt.primary === "valid" && gpt.backup === "valid" ? "spent" : "spent and repaired";
}

/** Throws an assertion error, with the disk's story in it, if anything does not hold. */
export function randomRound(random: Random): Round {
  const { bytes, sectorSize, story } = randomDisk(random);
  try {
    const ours = readGpt(new MemoryDisk(bytes, sectorSize));
    const model = modelOf(diskOf(bytes, sectorSize));
    if (!ours.ok) {
      if (Object.values(ours.reasons).some((reason) => reason.startsWith("entry table of "))) {
        return "too large";
      }
      assert.equal(typeof model, "string", `GRUB reads it: ${JSON.stringify(ours.reasons)}`);
      return "unreadable";
    }
    sameView(ours, model);
    const slot = nextSlot(ours);
    if (slot === null) {
      assert.throws(() => modelNext(diskOf(bytes, sectorSize)), ModelError);
      return "no slot";
    }
    return spendRound(bytes, sectorSize, ours, slot, random);
  } catch (error) {
    if (error instanceof assert.AssertionError) error.message += `\nstory: ${story.join("; ") || "sound"}`;
    throw error;
  }
}
