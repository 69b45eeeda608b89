/**
 * Many reboots of one machine with a real systemd, a case of systemd_cases.ts between each two boots. What a case
 * leaves behind is on the machine's disk or in the firmware's next choice; nothing else is carried over.
 *
 * @module
 */
import assert from "node:assert/strict";
import { copyFileSync, cpSync, truncateSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import * as v from "valibot";
import { messageOf } from "../../src/lib/errors.ts";
import { findProgram } from "../support/debian.ts";
import { type SlotName, verifyTable } from "./disk.ts";
import type { RebootCase } from "./systemd_cases.ts";
import { SYSTEMD, systemdRoot, type SystemdSuite, systemdUsr } from "./systemd_usr.ts";
import { type Boot, type Machine, type MachineOptions, withMachine } from "./vm.ts";

/** Of what `load` wrote down. */
const LoadedSchema = v.object({ cmdline: v.string() });

function loadedOf(text: string): v.InferOutput<typeof LoadedSchema> {
  return v.parse(LoadedSchema, JSON.parse(text));
}

/** Bytes that a boot may leave, as the machines' results file has it. */
const RESULT_SIZE = 8 << 20;

export interface CaseResult {
  readonly name: string;
  readonly kexec: boolean;
  /** What the program said about it. */
  readonly said: string;
  /** From one boot's script to the next one's, by the machine's clock. */
  readonly seconds: number;
}

/** Seconds a case waits for what the load unit does. */
const PATIENCE = 120;

/** The unit that runs at boot has spoken. */
export const CONFIRMED = `date +%s.%N >/run/out/started
systemctl start flatcar-kexec-confirm.service
journalctl -b --no-pager -o cat -u flatcar-kexec-confirm.service >/run/out/confirm
tail -n 30 /var/lib/flatcar-kexec/attempts.jsonl >/run/out/attempts 2>&1
ls -R /run/systemd/system /run/flatcar-kexec >/run/out/run 2>&1
counters() { for i in 3 4; do for field in P T S; do /e2e/cgpt show -i $i -$field /dev/vda; done; done; }
counters >/run/out/table
cat /proc/sys/kernel/bootloader_type >/run/out/loader
cat /sys/kernel/kexec_loaded >/run/out/loaded-at-boot
systemctl --version | head -n 1 >/run/out/systemd
save
`;

/** Wait for the load unit's verdict. */
export const LOAD_RESULT: string =
  `n=0; until [ $(systemctl show -P ExecMainExitTimestampMonotonic flatcar-kexec-load.service) -gt 0 ] || [ $n = ${PATIENCE} ]; do n=$((n+1)); sleep 1; done
cat /sys/kernel/kexec_loaded >/run/out/loaded
systemctl show -P ExecMainStatus flatcar-kexec-load.service >/run/out/load-status
journalctl -b --no-pager -o cat -u flatcar-kexec-load.service >/run/out/load
cp /run/flatcar-kexec/loaded.json /run/out/loaded.json
`;

/** What update-engine does a while after the boot. Where it is so already, nothing is written. */
const MARK_GOOD = `case $(cat /proc/cmdline) in *vmlinuz-a*) n=3 ;; *) n=4 ;; esac
[ $(/e2e/cgpt show -i $n -S /dev/vda) = 1 ] || /e2e/cgpt add -i $n -T 0 -S 1 /dev/vda
`;

/** The script of a boot that ends by a case. */
export function scriptOfCase(one: RebootCase, isFirst: boolean): string {
  return `${isFirst ? "keep enable flatcar-kexec enable\n" : ""}${CONFIRMED}${MARK_GOOD}${one.before ?? ""}
touch /run/reboot-required
${LOAD_RESULT}${one.after ?? ""}
date +%s.%N >/run/out/asked
counters >/run/out/table-asked
save
keep ask ${one.ask}
save
sleep 600
`;
}

/**
 * A machine for more boots than a test's usual few, and with what these scripts call.
 *
 * @param isLean As systemdRoot's.
 */
export function withLongMachine(
  suite: SystemdSuite,
  options: MachineOptions,
  action: (machine: Machine) => Promise<void>,
  isLean = false,
): Promise<void> {
  const fill = systemdRoot(suite, isLean);
  const cgpt = findProgram("cgpt");
  if (cgpt === null) throw new Error("Cannot make a machine: cgpt is not installed");
  const standIn = fileURLToPath(new URL("update_engine_stand_in.pl", import.meta.url));
  return withMachine({
    ...options,
    usr: systemdUsr(suite),
    root: (tree) => {
      fill(tree);
      copyFileSync(cgpt, join(tree, "e2e/cgpt"));
      copyFileSync(standIn, join(tree, "e2e/update_engine_stand_in.pl"));
      cpSync(
        fileURLToPath(new URL("update_engine_bus.conf", import.meta.url)),
        join(tree, "etc/dbus-1/system.d/com.coreos.update1.conf"),
      );
    },
  }, (machine) => {
    truncateSync(join(machine.folder, "results"), (options.boots.length + 2) * RESULT_SIZE);
    return action(machine);
  });
}

/** Where each boot of a machine came from. */
export interface BootOrigin {
  /** Index of the power cycle that it is part of. */
  readonly cycle: number;
  /** Whether it is the first of its cycle. */
  readonly cold: boolean;
}

/** Switch a machine on once; the boots that followed are added to `origins`, which counts boots from 0. */
export async function powerOnOnce(machine: Machine, origins: BootOrigin[]): Promise<void> {
  const index = machine.cycles.length;
  const { serial } = await machine.powerOn();
  const boots = [...serial.matchAll(/E2E boot (\d+)$/gm)].map(([, number]) => Number(number));
  for (const number of boots) {
    assert.equal(number, origins.length + 1, `boots came out of order\n${serial.slice(-3000)}`);
    origins.push({ cycle: index, cold: number === boots[0] });
  }
  assert.notEqual(boots.length, 0, `the machine did not come up\n${serial.slice(-3000)}`);
}

/**
 * Take a machine through the cases, one reboot for each.
 *
 * @param isLean As systemdRoot's.
 * @throws {Error} if any came out otherwise, with all that did.
 */
export async function runCases(
  suite: SystemdSuite,
  cases: readonly RebootCase[],
  report: (result: CaseResult) => void = () => {},
  isLean = false,
): Promise<readonly CaseResult[]> {
  let results: CaseResult[] = [];
  const failures: string[] = [];
  await withLongMachine(suite, {
    counters: { a: [1, 0, 1], b: [0, 0, 0] },
    limit: 240 + 120 * cases.length,
    boots: [...cases.map((one, index) => scriptOfCase(one, index === 0)), `${CONFIRMED}off`],
  }, async (machine) => {
    // Another machine may have been given up: it counts from the start.
    results = [];
    failures.length = 0;
    const origins: BootOrigin[] = [];
    let decided = 0;
    while (origins.length <= cases.length) {
      await powerOnOnce(machine, origins);
      // A case is decided by the boot that follows it.
      for (const one of cases.slice(decided, origins.length - 1)) {
        decided++;
        try {
          const result = judge(machine, origins, one, decided);
          results.push(result);
          report(result);
        } catch (error) {
          failures.push(messageOf(error));
          console.log(messageOf(error));
        }
      }
    }
    assert.equal(verifyTable(machine.disk), "");
    const systemd = machine.boot(1).file("systemd");
    assert.ok(systemd.startsWith(`systemd ${SYSTEMD[suite]} `), `${suite} has ${systemd}`);
  }, isLean);
  assert.equal(failures.length, 0, failures.join("\n\n"));
  return results;
}

/** See that the boot after a case is what the case must lead to. */
function judge(
  machine: Machine,
  origins: readonly BootOrigin[],
  one: RebootCase,
  number: number,
): CaseResult {
  const from = machine.boot(number);
  const to = machine.boot(number + 1);
  const origin = origins[number];
  const cycle = machine.cycles[origin?.cycle ?? 0];
  const cycleBefore = machine.cycles[origins[number - 1]?.cycle ?? 0];
  const said = whatWasSaid(from, to);
  const about = (text: string): string => `${one.name}: ${text}\n${said}\n${evidence(from, to)}`;
  assert.equal(from.file("load-status").trim(), String(one.loadStatus ?? 0), about("status of load"));
  const isLoaded = one.loads !== false || one.loadStatus === 6;
  assert.equal(from.file("loaded").trim(), isLoaded ? "1" : "0", about("is a kernel loaded"));
  assert.notEqual(to.bootId, from.bootId, one.name);
  assert.equal(origin?.cold, !one.kexec, about("did it go through the firmware"));
  if (one.kexec) {
    assert.equal(to.cmdline, loadedOf(from.file("loaded.json")).cmdline, one.name);
    assert.equal(Number(to.file("loader")) >> 4, 0xd, about("type of boot loader"));
  } else {
    assert.equal(to.cmdline, cycle?.cmdline, one.name);
    assert.equal(cycle?.slot === cycleBefore?.slot, one.slot !== "other", about("is it the same slot"));
  }
  const counters = countersOf(from.file("table-asked"));
  // No kexec here has a try to take: only the firmware takes one, of the slot that it boots.
  const left = one.slot === "other"
    ? counters.map((number, index) => index === TRIES[cycle?.slot ?? "a"] ? number - 1 : number)
    : counters;
  assert.deepEqual(countersOf(to.file("table")), left, about("counters"));
  // Mounted again without a journal to recover: it was unmounted before.
  assert.match(to.file("dmesg"), /EXT4-fs \(vda9\): mounted/, one.name);
  assert.doesNotMatch(to.file("dmesg"), /vda9.*recovery/, about("ROOT was not unmounted"));
  assert.match(said, one.says, about("what it says"));
  return {
    name: one.name,
    kexec: one.kexec,
    said: said.split("\n").find((line) => one.says.test(line))?.trim() ?? said,
    seconds: Number(to.file("started")) - Number(from.file("started")),
  };
}

/** Of the six numbers that a boot leaves, priority, tries and successful for each slot: which are the tries. */
const TRIES: Readonly<Record<SlotName, number>> = { a: 1, b: 4 };

function countersOf(text: string): readonly number[] {
  return text.trim().split(/\s+/).map(Number);
}

/** What the program told anybody about a reboot: at the boot after it, when it was asked for, when it loaded. */
function whatWasSaid(from: Boot, to: Boot): string {
  const ask = from.has("ask.out") ? `${from.file("ask.out")}${from.file("ask.err")}` : "";
  return [to.file("confirm"), ask, from.file("load")].join("\n");
}

function evidence(from: Boot, to: Boot): string {
  const names = ["load", "load-status", "run", "attempts", "table", "table-asked", "systemd"];
  const show = (boot: Boot): string =>
    names.filter((name) => boot.has(name)).map((name) => `--- ${name}\n${boot.file(name)}`).join("\n");
  return `from:\n${show(from)}\nto:\n${show(to)}`;
}
