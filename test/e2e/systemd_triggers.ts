/**
 * Every way in which something asks for a reboot on a Flatcar host, one after the other in one machine: each has
 * to arrive by kexec, with the file systems unmounted.
 *
 * @module
 */
import assert from "node:assert/strict";
import { planOf } from "./answers.ts";
import { readCounters } from "./disk.ts";
import { systemdRoot, type SystemdSuite, systemdUsr } from "./systemd_usr.ts";
import { withMachine } from "./vm.ts";

export interface Trigger {
  readonly name: string;
  readonly command: string;
}

/** Those that never look at a loaded kernel come first: only the drop-in makes them a kexec. */
export const TRIGGERS: readonly Trigger[] = [
  {
    name: "logind's Reboot(false), as locksmith and FLUO call it",
    command:
      "busctl call org.freedesktop.login1 /org/freedesktop/login1 org.freedesktop.login1.Manager Reboot b false",
  },
  { name: "SIGRTMIN+5 to PID 1, kured's signal mode", command: "kill -s RTMIN+5 1" },
  { name: "ctrl-alt-del", command: "kill -s INT 1" },
  { name: "systemctl reboot", command: "systemctl reboot" },
  { name: "systemctl kexec", command: "systemctl kexec" },
  { name: "shutdown -r now", command: "shutdown -r now" },
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

/** Enable the program, and let the machine live through the triggers. */
export async function runTriggers(suite: SystemdSuite, triggers: readonly Trigger[]): Promise<void> {
  const boots = triggers.map(({ command }, index) =>
    `${index === 0 ? "flatcar-kexec enable; " : ""}${bootThatEndsIn(command)}`
  );
  await withMachine({
    counters: { a: [1, 0, 1], b: [0, 0, 0] },
    // One run of QEMU holds all boots.
    limit: 240 * (triggers.length + 1),
    usr: systemdUsr(suite),
    root: systemdRoot(suite),
    boots: [...boots, `${WAIT_UNTIL_CONFIRMED}; off`],
  }, async (machine) => {
    await machine.powerOn();
    for (const [index, { name }] of triggers.entries()) {
      const from = machine.boot(index + 1);
      assert.equal(from.file("loaded").trim(), "1", `${name}: no kernel was loaded\n${from.file("load")}`);
      const to = machine.boot(index + 2);
      assert.equal(to.cmdline, planOf(from.file("plan.out")).cmdline, name);
      assert.notEqual(to.bootId, from.bootId, name);
      assert.doesNotMatch(to.file("dmesg"), /vda9.*recovery/, `${name}: ROOT was not unmounted`);
      assert.match(to.file("confirm"), /this boot came by kexec/, name);
    }
    assert.deepEqual(readCounters(machine.disk, "a"), [1, 0, 1]);
  });
}
