/**
 * Writes docs/maintenance-window.svg and prints the table of docs/fleet.md.
 *
 * @module
 */
import { writeFileSync } from "node:fs";
import { EXAMPLE, FIRMWARE_SECONDS } from "./inputs.ts";
import { firmwareWindow, type Fleet, kexecWindow } from "./model.ts";

const WIDTH = 720;
const HEIGHT = 400;
const MARGIN = { left: 64, right: 150, top: 56, bottom: 52 };

interface Line {
  readonly label: string;
  readonly color: string;
  readonly dash: string;
  readonly hours: readonly number[];
}

function hours(window: { readonly seconds: number }): number {
  return window.seconds / 3600;
}

export function lines(fleet: Fleet): readonly Line[] {
  const at = (concurrency: number, model: typeof firmwareWindow): readonly number[] =>
    FIRMWARE_SECONDS.map((firmware) => hours(model({ ...fleet, firmware, concurrency })));
  return [
    { label: "firmware, 1 at a time", color: "#b2182b", dash: "6 4", hours: at(1, firmwareWindow) },
    { label: "kexec, 1 at a time", color: "#2166ac", dash: "6 4", hours: at(1, kexecWindow) },
    {
      label: `firmware, ${fleet.concurrency} at a time`,
      color: "#b2182b",
      dash: "",
      hours: at(fleet.concurrency, firmwareWindow),
    },
    {
      label: `kexec, ${fleet.concurrency} at a time`,
      color: "#2166ac",
      dash: "",
      hours: at(fleet.concurrency, kexecWindow),
    },
  ];
}

export function renderPlot(fleet: Fleet): string {
  const drawn = lines(fleet);
  const maxX = Math.max(...FIRMWARE_SECONDS);
  const maxY = Math.ceil(Math.max(...drawn.flatMap((line) => line.hours)) / 10) * 10;
  const inner = { width: WIDTH - MARGIN.left - MARGIN.right, height: HEIGHT - MARGIN.top - MARGIN.bottom };
  const x = (seconds: number): string => (MARGIN.left + (seconds / maxX) * inner.width).toFixed(1);
  const y = (value: number): string => (MARGIN.top + (1 - value / maxY) * inner.height).toFixed(1);
  const bottom = MARGIN.top + inner.height;
  const right = MARGIN.left + inner.width;
  const ticks = [
    ...range(0, maxX, 150).map((seconds) =>
      `<line x1="${x(seconds)}" y1="${bottom}" x2="${x(seconds)}" y2="${bottom + 5}" stroke="#444"/>` +
      `<text x="${x(seconds)}" y="${bottom + 20}" text-anchor="middle">${seconds}</text>`
    ),
    ...range(0, maxY, 10).map((value) =>
      `<line x1="${MARGIN.left}" y1="${y(value)}" x2="${right}" y2="${y(value)}" stroke="#ddd"/>` +
      `<text x="${MARGIN.left - 8}" y="${y(value)}" dy="4" text-anchor="end">${value}</text>`
    ),
  ];
  const labelY = spread(drawn.map((line) => Number(y(line.hours.at(-1) ?? 0))), 16);
  const curves = drawn.map((line, index) => {
    const points = line.hours.map((value, i) => `${x(FIRMWARE_SECONDS[i] ?? 0)},${y(value)}`).join(" ");
    return `<polyline points="${points}" fill="none" stroke="${line.color}" stroke-width="2"` +
      `${line.dash === "" ? "" : ` stroke-dasharray="${line.dash}"`}/>` +
      `<text x="${right + 8}" y="${labelY[index] ?? 0}" dy="4" fill="${line.color}">${line.label}</text>`;
  });
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" font-family="sans-serif" font-size="12">`,
    `<rect width="${WIDTH}" height="${HEIGHT}" fill="#fff"/>`,
    `<text x="${MARGIN.left}" y="22" font-size="15">Length of a maintenance window of ${fleet.hosts} hosts</text>`,
    `<text x="${MARGIN.left}" y="40" fill="#555">A model with assumed times, not a measurement</text>`,
    ...ticks,
    `<line x1="${MARGIN.left}" y1="${bottom}" x2="${right}" y2="${bottom}" stroke="#444"/>`,
    `<line x1="${MARGIN.left}" y1="${MARGIN.top}" x2="${MARGIN.left}" y2="${bottom}" stroke="#444"/>`,
    ...curves,
    `<text x="${MARGIN.left + inner.width / 2}" y="${HEIGHT - 10}" text-anchor="middle">` +
    `firmware and boot loader, seconds</text>`,
    `<text transform="translate(16 ${
      MARGIN.top + inner.height / 2
    }) rotate(-90)" text-anchor="middle">hours</text>`,
    `</svg>`,
    "",
  ].join("\n");
}

/** Positions moved upwards until each is `gap` away from the next, so that labels do not cover each other. */
function spread(positions: readonly number[], gap: number): readonly number[] {
  const moved = [...positions];
  const order = positions.map((_, index) => index).sort((a, b) => (positions[b] ?? 0) - (positions[a] ?? 0));
  let below = Infinity;
  for (const index of order) {
    below = Math.min(positions[index] ?? 0, below - gap);
    moved[index] = Math.round(below * 10) / 10;
  }
  return moved;
}

/** The table of docs/fleet.md, in Markdown. */
export function renderTable(fleet: Fleet): string {
  const rows = [60, 180, 300, 600].flatMap((firmware) =>
    [1, fleet.concurrency].map((concurrency) => {
      const at = { ...fleet, firmware, concurrency };
      const before = firmwareWindow(at);
      const after = kexecWindow(at);
      const cells = [
        `${firmware} s`,
        `${concurrency}`,
        `${hours(before).toFixed(1)} h`,
        `${hours(after).toFixed(1)} h`,
        `${((before.awaySeconds - after.awaySeconds) / 3600).toFixed(1)} h`,
      ];
      return `| ${cells.join(" | ")} |`;
    })
  );
  return [
    "| firmware | at a time | window, firmware | window, kexec | host hours saved |",
    "| --- | --- | --- | --- | --- |",
    ...rows,
  ].join("\n");
}

function range(from: number, to: number, step: number): readonly number[] {
  return Array.from({ length: Math.floor((to - from) / step) + 1 }, (_, i) => from + i * step);
}

if (import.meta.main) {
  writeFileSync(new URL("../../docs/maintenance-window.svg", import.meta.url), renderPlot(EXAMPLE));
  console.log(renderTable(EXAMPLE));
}
