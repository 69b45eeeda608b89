import assert from "node:assert/strict";
import { copyDisk, differenceOutsideRoot, readCounters, verifyTable } from "./disk.ts";
import { planOf } from "./answers.ts";
import { vmTest } from "./vm_test_case.ts";

vmTest("an update that waits in the other slot is reached by kexec, and costs exactly one try", {
  counters: { a: [1, 0, 1], b: [0, 0, 0] },
  // The update brings another kernel.
  kernels: { b: "bookworm-backports" },
  boots: [
    "keep plan flatcar-kexec plan --json; keep reboot flatcar-kexec reboot",
    "keep confirm flatcar-kexec confirm; keep status flatcar-kexec status; restart",
    "keep plan flatcar-kexec plan --json",
  ],
}, async (machine) => {
  await machine.powerOn({ b: [2, 1, 0] });
  const first = machine.boot(1);
  const plan = planOf(first.file("plan.out"));
  assert.equal(plan.decision, "kexec", JSON.stringify(plan.findings, null, 1));
  assert.equal(plan.slot?.label, "USR-B");
  const second = machine.boot(2);
  assert.notEqual(second.bootId, first.bootId);
  assert.notEqual(second.kernel, first.kernel);
  assert.equal(second.cmdline, plan.cmdline);
  assert.match(machine.cycles[0]?.serial ?? "", /E2E-INITRD usr=USR-A[^]*E2E-INITRD usr=USR-B/);
  assert.deepEqual(readCounters(machine.disk, "a"), [1, 0, 1]);
  assert.deepEqual(readCounters(machine.disk, "b"), [2, 0, 0]);
  assert.deepEqual(readCounters(machine.disk, "b", "backup"), [2, 0, 0]);
  assert.equal(verifyTable(machine.disk), "");

  // Nobody marked B as good, so firmware and GRUB go back to A, and so does the next plan.
  const cycle = await machine.powerOn();
  assert.equal(cycle.slot, "a");
  const third = planOf(machine.boot(3).file("plan.out"));
  assert.equal(third.slot?.label, "USR-A");
  assert.equal(third.slot?.gptWrite, false);
});

vmTest("without an update the same slot comes again, and not a byte outside ROOT is written", {
  counters: { a: [1, 0, 1], b: [0, 0, 0] },
  boots: ["keep plan flatcar-kexec plan --json; keep reboot flatcar-kexec reboot", "off"],
}, async (machine) => {
  const before = `${machine.disk}.before`;
  copyDisk(machine.disk, before);
  await machine.powerOn();
  const plan = planOf(machine.boot(1).file("plan.out"));
  assert.equal(plan.slot?.label, "USR-A");
  assert.equal(plan.slot?.running, true);
  const second = machine.boot(2);
  assert.notEqual(second.bootId, machine.boot(1).bootId);
  assert.equal(second.cmdline, plan.cmdline);
  assert.equal(differenceOutsideRoot(before, machine.disk), null);
});
