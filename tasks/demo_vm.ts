/**
 * `deno task demo:vm`: the sample host as a virtual machine. It boots slot A, leaves that kernel through kexec
 * for the update in slot B, and shows both kernels' command lines.
 *
 * @module
 */
import process from "node:process";
import { messageOf } from "../src/lib/errors.ts";
import { whyNoMachine, withMachine } from "../test/e2e/vm.ts";
import { provision } from "../test/support/debian.ts";
import { readCounters } from "../test/e2e/disk.ts";
import { build } from "./build.ts";
import { hostArch } from "./bun.ts";

const BOOTS = ["flatcar-kexec plan >/run/out/plan; flatcar-kexec reboot >/run/out/reboot 2>&1", "off"];

try {
  provision();
  build(hostArch());
  const reason = whyNoMachine();
  if (reason !== null) throw new Error(`no virtual machine can be started here: it ${reason}`);
  console.log("Booting slot A in QEMU, without KVM; an update waits in slot B. This takes half a minute …");
  await withMachine({
    counters: { a: [1, 0, 1], b: [0, 0, 0] },
    kernels: { b: "bookworm-backports" },
    boots: BOOTS,
  }, async (machine) => {
    const cycle = await machine.powerOn({ b: [2, 1, 0] });
    const first = machine.boot(1);
    const second = machine.boot(2);
    console.log(`\nFirst kernel: ${first.kernel}, started by the firmware\n  ${first.cmdline}`);
    console.log(`\n$ flatcar-kexec plan\n\n${first.file("plan")}`);
    console.log(
      `$ flatcar-kexec reboot\n\nSecond kernel: ${second.kernel}, started by kexec\n  ${second.cmdline}`,
    );
    const [priority, tries, successful] = readCounters(machine.disk, "b");
    console.log(`\nUSR-B on the disk now: priority ${priority}, tries ${tries}, successful ${successful}`);
    console.log(`One run of QEMU, ${cycle.seconds.toFixed(0)} s, no firmware in between.`);
  });
} catch (error) {
  console.error(`The demo failed: ${messageOf(error)}`);
  process.exitCode = 1;
}
