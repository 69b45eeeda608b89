/**
 * Writes docs/reboot-time.svg and prints the table of docs/fleet.md, both from results.json.
 *
 * @module
 */
import { writeFileSync } from "node:fs";
import { type Phase, PHASES, type Reboot, type Way } from "./phases.ts";
import {
  type Firmware,
  FIRMWARES,
  GAP,
  LOADED_BEFORE,
  medianParts,
  ratio,
  readResults,
  rebootsUnder,
  RESULTS,
  type Run,
  seconds,
} from "./results.ts";

const WIDTH = 720;
const MARGIN = { left: 76, right: 96, top: 96, bottom: 52 };
const BAR = { height: 30, gap: 8, group: 26 };

const NAMES: Readonly<Record<Firmware, string>> = { seabios: "SeaBIOS", ovmf: "OVMF" };
const WAYS: readonly Way[] = ["firmware", "kexec"];

/** Red is what a kexec leaves out, blue what it adds, and grey what both have. */
const LOOKS: Readonly<Record<Phase, { readonly label: string; readonly color: string }>> = {
  command: { label: "command; kexec plans and loads", color: "#92c5de" },
  shutdown: { label: "shutdown", color: "#8c8c8c" },
  firmware: { label: "firmware", color: "#b2182b" },
  loader: { label: "GRUB", color: "#ef8a62" },
  jump: { label: "jump", color: "#2166ac" },
  kernel: { label: "kernel, initial RAM disk", color: "#b8b8b8" },
  userspace: { label: "systemd, to a unit of multi-user.target", color: "#dedede" },
};

interface Measured {
  readonly firmware: Firmware;
  readonly all: readonly Reboot[];
}

function machinesOf(runs: readonly Run[]): readonly Measured[] {
  return FIRMWARES.map((firmware) => ({ firmware, all: rebootsUnder(runs, firmware) }));
}

export function renderPlot(runs: readonly Run[]): string {
  const machines = machinesOf(runs);
  const inner = WIDTH - MARGIN.left - MARGIN.right;
  const longest = Math.max(1, ...machines.flatMap(({ all }) => WAYS.map((way) => seconds(all, way).cpu)));
  const maxX = Math.ceil(longest / 10) * 10;
  const x = (seconds: number): number => Math.round((MARGIN.left + (seconds / maxX) * inner) * 10) / 10;
  const groupHeight = 2 * BAR.height + BAR.gap + BAR.group;
  const bottom = MARGIN.top + machines.length * groupHeight + BAR.gap;
  const height = bottom + MARGIN.bottom;
  const ticks = range(0, maxX, 10).map((seconds) =>
    `<line x1="${x(seconds)}" y1="${MARGIN.top}" x2="${x(seconds)}" y2="${bottom + 5}" stroke="#ddd"/>` +
    `<text x="${x(seconds)}" y="${bottom + 20}" text-anchor="middle">${seconds}</text>`
  );
  const bars = machines.flatMap(({ firmware, all }, group) => {
    const top = MARGIN.top + group * groupHeight + BAR.group;
    return [
      `<text x="${MARGIN.left}" y="${top - 7}" font-weight="bold">${NAMES[firmware]}</text>`,
      ...WAYS.map((way, index) => bar(all, way, top + index * (BAR.height + BAR.gap), x)),
    ];
  });
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" font-family="sans-serif" font-size="12">`,
    `<rect width="${WIDTH}" height="${height}" fill="#fff"/>`,
    `<text x="16" y="22" font-size="15">From “reboot” to user space in a virtual machine</text>`,
    `<text x="16" y="40" fill="#555">Medians, under emulation: programs are many times slower here, ` +
    `and firmware has next to nothing to do</text>`,
    ...legend(),
    ...ticks,
    `<line x1="${MARGIN.left}" y1="${bottom}" x2="${WIDTH - MARGIN.right}" y2="${bottom}" stroke="#444"/>`,
    `<line x1="${MARGIN.left}" y1="${MARGIN.top}" x2="${MARGIN.left}" y2="${bottom}" stroke="#444"/>`,
    ...bars,
    `<text x="${MARGIN.left + inner / 2}" y="${height - 10}" text-anchor="middle">` +
    `processor seconds of the emulator</text>`,
    `</svg>`,
    "",
  ].join("\n");
}

function bar(all: readonly Reboot[], way: Way, top: number, x: (seconds: number) => number): string {
  const middle = top + BAR.height / 2;
  let end = 0;
  const parts: string[] = [];
  for (const [phase, { cpu }] of medianParts(all, way)) {
    const [left, right] = [x(end), x(end + cpu)];
    end += cpu;
    parts.push(
      `<rect x="${left}" y="${top}" width="${(right - left).toFixed(1)}" height="${BAR.height}" fill="${
        LOOKS[phase].color
      }"><title>${LOOKS[phase].label}: ${cpu.toFixed(1)} s</title></rect>`,
    );
  }
  const text = `${end.toFixed(0)} s${way === "kexec" ? `: × ${ratio(all).cpu.toFixed(2)}` : ""}`;
  return `<text x="${MARGIN.left - 8}" y="${middle}" dy="4" text-anchor="end">${way}</text>${
    parts.join("")
  }` +
    `<text x="${x(end) + 6}" y="${middle}" dy="4">${text}</text>`;
}

/** Two rows: what comes before the new kernel, and the rest. */
function legend(): readonly string[] {
  const columns = [16, 246, 422, 550];
  return PHASES.map((phase, index) => {
    const left = columns[index % columns.length] ?? 0;
    const top = 54 + Math.floor(index / columns.length) * 18;
    return `<rect x="${left}" y="${top}" width="12" height="12" fill="${LOOKS[phase].color}"/>` +
      `<text x="${left + 18}" y="${top + 10}">${LOOKS[phase].label}</text>`;
  });
}

function range(from: number, to: number, step: number): readonly number[] {
  return Array.from({ length: Math.floor((to - from) / step) + 1 }, (_, i) => from + i * step);
}

/** The table of docs/fleet.md, in Markdown. */
export function renderTable(runs: readonly Run[]): string {
  const spans: readonly (readonly [string, readonly Phase[]])[] = [
    ["from the command to a unit of multi-user.target", PHASES],
    ["the same, with the kernel loaded before", LOADED_BEFORE],
    ["from the old kernel's last line to the new one's first", GAP],
  ];
  const rows = machinesOf(runs).flatMap(({ firmware, all }) =>
    spans.map(([name, phases]) => {
      const [before, after] = WAYS.map((way) => seconds(all, way, phases));
      const quotient = ratio(all, phases);
      const cells = [
        NAMES[firmware],
        name,
        `${before?.cpu.toFixed(1)} s`,
        `${after?.cpu.toFixed(1)} s`,
        quotient.cpu.toFixed(2),
        quotient.wall.toFixed(2),
      ];
      return `| ${cells.join(" | ")} |`;
    })
  );
  return [
    "| machine | span | firmware | kexec | ratio | ratio, wall clock |",
    "| --- | --- | --- | --- | --- | --- |",
    ...rows,
  ].join("\n");
}

if (import.meta.main) {
  const runs = readResults(RESULTS);
  writeFileSync(new URL("../../docs/reboot-time.svg", import.meta.url), renderPlot(runs));
  console.log(renderTable(runs));
}
