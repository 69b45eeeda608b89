/**
 * Power that fails in the middle of a real commit, or while a try is given back: what the machine wrote to its disk
 * was recorded, and every disk that a cut can leave is made from that and read by others.
 *
 * @module
 */
import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { run } from "../support/debian.ts";
import { brokenSectorStates, type CutState, distinctCutStates, type MemoryDisk } from "../gpt/memory_disk.ts";
import { partitionRange, readCounters, setCounters, verifyTable } from "./disk.ts";
import { GptArea, tornStates } from "./gpt_area.ts";
import { installGrubProbe, probeByGrub, whyNoGrub } from "./real_grub.ts";
import { type Machine, whyNoMachine, withMachine } from "./vm.ts";
import { readWriteLog, SECTOR, touches } from "./write_log.ts";

const NAME =
  "power that fails at any write of a commit, or of a try given back, leaves a disk that others find " +
  "whole, with the try there or taken, and GNU GRUB comes up from it";

/** By cgpt: priority, tries, successful. */
function cgptCounters(disk: string, partition: number): readonly number[] {
  return ["-P", "-T", "-S"].map((field) => Number(run("cgpt", ["show", "-i", `${partition}`, field, disk])));
}

/** A header that it makes good in memory it calls invalid, and then finds no problem. It ends with an error where it does. */
function sgdiskFindsNothing(disk: string): boolean {
  const text = run("sh", ["-c", 'sgdisk --verify "$0" 2>&1 || true', disk]);
  return /^No problems found/m.test(text) && !/invalid|corrupt|damaged/i.test(text);
}

/** Priority, tries, successful of A and B in either state. */
const COUNTERS = { there: [[1, 0, 1], [2, 1, 0]], taken: [[1, 0, 1], [2, 0, 0]] } as const;

async function cutEveryWrite(machine: Machine): Promise<void> {
  installGrubProbe(machine.disk);
  const area = new GptArea(machine.disk);
  const commit = await recordWrites(machine, area, "taken");
  const confirm = await recordWrites(machine, area, "there");
  for (const [what, { before, written }] of Object.entries({ commit, confirm })) {
    readStates(machine.disk, area, what, before, written);
  }
  for (const { name, bytes } of sample(commit.before, commit.written)) {
    area.write(machine.disk, bytes);
    assert.deepEqual(probeByGrub(machine.disk), {
      partitions: "gpt1 gpt2 gpt3 gpt4 gpt6 gpt9",
      esp: "hd0,gpt1",
      root: "hd0,gpt9",
      kernels: true,
    }, name);
  }
}

interface Recorded {
  readonly before: Uint8Array;
  readonly written: MemoryDisk;
}

/** Switch the machine on once; afterwards the try is taken by commit, or there again by confirm. */
async function recordWrites(machine: Machine, area: GptArea, outcome: "taken" | "there"): Promise<Recorded> {
  const { disk } = machine;
  const staged = outcome === "taken" ? { b: [2, 1, 0] } as const : {};
  if (outcome === "taken") setCounters(disk, "b", [2, 1, 0]);
  const before = area.read(disk);
  // Else the firmware would take it.
  if (outcome === "taken") setCounters(disk, "b", [0, 0, 0]);
  const record = join(machine.folder, "record");
  const cycle = await machine.powerOn(staged, null, { record });
  assert.equal(cycle.slot, "a");
  assert.deepEqual(readCounters(disk, "b"), outcome === "taken" ? [2, 0, 0] : [2, 1, 0]);
  const after = area.read(disk);
  assert.equal(verifyTable(disk), "");

  const entries = readWriteLog(record);
  const root = partitionRange(disk, 9);
  const strangers = entries.filter((entry) =>
    entry.kind === "write" && !touches(entry, root) && !area.includes(entry)
  );
  assert.equal(strangers.length, 0, "something but ROOT and the table was written");
  const written = area.written(before, entries);
  assert.deepEqual(written.bytes, after, "what was recorded does not lead to what is there");
  assert.deepEqual(after.subarray(0, SECTOR), before.subarray(0, SECTOR), "the MBR has changed");

  return { before, written };
}

/** Every disk that a cut can leave, as others read it. */
function readStates(
  disk: string,
  area: GptArea,
  what: string,
  before: Uint8Array,
  written: MemoryDisk,
): void {
  const states = tornStates(before, written);
  const seen = new Map<string, number>();
  for (const state of states) {
    area.write(disk, state.bytes);
    const found = stateOf(area, disk, state);
    seen.set(found, (seen.get(found) ?? 0) + 1);
  }
  const flushed = written.epochs.filter((epoch) => epoch.length > 0).map((epoch) => epoch.length).join(" + ");
  console.log(
    `${what}: ${flushed} sectors between flushes; ${states.length} disks, ${
      seen.get("there")
    } with the try, ` +
      `${seen.get("taken")} without`,
  );
  assert.deepEqual([...seen.keys()].sort(), ["taken", "there"]);
}

/** Whether the try is there, by the model of GRUB, the strict reader, sgdisk and cgpt alike. */
function stateOf(area: GptArea, disk: string, { name, bytes }: CutState): "there" | "taken" {
  const grub = area.boots(bytes);
  assert.ok(typeof grub === "object", `${name}: GRUB: ${grub}`);
  const state = grub.partition === 4 ? "there" : "taken";
  assert.deepEqual([grub.partition, grub.tries], state === "there" ? [4, 1] : [3, 0], name);
  // Linux reads the primary alone; GRUB writes both copies where it takes a try.
  assert.ok(grub.primary || state === "there", `${name}: Linux would find no partitions`);
  const faults = area.faults(bytes);
  assert.ok(faults.primary.length === 0 || faults.backup.length === 0, `${name}: ${JSON.stringify(faults)}`);
  const [a, b] = COUNTERS[state];
  assert.deepEqual([readCounters(disk, "a"), readCounters(disk, "b")], [a, b], `${name}: sgdisk`);
  assert.deepEqual([cgptCounters(disk, 3), cgptCounters(disk, 4)], [a, b], `${name}: cgpt`);
  const whole = faults.primary.length === 0 && faults.backup.length === 0 && area.copiesAgree(bytes);
  assert.equal(sgdiskFindsNothing(disk), whole, `${name}: sgdisk`);
  return state;
}

/** The disks that GNU GRUB is started from: one for each write that arrived, and one with the primary header torn. */
function sample(before: Uint8Array, written: MemoryDisk): readonly CutState[] {
  const torn = [...brokenSectorStates(before, written)].find(({ name }) => name === "1:0 cut after byte 20");
  assert.ok(torn !== undefined);
  return [...distinctCutStates(before, written).filter(({ name }) => name !== "1:1"), torn];
}

const reason = whyNoMachine() ?? whyNoGrub();
if (reason !== null) test(`${NAME} (${reason})`, { skip: reason }, () => {});
else {
  test(NAME, () =>
    withMachine({
      counters: { a: [1, 0, 1], b: [0, 0, 0] },
      boots: [
        "echo power-cut-after-commit >/run/fault; flatcar-kexec reboot; save; sleep 60",
        "flatcar-kexec confirm; off",
      ],
    }, cutEveryWrite));
}
