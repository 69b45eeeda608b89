import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { PC } from "./board.ts";
import { brokenInitrd, HANGS } from "./broken_initrd.ts";
import { readCounters } from "./disk.ts";
import { systemdTest } from "./systemd_test_case.ts";

systemdTest(
  "a kernel that hangs right after the jump is reset by the hardware watchdog, where that goes on counting",
  "trixie",
  {
    counters: { a: [1, 0, 1], b: [0, 0, 0] },
    // Debian 12's own has no driver for this watchdog.
    kernels: { a: "bookworm-backports", b: "bookworm-backports" },
    config: "watchdog-seconds = 30",
    board: { ...PC, oem: { ...PC.oem, append: `${PC.oem.append} watchdog.stop_on_reboot=0` } },
    qemu: ["-device", "i6300esb", "-action", "watchdog=reset"],
    root: (tree) => writeFileSync(join(tree, "e2e/hang.cpio"), brokenInitrd("hang")),
    boots: [
      "keep check flatcar-kexec check; echo /e2e/hang.cpio >/run/initrd; keep reboot flatcar-kexec reboot; save; sleep 600",
      "keep confirm flatcar-kexec confirm; keep slots flatcar-kexec slots; off",
    ],
  },
  async (machine) => {
    const cycle = await machine.powerOn({ b: [2, 1, 0] });
    // The run ended although nobody pressed a button: QEMU ends where the machine is reset.
    assert.match(cycle.serial, new RegExp(HANGS));
    assert.deepEqual(readCounters(machine.disk, "b"), [2, 0, 0]);
    const second = await machine.powerOn();
    assert.equal(second.slot, "a");
    assert.match(machine.boot(2).file("confirm.out"), /fell back|did not arrive|USR-A/i);
    assert.deepEqual(readCounters(machine.disk, "b"), [2, 1, 0]);
  },
);
