/**
 * How long a reboot takes by kexec and through firmware and GRUB: in the same virtual machine, on the same disk,
 * one after the other in one run of QEMU, under SeaBIOS and under OVMF. Adds to results.json.
 *
 * The machines have Debian's systemd and GNU GRUB and run the built binary: `flatcar-kexec reboot`, which plans
 * and loads first, and `flatcar-kexec reboot --cold`. The lines on the serial console are timed from outside, in
 * seconds and in processor seconds of the emulator: those do not count what other programs on this host do.
 *
 * Run by `deno task bench reboot_time [PAIRS] [seabios|ovmf]`; about two minutes of processor time for each
 * pair of reboots under each firmware.
 *
 * @module
 */
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { run } from "../../test/support/debian.ts";
import { GRUB_FOLDER } from "../../test/e2e/real_grub.ts";
import { missingForEfi, OVMF } from "../../test/e2e/real_grub_efi.ts";
import { systemdRoot, systemdUsr, whyNoSystemd } from "../../test/e2e/systemd_usr.ts";
import { Machine, type MachineOptions, whyNoMachine } from "../../test/e2e/vm.ts";
import { messageOf } from "../../src/lib/errors.ts";
import { asks, LineClock, rebootsIn, type Way } from "./phases.ts";
import { type Firmware, FIRMWARES, readResults, RESULTS, type Run, writeResults } from "./results.ts";

const SUITE = "trixie";

/** Messages are wanted here: they are what is timed. systemd's own would only cost time. */
const OEM_CONFIG = `set oem_id="qemu"
set linux_console="console=ttyS0,115200n8"
set linux_append="loglevel=6 earlyprintk=serial,ttyS0,115200 systemd.show_status=no panic=3 nokaslr mitigations=off"
`;

const COMMANDS: Readonly<Record<Way, string>> = {
  kexec: "flatcar-kexec reboot",
  firmware: "flatcar-kexec reboot --cold",
};

/** All that a start brings with it is over before the next reboot is asked for. */
function scriptOf(way: Way): string {
  return `systemctl is-system-running --wait
systemctl start flatcar-kexec-confirm.service
set +x
echo "${asks(way)}"
${COMMANDS[way]}
echo "E2E asked $?"
sleep 600
`;
}

/** SeaBIOS shows what it and GRUB print on the serial console where this file of QEMU's says which port. */
function serialConsoleOfSeabios(folder: string): readonly string[] {
  const path = join(folder, "sercon-port");
  writeFileSync(path, Uint8Array.of(0xf8, 0x03));
  return ["-fw_cfg", `name=etc/sercon-port,file=${path}`];
}

/** `folder`: for files that QEMU reads. */
const MACHINES: Readonly<Record<Firmware, (folder: string) => Pick<MachineOptions, "grub" | "qemu">>> = {
  seabios: (folder) => ({ grub: true, qemu: serialConsoleOfSeabios(folder) }),
  ovmf: () => ({ grub: "efi", qemu: OVMF }),
};

/** Processor seconds of a process so far (proc_pid_stat(5): utime and stime, in hundredths); null if it is gone. */
function cpuSeconds(pid: number): number | null {
  const path = `/proc/${pid}/stat`;
  if (!existsSync(path)) return null;
  const fields = readFileSync(path, "latin1").replace(/^.*\) /s, "").split(" ");
  return (Number(fields[11]) + Number(fields[12])) / 100;
}

async function measure(firmware: Firmware, pairs: number): Promise<Run> {
  const ways = Array.from({ length: pairs }, () => ["kexec", "firmware"] as const).flat();
  const clock = new LineClock();
  let cpu = 0;
  const folder = mkdtempSync(join(tmpdir(), "flatcar-kexec-bench-"));
  const machine = new Machine({
    ...MACHINES[firmware](folder),
    restarts: true,
    counters: { a: [1, 0, 1], b: [0, 0, 0] },
    oemConfig: OEM_CONFIG,
    usr: systemdUsr(SUITE),
    root: systemdRoot(SUITE),
    limit: 300 + 240 * ways.length,
    boots: [
      ...ways.map((way, index) => `${index === 0 ? "flatcar-kexec enable\n" : ""}${scriptOf(way)}`),
      "systemctl --version | head -n 1 >/run/out/systemd\noff",
    ],
    onSerial: (text, pid) => {
      cpu = cpuSeconds(pid) ?? cpu;
      clock.add(text, { wall: performance.now() / 1000, cpu });
    },
  });
  try {
    await machine.powerOn();
    const last = machine.boot(ways.length + 1);
    return {
      firmware,
      date: new Date().toISOString().slice(0, 10),
      qemu: run("qemu-system-x86_64", ["--version"]).split("\n")[0] ?? "",
      grub: run("grub-mkimage", ["--version"]).trim(),
      kernel: last.kernel,
      systemd: last.file("systemd").trim(),
      reboots: rebootsIn(clock.lines),
    };
  } finally {
    rmSync(folder, { recursive: true });
    if (process.env["KEEP_VM"] === undefined) machine.remove();
    else console.log(`kept ${machine.folder}`);
  }
}

async function main(args: readonly string[]): Promise<void> {
  const pairs = Number(args.find((arg) => /^\d+$/.test(arg)) ?? 3);
  const named = FIRMWARES.filter((one) => args.includes(one));
  const reason = whyNoMachine() ?? whyNoSystemd();
  if (reason !== null) throw new Error(`Cannot measure reboots: this ${reason}`);
  const missing = [...missingForEfi(), ...(existsSync(`${GRUB_FOLDER}/boot.img`) ? [] : ["grub-pc-bin"])];
  if (missing.length > 0) throw new Error(`Cannot measure reboots: this needs ${missing.join(", ")}`);
  for (const firmware of named.length > 0 ? named : FIRMWARES) {
    const run = await measure(firmware, pairs);
    writeResults(RESULTS, [...readResults(RESULTS), run]);
  }
}

try {
  await main(process.argv.slice(2));
} catch (error) {
  console.error(messageOf(error));
  process.exitCode = 1;
}
