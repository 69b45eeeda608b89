import assert from "node:assert/strict";
import { MESSAGE_IDS } from "../../src/journal/journal_entry.ts";
import { planOf } from "./answers.ts";
import { readCounters, verifyTable } from "./disk.ts";
import { systemdTest } from "./systemd_test_case.ts";

const CONFIG = "/etc/flatcar-kexec/config.toml";

systemdTest(
  "under systemd 257 an update is reached by kexec, file systems are unmounted, and the next plan is A's",
  "trixie",
  {
    counters: { a: [1, 0, 1], b: [0, 0, 0] },
    kernels: { b: "bookworm-backports" },
    boots: [
      "keep enable flatcar-kexec enable; keep plan flatcar-kexec plan --json; keep reboot flatcar-kexec reboot; " +
      "save; sleep 600",
      "sleep 15; keep status flatcar-kexec status; " +
      `keep arrived journalctl -b --no-pager -o export MESSAGE_ID=${MESSAGE_IDS.arrived}; restart`,
      `sleep 15; keep plan flatcar-kexec plan --json; mkdir -p /etc/flatcar-kexec; echo 'tires = "keep"' >${CONFIG}; ` +
      "keep load systemctl start flatcar-kexec-load.service; " +
      "keep errors journalctl -b --no-pager -o cat -p err -t flatcar-kexec-load; off",
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
    assert.match(second.file("status.out"), /^This boot came by kexec: kernel \S+ \(USR-B\)/m);
    const arrived = second.file("arrived.out").split("\n");
    for (const field of ["PRIORITY=5", "SYSLOG_IDENTIFIER=flatcar-kexec", "FLATCAR_KEXEC_SLOT=USR-B"]) {
      assert.ok(arrived.includes(field), `${field} is not in:\n${arrived.join("\n")}`);
    }

    const cycle = await machine.powerOn();
    assert.equal(cycle.slot, "a");
    const third = machine.boot(3);
    // A unit's errors are errors to the journal, under its name.
    assert.match(third.file("errors.out"), /config\.toml.*tires[^]*did you mean/);
    assert.equal(planOf(third.file("plan.out")).slot?.label, "USR-A");
  },
);
