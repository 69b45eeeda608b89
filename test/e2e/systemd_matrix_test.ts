import assert from "node:assert/strict";
import { planOf } from "./answers.ts";
import { readCounters } from "./disk.ts";
import { systemdTest } from "./systemd_test_case.ts";

/** Every way in which something asks for a reboot on a Flatcar host. */
const TRIGGERS: readonly (readonly [name: string, command: string])[] = [
  ["systemctl reboot", "systemctl reboot"],
  ["systemctl kexec", "systemctl kexec"],
  ["shutdown -r now", "shutdown -r now"],
  [
    "logind's Reboot(false), as locksmith and FLUO call it",
    "busctl call org.freedesktop.login1 /org/freedesktop/login1 org.freedesktop.login1.Manager Reboot b false",
  ],
  ["SIGRTMIN+5 to PID 1, kured's signal mode", "kill -s RTMIN+5 1"],
  ["ctrl-alt-del", "kill -s INT 1"],
];

const WAIT_UNTIL_LOADED =
  "n=0; while [ $(cat /sys/kernel/kexec_loaded) = 0 ] && [ $n -lt 120 ]; do n=$((n+1)); sleep 1; done; " +
  "cat /sys/kernel/kexec_loaded >/run/out/loaded";

/** Until the unit that runs at boot has spoken. */
const WAIT_UNTIL_CONFIRMED = "systemctl start flatcar-kexec-confirm.service; " +
  "journalctl -b --no-pager -o cat -u flatcar-kexec-confirm.service >/run/out/confirm; " +
  "journalctl -b --no-pager -o cat -u flatcar-kexec-load.service >/run/out/load";

function bootThatEndsIn(command: string): string {
  return `${WAIT_UNTIL_CONFIRMED}; touch /run/reboot-required; ${WAIT_UNTIL_LOADED}; ` +
    `keep plan flatcar-kexec plan --json; save; ${command}; sleep 600`;
}

systemdTest("once enabled, every way to ask for a reboot goes through kexec under systemd 257", "trixie", {
  counters: { a: [1, 0, 1], b: [0, 0, 0] },
  limit: 1200,
  boots: [
    `flatcar-kexec enable; ${bootThatEndsIn(TRIGGERS[0]?.[1] ?? "")}`,
    ...TRIGGERS.slice(1).map(([, command]) => bootThatEndsIn(command)),
    `${WAIT_UNTIL_CONFIRMED}; keep status flatcar-kexec status; off`,
  ],
}, async (machine) => {
  await machine.powerOn();
  for (const [index, [name]] of TRIGGERS.entries()) {
    const from = machine.boot(index + 1);
    assert.equal(from.file("loaded").trim(), "1", `${name}: no kernel was loaded\n${from.file("load")}`);
    const to = machine.boot(index + 2);
    assert.equal(to.cmdline, planOf(from.file("plan.out")).cmdline, name);
    assert.notEqual(to.bootId, from.bootId, name);
    assert.doesNotMatch(to.file("dmesg"), /vda9.*recovery/, `${name}: ROOT was not unmounted`);
    assert.match(to.file("confirm"), /kexec/, name);
  }
  // All of it was one run of QEMU: the firmware was not asked once.
  assert.equal(machine.cycles.length, 1);
  assert.deepEqual(readCounters(machine.disk, "a"), [1, 0, 1]);
});
