import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import * as v from "valibot";
import type { Counters } from "../support/gpt_image.ts";
import { planOf, refusing } from "./answers.ts";
import { brokenInitrd, HANGS } from "./broken_initrd.ts";
import { partitionRange, readCounters, setCounters, verifyTable, writeBytes } from "./disk.ts";
import type { Fault, Machine } from "./vm.ts";
import { vmTest } from "./vm_test_case.ts";

/** What goes wrong, and how the machine gets out of it. */
interface Failure {
  readonly name: string;
  readonly fault?: Fault;
  /** Name of an initial RAM disk on ROOT for the new kernel. */
  readonly initrd?: "panic" | "hang";
  readonly damage?: (disk: string) => void;
  readonly hang?: string;
  /** B's counters right after the fault. */
  readonly afterFault: Counters;
  /** Slot that GRUB takes next. */
  readonly next: "a" | "b";
  readonly verdict: string;
  /** Whether `confirm` gives the try back and sends the kernel through the firmware. */
  readonly givesBack: boolean;
  /** The update is bad whoever boots it: it fails under the firmware as well, and A comes again for good. */
  readonly isBad?: boolean;
}

const FAILURES: readonly Failure[] = [
  {
    name: "the new kernel panics",
    initrd: "panic",
    afterFault: [2, 0, 0],
    next: "a",
    verdict: "fell-back",
    givesBack: true,
  },
  {
    name: "the new kernel hangs, and somebody resets the machine",
    initrd: "hang",
    hang: HANGS,
    afterFault: [2, 0, 0],
    next: "a",
    verdict: "fell-back",
    givesBack: true,
  },
  {
    name: "the new system's /usr cannot be set up",
    // The start of the file system: the tree above it is sound, so nothing but dm-verity itself sees it.
    damage: (disk) => writeBytes(disk, partitionRange(disk, 4).first * 512 + 1024, Buffer.alloc(64, 0xee)),
    isBad: true,
    afterFault: [2, 0, 0],
    next: "a",
    verdict: "fell-back",
    givesBack: true,
  },
  {
    name: "kexec does not load the kernel",
    fault: "load",
    afterFault: [2, 1, 0],
    next: "b",
    verdict: "none",
    givesBack: false,
  },
  {
    name: "the jump itself returns an error",
    fault: "jump",
    afterFault: [2, 0, 0],
    next: "a",
    verdict: "fell-back",
    givesBack: true,
  },
  {
    name: "the power fails between commit and jump",
    fault: "power-cut-after-commit",
    afterFault: [2, 0, 0],
    next: "a",
    verdict: "fell-back",
    givesBack: true,
  },
];

const ConfirmSchema = v.object({ verdict: v.string(), gaveBack: v.boolean(), quarantined: v.boolean() });

for (const failure of FAILURES) {
  const faults = [
    failure.fault === undefined ? "" : `echo ${failure.fault} >/run/fault`,
    failure.initrd === undefined ? "" : `echo /e2e/${failure.initrd}.cpio >/run/initrd`,
  ].filter((line) => line !== "").join("; ");
  const outcome = failure.isBad === true ? "is given up after one try through the firmware" : "still gets in";
  vmTest(`${failure.name}: no hand is needed, A stays as it was, and the update ${outcome}`, {
    counters: { a: [1, 0, 1], b: [0, 0, 0] },
    root: (tree) => {
      if (failure.initrd === undefined) return;
      writeFileSync(join(tree, `e2e/${failure.initrd}.cpio`), brokenInitrd(failure.initrd));
    },
    boots: [
      `${faults === "" ? ":" : faults}; flatcar-kexec reboot; save; sleep 60`,
      ...(failure.next === "a"
        ? [
          "keep confirm flatcar-kexec confirm --json; keep status flatcar-kexec status; " +
          "keep plan flatcar-kexec plan --json; flatcar-kexec reboot; sleep 60",
        ]
        : []),
      "keep confirm flatcar-kexec confirm --json; keep status flatcar-kexec status; off",
    ],
  }, (machine) => checkFailure(machine, failure));
}

async function checkFailure(machine: Machine, failure: Failure): Promise<void> {
  failure.damage?.(machine.disk);
  await machine.powerOn({ b: [2, 1, 0] }, failure.hang ?? null);
  assert.deepEqual(readCounters(machine.disk, "b"), failure.afterFault);
  assert.deepEqual(readCounters(machine.disk, "b", "backup"), failure.afterFault);
  assert.deepEqual(readCounters(machine.disk, "a"), [1, 0, 1]);
  assert.equal(verifyTable(machine.disk), "");

  const second = await machine.powerOn();
  assert.equal(second.slot, failure.next);
  if (failure.next === "b") return;
  const boot = machine.boot(2);
  assert.deepEqual(v.parse(ConfirmSchema, JSON.parse(boot.file("confirm.out"))), {
    verdict: failure.verdict,
    gaveBack: failure.givesBack,
    quarantined: failure.givesBack,
  }, boot.file("confirm.out"));
  assert.deepEqual(readCounters(machine.disk, "b"), [2, 1, 0]);
  assert.deepEqual(refusing(planOf(boot.file("plan.out"))), ["quarantined"]);

  // That boot's own reboot went through the firmware: GRUB takes the try that was given back.
  const third = await machine.powerOn();
  assert.equal(third.slot, "b");
  assert.deepEqual(readCounters(machine.disk, "b"), [2, 0, 0]);
  if (failure.isBad !== true) return;
  const fourth = await machine.powerOn();
  assert.equal(fourth.slot, "a");
  assert.equal(v.parse(ConfirmSchema, JSON.parse(machine.boot(3).file("confirm.out"))).gaveBack, false);
  assert.deepEqual(readCounters(machine.disk, "b"), [2, 0, 0]);
}

/** Microseconds after the start of commit; most of it is the program's own start under emulation. */
const CUTS = [900_000, 1_300_000, 1_700_000, 2_100_000] as const;

vmTest("power that fails at any moment of commit leaves a table that is whole, with the try there or taken", {
  counters: { a: [1, 0, 1], b: [0, 0, 0] },
  boots: CUTS.map((cut) =>
    `flatcar-kexec confirm; echo power-cut-in-commit >/run/fault; echo ${cut} >/run/cut-after; flatcar-kexec reboot --allow quarantined; sleep 60`
  ),
}, async (machine) => {
  for (const cut of CUTS) {
    // Each time a new update: A is up, and B has its try.
    setCounters(machine.disk, "b", [0, 0, 0]);
    await machine.powerOn({ b: [2, 1, 0] });
    assert.equal(verifyTable(machine.disk), "", `cut after ${cut} us`);
    const [priority, tries, successful] = readCounters(machine.disk, "b");
    assert.deepEqual([priority, successful], [2, 0], `cut after ${cut} us`);
    assert.ok(tries === 0 || tries === 1, `cut after ${cut} us: ${tries} tries`);
    assert.deepEqual(readCounters(machine.disk, "a"), [1, 0, 1]);
  }
});
