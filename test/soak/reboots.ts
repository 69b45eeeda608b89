/**
 * Many reboots in a row of one machine with a real systemd, by kexec and through the firmware as a seed has it,
 * with updates staged in between: `bun run test/soak/reboots.ts [REBOOTS [SEED]]`; 100 by default. After each:
 * slot, counters in both tables, command line, count of kexecs in a row, verdict, and the size of what is kept.
 *
 * @module
 */
import assert from "node:assert/strict";
import process from "node:process";
import * as v from "valibot";
import { messageOf } from "../../src/lib/errors.ts";
import { readCounters, type SlotName, verifyTable } from "../e2e/disk.ts";
import { ARRIVING } from "../e2e/systemd_cases.ts";
import { type BootOrigin, LOAD_RESULT, powerOnOnce, withLongMachine } from "../e2e/systemd_matrix.ts";
import { systemdUsr, whyNoSystemd } from "../e2e/systemd_usr.ts";
import { type Boot, type Machine, whyNoMachine } from "../e2e/vm.ts";
import { type Counters, USR_A, USR_B } from "../support/gpt_image.ts";
import { seededRandom } from "../support/random.ts";

const reboots = Number(process.argv[2] ?? 100);
const seed = Number(process.argv[3] ?? Date.now() % 2 ** 31);
const MOST_IN_A_ROW = 10;
/** Bytes: the log of attempts, one older log of the same size, and the state beside them. */
const MOST_STATE = (2 * 128 + 16) << 10;
/** The older log comes when the first one is full. */
const STATE_FILES = ["attempts.1.jsonl", "attempts.jsonl", "state.json"];

type Table = Readonly<Record<SlotName, Counters>>;

/** A boot, what is done in it, and what it must lead to. */
interface Step {
  readonly script: string;
  readonly action: string;
  readonly after: Expected;
}

interface Expected {
  readonly slot: SlotName;
  readonly table: Table;
  readonly kexec: boolean;
  readonly consecutive: number;
}

const FIRMWARE = [
  { action: "reboot --cold", script: "flatcar-kexec reboot --cold" },
  { action: "unload, systemctl reboot", script: "flatcar-kexec unload; systemctl reboot" },
  { action: "systemctl reboot --force", script: "systemctl reboot --force" },
] as const;

const KEXEC = [
  ...ARRIVING.map(({ ask }) => ({ action: ask.replace(/^busctl .*/, "logind Reboot"), script: ask })),
  { action: "flatcar-kexec reboot", script: "flatcar-kexec reboot" },
];

const START: Expected = {
  slot: "a",
  table: { a: [1, 0, 1], b: [0, 0, 0] },
  kexec: false,
  consecutive: 0,
};

/** By the rules of GRUB's gptprio: the highest priority that has tries left or is marked good; one try is taken. */
function nextBoot(table: Table): { readonly slot: SlotName; readonly table: Table } {
  const bootable = (["a", "b"] as const).filter((slot) => table[slot][1] > 0 || table[slot][2] === 1);
  const slot = bootable.reduce((best, one) => table[one][0] > table[best][0] ? one : best);
  const [priority, tries, successful] = table[slot];
  return { slot, table: { ...table, [slot]: [priority, Math.max(0, tries - 1), successful] } };
}

function cgpt(slot: SlotName, [priority, tries, successful]: Counters): string {
  return `/e2e/cgpt add -i ${slot === "a" ? 3 : 4} -P ${priority} -T ${tries} -S ${successful} /dev/vda`;
}

function makeSteps(): readonly Step[] {
  const random = seededRandom(seed);
  const steps: Step[] = [];
  let now = START;
  for (let number = 1; number <= reboots; number++) {
    const other = now.slot === "a" ? "b" : "a";
    // What update-engine does after a while: this slot is good, and comes first.
    let table: Table = { ...now.table, [now.slot]: [2, 0, 1], [other]: [1, 0, now.table[other][2]] };
    const isStaged = random.chance(0.4);
    if (isStaged) table = { ...table, [other]: [3, random.int(1, 2), 0] };
    const isDue = now.consecutive >= MOST_IN_A_ROW;
    const wantsKexec = random.chance(0.75);
    const isKexec = wantsKexec && !isDue;
    const index = random.int(0, 1000);
    // With nothing loaded, `systemctl kexec` is an error and no reboot.
    const ways = isDue ? KEXEC.filter(({ script }) => script !== "systemctl kexec") : KEXEC;
    const chosen = wantsKexec ? ways : FIRMWARE;
    const way = chosen[index % chosen.length] ?? KEXEC[0];
    assert.ok(way !== undefined);
    const after: Expected = {
      ...nextBoot(table),
      kexec: isKexec,
      consecutive: isKexec ? now.consecutive + 1 : 0,
    };
    steps.push({
      action: `${isStaged ? `update to ${other}, ` : ""}${way.action}${
        isDue && wantsKexec ? " (limit)" : ""
      }`,
      after,
      script: `${number === 1 ? "keep enable flatcar-kexec enable\n" : ""}${CONFIRMED}${STATE}
${cgpt(now.slot, table[now.slot])}
${cgpt(other, table[other])}
sync
touch /run/reboot-required
${isDue ? LOAD_RESULT : LOADED}save
${way.script}
sleep 600
`,
    });
    now = after;
  }
  return steps;
}

/** Both by what costs little under emulation, for this is done a hundred times. */
const CONFIRMED = `systemctl start flatcar-kexec-confirm.service
journalctl -b --no-pager -o cat -u flatcar-kexec-confirm.service >/run/out/confirm
tail -n 6 /var/lib/flatcar-kexec/attempts.jsonl >/run/out/attempts 2>&1
for i in 3 4; do for field in P T S; do /e2e/cgpt show -i $i -$field /dev/vda; done; done >/run/out/table 2>&1
cat /sys/kernel/kexec_loaded >/run/out/loaded-at-boot
`;

const LOADED = `set +x
n=0
until { read loaded </sys/kernel/kexec_loaded; [ $loaded = 1 ] && [ -e /run/flatcar-kexec/loaded.json ]; } || [ $n = 240 ]; do
  n=$((n+1)); sleep 0.5
done
sleep 2
set -x
cp /run/flatcar-kexec/loaded.json /run/out/
`;

const STATE = `du -sb /var/lib/flatcar-kexec | cut -f 1 >/run/out/size
ls /var/lib/flatcar-kexec >/run/out/state-files
find /etc/systemd/system /run/systemd/system -name '*flatcar-kexec*' | sort >/run/out/units
cp /var/lib/flatcar-kexec/state.json /run/out/
`;

const StateSchema = v.object({ consecutive: v.number() });
const LoadedSchema = v.object({ cmdline: v.string() });

/** The line that GRUB gives for a slot, from the one that it gave for slot A at the first boot. */
function lineOf(slot: SlotName, first: string): string {
  const usr = systemdUsr("trixie");
  if (slot === "a") return first;
  return first.replaceAll("vmlinuz-a", "vmlinuz-b").replaceAll(USR_A.toLowerCase(), USR_B.toLowerCase())
    .replaceAll(
      usr.a.rootHash,
      usr.b.rootHash,
    );
}

function check(machine: Machine, origins: readonly BootOrigin[], step: Step, number: number): void {
  const from = machine.boot(number);
  const to = machine.boot(number + 1);
  const { after } = step;
  assert.equal(origins[number]?.cold, !after.kexec, "did it go through the firmware");
  const line = lineOf(after.slot, machine.cycles[0]?.cmdline ?? "");
  assert.equal(to.cmdline.replace(/ flatcar\.kexec=\S+/, ""), line, "command line");
  assert.equal(/flatcar\.kexec=/.test(to.cmdline), after.kexec, "mark on the command line");
  if (after.kexec) {
    assert.equal(to.cmdline, v.parse(LoadedSchema, JSON.parse(from.file("loaded.json"))).cmdline);
    assert.match(to.file("confirm"), /this boot came by kexec/);
  } else assert.match(to.file("confirm"), /this boot came through the firmware/);
  assert.deepEqual(tableOf(to), after.table, "counters");
  assert.equal(v.parse(StateSchema, JSON.parse(to.file("state.json"))).consecutive, after.consecutive);
  assert.equal(to.file("loaded-at-boot").trim(), "0", "a kernel is loaded right after the boot");
  assert.equal(to.file("units"), machine.boot(1).file("units"), "units");
  const files = to.file("state-files").trim().split("\n");
  assert.deepEqual(files.filter((name) => !STATE_FILES.includes(name)), [], "files of state");
  assert.ok(Number(to.file("size")) < MOST_STATE, `state has ${to.file("size").trim()} bytes`);
  assert.doesNotMatch(to.file("dmesg"), /vda9.*recovery/, "ROOT was not unmounted");
}

/** What cgpt showed in the guest before anything was changed: priority, tries, successful of both slots. */
function tableOf(boot: Boot): Table {
  // The shell's trace of itself is in between.
  const text = boot.file("table");
  const [ap, at, as, bp, bt, bs, ...more] = text.split("\n").filter((line) => /^\d+$/.test(line)).map(Number);
  if (ap === undefined || at === undefined || bp === undefined || bt === undefined || more.length > 0) {
    throw new Error(`cgpt shows no counters:\n${text}`);
  }
  return { a: [ap, at, as === 1 ? 1 : 0], b: [bp, bt, bs === 1 ? 1 : 0] };
}

const reason = whyNoMachine() ?? whyNoSystemd();
if (reason !== null) throw new Error(`Cannot run machines: ${reason}`);
const steps = makeSteps();
let decided = 0;
console.log(`${reboots} reboots, seed ${seed}`);
await withLongMachine("trixie", {
  counters: START.table,
  limit: 3600,
  boots: [...steps.map((step) => step.script), `${CONFIRMED}${STATE}off`],
}, async (machine) => {
  const origins: BootOrigin[] = [];
  decided = 0;
  while (origins.length <= reboots) {
    await powerOnOnce(machine, origins);
    for (const step of steps.slice(decided, origins.length - 1)) {
      decided++;
      const to = machine.boot(decided + 1);
      try {
        check(machine, origins, step, decided);
      } catch (error) {
        console.log(`reboot ${decided} (${step.action}): ${messageOf(error)}`);
        for (const name of ["confirm", "attempts", "table"]) {
          if (to.has(name)) console.log(`--- ${name}\n${to.file(name)}`);
        }
        throw error;
      }
      const way = step.after.kexec ? "kexec" : "firmware";
      console.log(
        `${String(decided).padStart(4)}  ${way.padEnd(8)} USR-${step.after.slot.toUpperCase()}  ` +
          `${step.after.consecutive} in a row  state ${to.file("size").trim()} bytes  ${step.action}`,
      );
    }
    // Nothing runs now: both tables as the disk has them.
    const last = machine.boot(origins.length);
    for (const slot of ["a", "b"] as const) {
      assert.deepEqual(readCounters(machine.disk, slot, "backup"), readCounters(machine.disk, slot));
    }
    assert.equal(verifyTable(machine.disk), "", last.cmdline);
  }
}, true);
const kexecs = steps.filter((step) => step.after.kexec).length;
console.log(`${decided} reboots were right: ${kexecs} by kexec, ${decided - kexecs} through the firmware`);
