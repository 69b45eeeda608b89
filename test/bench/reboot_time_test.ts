import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { asks, LineClock, rebootsIn, type TimedLine } from "../../bench/reboot_time/phases.ts";
import { renderPlot, renderTable } from "../../bench/reboot_time/plot.ts";
import {
  FIRMWARES,
  GAP,
  LOADED_BEFORE,
  ratio,
  readResults,
  rebootsUnder,
  RESULTS,
  type Run,
  seconds,
} from "../../bench/reboot_time/results.ts";

/** A line a second, and an eighth of a second of the processor's. */
function timed(lines: readonly string[]): readonly TimedLine[] {
  return lines.map((text, index) => ({ text, wall: 100 + index, cpu: 50 + index / 8 }));
}

const START = [
  "\x1bc\x1b[?7l\x1b[2J\x1b[0mSeaBIOS (version 1.16.2)",
  "GRUB loading...",
  "[    0.000000] Linux version 6.1.0",
  "E2E-INITRD usr=USR-A kernel=6.1.0",
  "E2E boot 1",
];
const KEXEC = [
  `+ echo '${asks("kexec")}'`,
  asks("kexec"),
  "Going through kexec",
  "E2E asked 0",
  "[   61.250000] kexec_core: Starting new kernel",
  "",
  "KASLR disabled: 'nokaslr' on cmdline.",
  "[    0.000000] Linux version 6.1.0",
  "E2E-INITRD usr=USR-A kernel=6.1.0",
  "\x1b[!p\x1b]104\x07\x1b[?7h[   23.49] random: crng init done",
  "E2E boot 2",
];
const FIRMWARE = [
  asks("firmware"),
  "E2E asked 0",
  "[  102.000000] reboot: Restarting system",
  "BdsDxe: starting Boot0001",
  "\x1b[0m\x1b[30m\x1b[47mWelcome\x1b[04;07H\x1b[04;08H to GRUB!\r",
  "[    0.000000] Linux version 6.1.0",
  "E2E-INITRD usr=USR-A kernel=6.1.0",
  "E2E boot 3",
];

test("a run's reboots are told apart, each with the seconds between its signs, and the first start is none", () => {
  const [kexec, firmware, ...more] = rebootsIn(timed([...START, ...KEXEC, ...FIRMWARE]));
  assert.equal(more.length, 0);
  assert.equal(kexec?.way, "kexec");
  assert.deepEqual(kexec?.parts, [
    { phase: "command", wall: 2, cpu: 2 / 8 },
    { phase: "shutdown", wall: 1, cpu: 1 / 8 },
    { phase: "jump", wall: 2, cpu: 2 / 8 },
    { phase: "kernel", wall: 2, cpu: 2 / 8 },
    { phase: "userspace", wall: 2, cpu: 2 / 8 },
  ]);
  assert.equal(firmware?.way, "firmware");
  assert.deepEqual(firmware?.parts.map((part) => [part.phase, part.wall]), [
    ["command", 1],
    ["shutdown", 1],
    ["firmware", 2],
    ["loader", 1],
    ["kernel", 1],
    ["userspace", 1],
  ]);
});

test("a kexec that went through GRUB, a command that failed and a machine that did not come up are no times", () => {
  const through = [...KEXEC.slice(0, 5), ...FIRMWARE.slice(3)];
  assert.throws(() => rebootsIn(timed(through)), /reboot 1: it was to be a kexec, and GRUB started/);
  const failed = KEXEC.map((line) => line.replace("asked 0", "asked 1"));
  assert.throws(() => rebootsIn(timed(failed)), /reboot 1, by kexec: .*ends 'command', found none/);
  const hung = [...KEXEC, ...FIRMWARE.slice(0, -1)];
  assert.throws(() => rebootsIn(timed(hung)), /reboot 2, by firmware: .*ends 'userspace', found none/);
});

test("a line that comes in pieces has the time of its last", () => {
  const clock = new LineClock();
  clock.add("one\r\ntw", { wall: 1, cpu: 0.5 });
  clock.add("o", { wall: 2, cpu: 0.75 });
  clock.add("\nthree\nfo", { wall: 3, cpu: 1 });
  assert.deepEqual(clock.lines, [
    { text: "one", wall: 1, cpu: 0.5 },
    { text: "two", wall: 3, cpu: 1 },
    { text: "three", wall: 3, cpu: 1 },
  ]);
});

test("a ratio is kexec's median over the firmware's, of the whole or of a part", () => {
  const part = (phase: "command" | "shutdown" | "firmware" | "loader" | "jump", cpu: number) => ({
    phase,
    wall: 2 * cpu,
    cpu,
  });
  const run: Run = {
    firmware: "ovmf",
    date: "2026-01-01",
    qemu: "",
    grub: "",
    kernel: "",
    systemd: "",
    reboots: [
      { way: "kexec", parts: [part("command", 5), part("shutdown", 9), part("jump", 2)] },
      { way: "kexec", parts: [part("command", 6), part("shutdown", 5), part("jump", 3)] },
      {
        way: "firmware",
        parts: [part("command", 1), part("shutdown", 5), part("firmware", 6), part("loader", 4)],
      },
    ],
  };
  const all = rebootsUnder([run, { ...run, firmware: "seabios", reboots: [] }], "ovmf");
  assert.deepEqual(seconds(all, "kexec"), { wall: 30, cpu: 15 });
  assert.deepEqual(ratio(all), { wall: 15 / 16, cpu: 15 / 16 });
  assert.deepEqual(ratio(all, GAP), { wall: 0.25, cpu: 0.25 });
  assert.deepEqual(ratio(all, LOADED_BEFORE), { wall: 9.5 / 15, cpu: 9.5 / 15 });
  const odd = [...all, { way: "kexec" as const, parts: [part("jump", 99)] }];
  assert.equal(seconds(odd, "kexec", ["jump"]).cpu, 3);
});

test("the table and the plot of docs/fleet.md are those of the results that are kept", () => {
  const page = (name: string): string => readFileSync(new URL(`../../docs/${name}`, import.meta.url), "utf8");
  const rows = (text: string): readonly string[] =>
    text.split("\n").filter((line) => line.startsWith("|") && !line.includes("---"))
      .map((line) => line.replace(/ +/g, " "));
  const runs = readResults(RESULTS);
  assert.deepEqual([...new Set(runs.map((run) => run.firmware))], FIRMWARES);
  const [, table = ""] = page("fleet.md").split(/<!-- reboot table.*?-->/);
  assert.deepEqual(rows(table), rows(renderTable(runs)));
  assert.equal(page("reboot-time.svg"), renderPlot(runs));
});
