import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { binaryFor } from "../../tasks/bun.ts";
import { planOf, refusing } from "./answers.ts";
import { partitionRange, readBytes, readCounters, writeBytes } from "./disk.ts";
import { HASH_OFFSET } from "./usr_image.ts";
import { vmTest } from "./vm_test_case.ts";

vmTest("a recording of the machine gives the machine's own plan anywhere, byte for byte", {
  counters: { a: [1, 0, 1], b: [0, 0, 0] },
  boots: ["keep plan flatcar-kexec plan --json; keep snapshot flatcar-kexec snapshot; off"],
}, async (machine) => {
  await machine.powerOn({ b: [2, 1, 0] });
  const boot = machine.boot(1);
  const file = join(machine.folder, "host.json");
  writeFileSync(file, boot.file("snapshot.out"));
  const replayed = spawnSync(binaryFor("x86_64"), ["plan", "--json", "--snapshot", file], {
    encoding: "utf8",
    env: {},
  });
  assert.equal(planOf(boot.file("plan.out")).decision, "kexec");
  assert.equal(replayed.stdout, boot.file("plan.out"));
  assert.equal(replayed.status, 0, replayed.stderr);
});

vmTest(
  "a word that was changed in the OEM's file since the boot refuses the kexec, and the machine restarts by firmware",
  {
    counters: { a: [1, 0, 1], b: [0, 0, 0] },
    boots: [
      "keep good flatcar-kexec plan --json; mount -o remount,rw /oem; sed -i s/nokaslr/kaslr/ /oem/grub.cfg; sync; " +
      "keep plan flatcar-kexec plan --json; keep reboot flatcar-kexec reboot; off",
      "off",
    ],
  },
  async (machine) => {
    await machine.powerOn({ b: [2, 1, 0] });
    const boot = machine.boot(1);
    assert.deepEqual(refusing(planOf(boot.file("good.out"))), []);
    const plan = planOf(boot.file("plan.out"));
    assert.deepEqual(refusing(plan), ["parity-mismatch"]);
    assert.match(plan.findings.find((finding) => finding.id === "parity-mismatch")?.message ?? "", /nokaslr/);
    assert.equal(boot.file("plan.status").trim(), "3");
    assert.match(boot.file("systemctl.log"), /^reboot$/m);
    assert.doesNotMatch(machine.cycles[0]?.serial ?? "", /E2E boot 2/);
    // No try was taken on the way: GRUB takes it, as at any ordinary reboot.
    assert.deepEqual(readCounters(machine.disk, "b"), [2, 1, 0]);
  },
);

vmTest("one flipped byte at the top of the other slot's hash tree refuses the kexec", {
  counters: { a: [1, 0, 1], b: [0, 0, 0] },
  boots: ["keep plan flatcar-kexec plan --json; keep reboot flatcar-kexec reboot; off", "off"],
}, async (machine) => {
  const at = partitionRange(machine.disk, 4).first * 512 + HASH_OFFSET + 4096;
  const byte = readBytes(machine.disk, at, 1);
  byte[0] = (byte[0] ?? 0) ^ 1;
  writeBytes(machine.disk, at, byte);
  await machine.powerOn({ b: [2, 1, 0] });
  const boot = machine.boot(1);
  assert.deepEqual(refusing(planOf(boot.file("plan.out"))), ["pairing-mismatch"]);
  assert.match(boot.file("systemctl.log"), /^reboot$/m);
  assert.doesNotMatch(machine.cycles[0]?.serial ?? "", /E2E boot 2/);
  assert.deepEqual(readCounters(machine.disk, "b"), [2, 1, 0]);
});
