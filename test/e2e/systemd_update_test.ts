import assert from "node:assert/strict";
import { planOf } from "./answers.ts";
import { readCounters, verifyTable } from "./disk.ts";
import { systemdTest } from "./systemd_test_case.ts";

systemdTest(
  "under systemd 257 an update is reached by kexec, file systems are unmounted, and the next plan is A's",
  "trixie",
  {
    counters: { a: [1, 0, 1], b: [0, 0, 0] },
    kernels: { b: "bookworm-backports" },
    boots: [
      "systemctl --version | head -n 1 >/run/out/systemd; keep enable flatcar-kexec enable; " +
      "keep plan flatcar-kexec plan --json; keep reboot flatcar-kexec reboot; keep confirm journalctl -b --no-pager -u flatcar-kexec-confirm.service; save; sleep 600",
      "sleep 15; keep status flatcar-kexec status; keep slots flatcar-kexec slots --json; " +
      "keep journal journalctl -b --no-pager -o cat -u flatcar-kexec-confirm.service -u flatcar-kexec-load.service -t flatcar-kexec; " +
      "cp /var/lib/flatcar-kexec/attempts.jsonl /run/out/; restart",
      "sleep 15; keep plan flatcar-kexec plan --json; keep status flatcar-kexec status; off",
    ],
  },
  async (machine) => {
    await machine.powerOn({ b: [2, 1, 0] });
    const first = machine.boot(1);
    const plan = planOf(first.file("plan.out"));
    assert.equal(plan.decision, "kexec", JSON.stringify(plan.findings, null, 1));
    const second = machine.boot(2);
    assert.equal(second.cmdline, plan.cmdline);
    assert.notEqual(second.bootId, first.bootId);
    // Mounted again without a journal to recover: it was unmounted before the jump.
    assert.match(second.file("dmesg"), /EXT4-fs \(vda9\): mounted/);
    assert.doesNotMatch(second.file("dmesg"), /vda9.*recovery/);
    assert.deepEqual(readCounters(machine.disk, "b"), [2, 0, 0]);
    assert.deepEqual(readCounters(machine.disk, "b", "backup"), [2, 0, 0]);
    assert.equal(verifyTable(machine.disk), "");
    assert.match(second.file("status.out"), /kexec/);
    console.log(
      first.file("confirm.out"),
      second.file("status.out"),
      second.file("journal.out"),
      second.file("attempts.jsonl"),
    );

    const cycle = await machine.powerOn();
    assert.equal(cycle.slot, "a");
    assert.equal(planOf(machine.boot(3).file("plan.out")).slot?.label, "USR-A");
  },
);
