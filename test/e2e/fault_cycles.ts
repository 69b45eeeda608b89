/**
 * One machine that lives through faults, one after the other. Each cycle stages an update in the slot that does not
 * run, has something go wrong with its kexec, and follows the host until it is settled: in the new slot, which is
 * then marked good as update-engine would and takes the old one's part, or in the old one where the update is bad.
 *
 * A kernel is quarantined, and gets its try back, once per version. So each update has another one: it is written
 * into the kernel's header, where the program looks for it, and what /proc says of the running kernel is taken from
 * there. Else kernels and /usr stay the same.
 *
 * @module
 */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { copyFileSync, mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import * as v from "valibot";
import { messageOf } from "../../src/lib/errors.ts";
import { findProgram, run } from "../support/debian.ts";
import type { Counters } from "../support/gpt_image.ts";
import { type Random, seededRandom } from "../support/random.ts";
import { brokenInitrd } from "./broken_initrd.ts";
import {
  copyDisk,
  partitionRange,
  readBytes,
  readCounters,
  readFromEsp,
  type SlotName,
  verifyTable,
  writeBytes,
  writeToEsp,
} from "./disk.ts";
import { aftermathOf, type Fault, type Reached, type Tries } from "./faults.ts";
import { GptArea } from "./gpt_area.ts";
import { type Boot, type Machine, type MachineOptions, VmTimeout, withMachine } from "./vm.ts";
import { type Cut, type LogEntry, readWriteLog, replayUntil, SECTOR, touches } from "./write_log.ts";

export interface Cycle {
  readonly fault: Fault;
  readonly tries: Tries;
}

/** What was seen of a cycle. */
export interface CycleResult extends Cycle {
  readonly reached: Reached;
  readonly old: SlotName;
  /** The update's counters right after the fault. */
  readonly counters: Counters;
  /** Slots that GRUB took then; `fails` where the system did not come up. */
  readonly boots: readonly { readonly slot: SlotName; readonly comesUp: boolean }[];
  /** Version of the update's kernel. */
  readonly version: string;
  /** What `status` said at the first boot after the fault, the one that arrived included. */
  readonly status: string;
  /** Where and how the power was cut, if it was. */
  readonly cut: string | null;
  readonly seconds: number;
}

const PARTITIONS = { a: 3, b: 4 } as const;
/** The file system's first block, which only dm-verity looks after: the tree above it is sound. */
const DAMAGED = { offset: 1024, length: 64 } as const;

const OBSERVE = `slot=b; grep -q verity.usr=PARTUUID=7130c94a /proc/cmdline && slot=a
dd if=/boot/flatcar/vmlinuz-$slot bs=1 skip=@AT@ count=@LENGTH@ of=/run/release 2>/dev/null
mount --bind /run/release /proc/sys/kernel/osrelease
echo $slot >/run/out/slot
cp /var/lib/flatcar-kexec/attempts.jsonl /run/out/attempts 2>/dev/null
keep confirm flatcar-kexec confirm --json
@STATUS@
save
`;

/** Of the log of attempts: what is asked for. */
const EventSchema = v.object({
  event: v.string(),
  id: v.nullable(v.string()),
  kernelVersion: v.optional(v.nullable(v.string())),
});

const ConfirmSchema = v.object({ verdict: v.string(), gaveBack: v.boolean(), quarantined: v.boolean() });

/** Run cycles on one machine. @throws {Error} at the first wrong state, with the evidence. */
export function runCycles(
  cycles: readonly Cycle[],
  seed: number,
  report: (result: CycleResult, number: number) => void = () => {},
  options: Partial<MachineOptions> = {},
): Promise<readonly CycleResult[]> {
  const results: CycleResult[] = [];
  return withMachine({
    counters: { a: [1, 0, 1], b: [0, 0, 0] },
    boots: [],
    mostBoots: 4 * cycles.length + 4,
    ...options,
    root: fillRoot,
  }, async (machine) => {
    // Another machine may have run out of time: this one counts from the start.
    results.length = 0;
    const life = new Life(machine, seededRandom(seed), (result) => {
      results.push(result);
      report(result, results.length);
    });
    for (const [index, cycle] of cycles.entries()) {
      await explained(
        machine,
        `cycle ${index + 1}: ${cycle.fault.name}, tries = "${cycle.tries}"`,
        () => life.cycle(cycle),
      );
    }
    await explained(machine, "the end of the last cycle", () => life.end());
  }).then(() => results);
}

/** Errors with what the machine left behind. */
async function explained(machine: Machine, name: string, action: () => Promise<void>): Promise<void> {
  try {
    await action();
  } catch (error) {
    if (error instanceof VmTimeout) throw error;
    const slots = (["a", "b"] as const).map((slot) =>
      `USR-${slot.toUpperCase()} ${readCounters(machine.disk, slot)}`
    );
    const serial = machine.cycles.slice(-2).map((cycle) => cycle.serial.split("\n").slice(-80).join("\n"));
    throw new Error(`${name}: ${messageOf(error)}\n${slots.join(", ")}\n${serial.join("\n--- power on\n")}`, {
      cause: error,
    });
  }
}

function fillRoot(tree: string): void {
  const folder = join(tree, "e2e");
  const cgpt = findProgram("cgpt");
  assert.ok(cgpt !== null, "cgpt is not installed");
  mkdirSync(join(folder, "lib"));
  copyFileSync(cgpt, join(folder, "lib/cgpt"));
  const library = /libuuid\.so\.1 => (\S+)/.exec(run("ldd", [cgpt]))?.[1];
  if (library !== undefined) copyFileSync(library, join(folder, "lib/libuuid.so.1"));
  writeFileSync(join(folder, "cgpt"), '#!/bin/sh\nLD_LIBRARY_PATH=/e2e/lib exec /e2e/lib/cgpt "$@"\n', {
    mode: 0o755,
  });
  for (const what of ["panic", "hang"] as const) {
    writeFileSync(join(folder, `${what}.cpio`), brokenInitrd(what));
  }
}

/** Where the version stands in a kernel, and how long it is. */
interface VersionPlace {
  readonly at: number;
  readonly length: number;
}

/** Linux Documentation/arch/x86/boot.rst, `kernel_version`: the text lies 0x200 behind where the field says. */
function versionPlace(kernel: Uint8Array): VersionPlace {
  const bytes = Buffer.from(kernel.buffer, kernel.byteOffset, kernel.byteLength);
  const at = bytes.readUInt16LE(0x20e) + 0x200;
  return { at, length: bytes.indexOf(0x20, at) - at };
}

/** What is still to be seen of a cycle at the next boot. */
type Rest = (boot: Boot) => void;

class Life {
  readonly #machine: Machine;
  readonly #random: Random;
  readonly #area: GptArea;
  readonly #done: (result: CycleResult) => void;
  #running: SlotName = "a";
  /** Boots so far. */
  #boots = 0;
  #updates = 0;
  #rest: Rest = () => {};
  /** Whether the next boot is to say what it thinks of the last fault; each program takes seconds to start here. */
  #wantsStatus = false;
  #place: VersionPlace = { at: 0, length: 0 };

  constructor(machine: Machine, random: Random, done: (result: CycleResult) => void) {
    this.#machine = machine;
    this.#random = random;
    this.#area = new GptArea(machine.disk);
    this.#done = done;
  }

  /** See the end of the last cycle. */
  async end(): Promise<void> {
    this.#machine.setScripts(this.#boots + 1, [`${this.#observe(this.#wantsStatus)}off`]);
    const { slot } = await this.#machine.powerOn();
    assert.equal(slot, this.#running);
    this.#rest(this.#machine.boot(++this.#boots));
  }

  async cycle({ fault, tries }: Cycle): Promise<void> {
    const started = performance.now();
    const { disk } = this.#machine;
    const old = this.#running;
    const fresh = old === "a" ? "b" : "a";
    const version = this.#installKernel(fresh);
    const oldKernel = this.#kernelDigest(old);
    const place = partitionRange(disk, PARTITIONS[fresh]).first * SECTOR + DAMAGED.offset;
    const sound = readBytes(disk, place, DAMAGED.length);
    if (fault.isBad === true) writeBytes(disk, place, Buffer.alloc(DAMAGED.length, 0xee));
    const before = `${disk}.before`;
    if (fault.cut !== undefined) copyDisk(disk, before);

    this.#machine.setScripts(this.#boots + 1, [
      `${this.#observe(this.#wantsStatus)}${mark(old, [1, 0, 1])}${mark(fresh, [2, 1, 0])}${
        provocation(fault, tries, fresh)
      }`,
      `${this.#observe()}${
        fault.arrives === "is marked good"
          ? `${mark(fresh, [2, 0, 1])}restart`
          : "echo b >/proc/sysrq-trigger"
      }`,
    ]);
    const record = join(this.#machine.folder, "record");
    const first = await this.#machine.powerOn({}, fault.hang ?? null, { record });
    assert.equal(first.slot, old, "slot of the boot that the fault is provoked in");
    const faultBoot = this.#machine.boot(++this.#boots);
    this.#rest(faultBoot);
    assert.equal(faultBoot.file("slot").trim(), old);
    const entries = readWriteLog(record);
    this.#checkUntouched(entries);
    const cut = fault.cut === undefined ? null : this.#cut(before, fault.cut, entries, fresh);
    let status: string | null = null;
    if (fault.arrives !== undefined) {
      const arrived = this.#machine.boot(++this.#boots);
      assert.equal(arrived.file("slot").trim(), fresh);
      assert.equal(confirmedIn(arrived).verdict, "arrived", arrived.file("confirm.out"));
      status = arrived.file("status.out");
    }
    assert.equal(this.#kernelDigest(old), oldKernel, "the old slot's kernel has changed");

    const counters = this.#countersAfter(old, fresh, cut !== null);
    const isTaken = counters[1] === 0;
    const supposed = fault.reached ?? (isTaken ? "written" : "prepared");
    const { tries: triesAfter, steps } = aftermathOf(fault, tries, supposed);
    assert.deepEqual(
      counters,
      [2, triesAfter, fault.arrives === "is marked good" ? 1 : 0],
      "the update's counters",
    );
    const boots: CycleResult["boots"][number][] = [];
    /** At the first boot that comes up, the log tells how far the kexec came. */
    let reached: Reached | null = null;
    const see = (index: number, boot: Boot): void => {
      const step = steps[index];
      assert.ok(step !== undefined);
      const slot = step.slot === "old" ? old : fresh;
      assert.equal(boot.file("slot").trim(), slot, "slot that came up");
      boots.push({ slot, comesUp: true });
      if (reached === null) {
        const log = boot.has("attempts") ? boot.file("attempts") : "";
        reached = reachedBy(log, version, tries === "spend" && isTaken);
        if (fault.reached !== null) assert.equal(reached, fault.reached, `how far it came\n${log}`);
        status ??= boot.file("status.out");
      }
      const expected = aftermathOf(fault, tries, reached).steps[index];
      assert.equal(expected?.slot, step.slot, `it came as far as "${reached}", and GRUB took USR-${slot}`);
      const { verdict, gaveBack, quarantined } = confirmedIn(boot);
      assert.deepEqual({ verdict, gaveBack, quarantined }, expected?.confirm, boot.file("confirm.out"));
    };
    for (const [index, step] of steps.slice(0, -1).entries()) {
      const slot = step.slot === "old" ? old : fresh;
      this.#machine.setScripts(this.#boots + 1, [
        `${this.#observe()}keep reboot flatcar-kexec reboot; save; sleep 60`,
      ]);
      const cycle = await this.#machine.powerOn();
      assert.equal(cycle.slot, slot, "slot that GRUB takes");
      assert.equal(/^E2E boot /m.test(cycle.serial), step.boots, "whether the system comes up");
      if (!step.boots) {
        boots.push({ slot, comesUp: false });
        continue;
      }
      const boot = this.#machine.boot(++this.#boots);
      see(index, boot);
      // Its own reboot went through the firmware.
      assert.match(boot.file("reboot.err"), /in quarantine/);
      assert.match(boot.file("reboot.out"), /ordinary reboot/);
      assert.equal([...cycle.serial.matchAll(/^E2E boot /gm)].length, 1);
      assert.equal(verifyTable(disk), "");
      assert.deepEqual(this.#countersAfter(old, fresh, false), [2, 1, 0], "the try is back");
    }
    if (fault.isBad === true) writeBytes(disk, place, sound);
    const last = steps.length - 1;
    this.#wantsStatus = status === null;
    this.#running = steps[last]?.slot === "new" ? fresh : old;
    this.#rest = (boot) => {
      see(last, boot);
      assert.ok(reached !== null && status !== null);
      const seconds = (performance.now() - started) / 1000;
      this.#done({ fault, tries, reached, old, counters, boots, version, status, cut, seconds });
    };
  }

  #observe(wantsStatus = true): string {
    return OBSERVE.replace("@AT@", String(this.#place.at)).replace("@LENGTH@", String(this.#place.length))
      .replace("@STATUS@", wantsStatus ? "keep status flatcar-kexec status" : ":");
  }

  /** Give a slot's kernel a version that no kernel had. */
  #installKernel(slot: SlotName): string {
    const file = join(this.#machine.folder, "update");
    readFromEsp(this.#machine.disk, `/flatcar/vmlinuz-${slot}`, file);
    const kernel = readFileSync(file);
    this.#place = versionPlace(kernel);
    const { at, length } = this.#place;
    const name = kernel.toString("latin1", at, at + length);
    const version = `${name.slice(0, -5)}${String(++this.#updates).padStart(5, "0")}`;
    kernel.write(version, at, "latin1");
    writeFileSync(file, kernel);
    writeToEsp(this.#machine.disk, `/flatcar/vmlinuz-${slot}`, file);
    return version;
  }

  #kernelDigest(slot: SlotName): string {
    const file = join(this.#machine.folder, "old-kernel");
    readFromEsp(this.#machine.disk, `/flatcar/vmlinuz-${slot}`, file);
    return createHash("sha256").update(readFileSync(file)).digest("hex");
  }

  /** Nothing but ROOT and the partition table was written. */
  #checkUntouched(entries: readonly LogEntry[]): void {
    const root = partitionRange(this.#machine.disk, 9);
    const stranger = entries.find((entry) =>
      entry.kind === "write" && !touches(entry, root) && !this.#area.includes(entry)
    );
    if (stranger?.kind === "write") {
      assert.fail(`sector ${stranger.sector} was written, which is no part of ROOT`);
    }
  }

  /** The update's counters, both copies being whole unless the power was cut. */
  #countersAfter(old: SlotName, fresh: SlotName, wasCut: boolean): Counters {
    const { disk } = this.#machine;
    const ends = this.#area.read(disk);
    const faults = this.#area.faults(ends);
    assert.ok(
      faults.primary.length === 0 || faults.backup.length === 0,
      `no whole table: ${JSON.stringify(faults)}`,
    );
    const counters = readCounters(disk, fresh);
    const grub = this.#area.boots(ends);
    assert.ok(typeof grub === "object", `GRUB: ${grub}`);
    const isOpen = counters[1] > 0 || counters[2] === 1;
    assert.equal(grub.partition, PARTITIONS[isOpen ? fresh : old], "GRUB's choice");
    assert.deepEqual(readCounters(disk, old), [1, 0, 1], "the old slot's counters");
    // Linux reads the primary alone, which GRUB writes anew where it takes a try.
    assert.ok(grub.primary || (grub.tries ?? 0) > 0, "Linux would find no partitions");
    if (!wasCut) {
      assert.equal(verifyTable(disk), "");
      assert.deepEqual(readCounters(disk, fresh, "backup"), counters, "the backup's counters");
      assert.deepEqual(readCounters(disk, old, "backup"), [1, 0, 1], "the old slot's counters in the backup");
    }
    return counters;
  }

  /** Make the disk what a power cut at a moment of commit would have left of it. */
  #cut(
    before: string,
    where: NonNullable<Fault["cut"]>,
    entries: readonly LogEntry[],
    fresh: SlotName,
  ): string {
    const { disk } = this.#machine;
    // Commit's writes of the table are those after the last one that staged the update.
    const ends = this.#area.read(before);
    const view = new DataView(ends.buffer);
    const staged = (PARTITIONS[fresh] - 1) * 128 + 48;
    let stagedAt = 0;
    const writes: number[] = [];
    for (const [index, entry] of entries.entries()) {
      if (!this.#area.includes(entry)) continue;
      writes.push(index);
      this.#area.apply(ends, entry);
      const copies = [
        view.getBigUint64(2 * SECTOR + staged, true),
        view.getBigUint64(34 * SECTOR + staged, true),
      ];
      if (copies.every((attributes) => (attributes >> 48n & 0x1ffn) === 0x12n)) stagedAt = index;
    }
    const ours = writes.filter((index) => index > stagedAt);
    const first = ours[0] ?? entries.length;
    const last = ours.at(-1) ?? entries.length;
    const [from, to] = where === "before"
      ? [Math.max(stagedAt + 1, first - 12), first]
      : where === "inside"
      ? [first, last]
      : [last + 1, entries.length];
    const at = this.#random.int(from, to);
    const entry = entries[at];
    // ext4 does not mount a journal whose commit block, of 8 sectors, is torn: that is for fsck, and not what is shown.
    const canTear = entry?.kind === "write" && this.#area.includes(entry);
    const sectors = canTear ? entry.bytes.length / SECTOR : 0;
    const torn = this.#random.int(0, Math.max(0, sectors - 1));
    const losing = this.#random.chance(0.5);
    const lost = new Set(entries.keys().filter(() => losing && this.#random.chance(0.5)));
    const cut: Cut = { at, torn, arrives: (index) => !lost.has(index) };
    replayUntil(before, entries, cut);
    renameSync(before, disk);
    return `${where}: ${
      at - first
    } entries from the table's first write, ${torn} of ${sectors} sectors arrived` +
      (losing ? ", writes without a flush lost at random" : "");
  }
}

function confirmedIn(boot: Boot): v.InferOutput<typeof ConfirmSchema> {
  return v.parse(ConfirmSchema, JSON.parse(boot.file("confirm.out")));
}

/** Shell: write a slot's counters as update-engine does. */
function mark(slot: SlotName, [priority, tries, successful]: Counters): string {
  return `/e2e/cgpt add -i ${PARTITIONS[slot]} -P ${priority} -T ${tries} -S ${successful} /dev/vda; sync\n`;
}

/** Shell: prepare a fault and ask for the reboot. */
function provocation(fault: Fault, tries: Tries, fresh: SlotName): string {
  return [
    `echo ${PARTITIONS[fresh]} >/run/new`,
    "mkdir -p /run/flatcar-kexec/config.toml.d",
    `echo 'tries = "${tries}"' >/run/flatcar-kexec/config.toml.d/50-e2e.toml`,
    ...(fault.initrd === undefined ? [] : [`echo /e2e/${fault.initrd}.cpio >/run/initrd`]),
    ...(fault.cut === undefined ? [] : ["echo power-cut-after-commit >/run/fault"]),
    ...(fault.provoke === undefined ? [] : [fault.provoke]),
    "save",
    fault.ask ?? "keep reboot flatcar-kexec reboot",
    "save",
    "sleep 60",
    "",
  ].join("\n");
}

/** How far the kexec of an update came, by the log that the boot after it found. */
function reachedBy(log: string, version: string, isTaken: boolean): Reached {
  const events = log.split("\n").slice(0, -1).map((line) => v.parse(EventSchema, JSON.parse(line)));
  const id = events.findLast((event) => event.event === "prepared" && event.kernelVersion === version)?.id;
  if (id === undefined) {
    assert.ok(!isTaken, `the try was taken, and nothing says so\n${log}`);
    return "nothing";
  }
  if (events.some((event) => event.event === "committed" && event.id === id)) return "committed";
  return isTaken ? "written" : "prepared";
}
