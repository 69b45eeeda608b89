/**
 * The table of docs/systemd.md that shows how each way to reboot came out in a machine.
 *
 * @module
 */
import { CASES } from "./systemd_cases.ts";
import type { CaseResult } from "./systemd_matrix.ts";
import { SYSTEMD, SYSTEMD_SUITES, type SystemdSuite } from "./systemd_usr.ts";

const BEGIN = "<!-- Written by test/soak/systemd_matrix.ts --write -->";
const END = "<!-- end -->";
const NOT_RUN = "not run";
const NONE: Ways = { trixie: NOT_RUN, bookworm: NOT_RUN, forky: NOT_RUN };

/** `kexec`, `firmware` or `not run`, by release. */
export type Ways = Readonly<Record<SystemdSuite, string>>;

/** Title of a release's column. */
const title = (suite: SystemdSuite): string => `systemd ${SYSTEMD[suite]}`;
const HEAD = ["reboot", ...SYSTEMD_SUITES.map(title), "says"];

export interface MatrixRow {
  readonly name: string;
  readonly ways: Ways;
  readonly said: string;
}

function section(text: string): { readonly start: number; readonly end: number } {
  const start = text.indexOf(BEGIN);
  const end = text.indexOf(END, start);
  if (start === -1 || end === -1) throw new Error(`Cannot find the table: expected ${BEGIN} and ${END}`);
  return { start: start + BEGIN.length, end };
}

/** The rows that a document has now. */
export function readMatrix(text: string): readonly MatrixRow[] {
  const { start, end } = section(text);
  const [head = [], , ...body] = text.slice(start, end).split("\n").filter((line) => line.startsWith("|"))
    .map((line) => line.slice(1, -1).split(" | ").map((cell) => cell.trim()));
  return body.map((cells) => {
    const cell = (name: string): string | undefined => cells[head.indexOf(name)];
    const way = (suite: SystemdSuite): string => cell(title(suite)) ?? NOT_RUN;
    return {
      name: cell("reboot") ?? "",
      ways: { trixie: way("trixie"), bookworm: way("bookworm"), forky: way("forky") },
      said: cell("says") ?? "",
    };
  });
}

/** The rows of all cases, with what a run found in place of what was known. */
export function withResults(
  rows: readonly MatrixRow[],
  suite: SystemdSuite,
  results: readonly CaseResult[],
): readonly MatrixRow[] {
  return CASES.map(({ name }) => {
    const before = rows.find((row) => row.name === name);
    const ways = before?.ways ?? NONE;
    const result = results.find((one) => one.name === name);
    if (result === undefined) return { name, ways, said: before?.said ?? "" };
    return {
      name,
      ways: { ...ways, [suite]: result.kexec ? "kexec" : "firmware" },
      said: asCell(result.said),
    };
  });
}

/** A document with the table in place of the one it has. */
export function writeMatrix(text: string, rows: readonly MatrixRow[]): string {
  const { start, end } = section(text);
  const cells = [
    HEAD,
    ...rows.map((row) => [row.name, ...SYSTEMD_SUITES.map((suite) => row.ways[suite]), row.said]),
  ];
  const widths = HEAD.map((_, column) => Math.max(...cells.map((row) => (row[column] ?? "").length)));
  const line = (row: readonly string[]): string =>
    `| ${row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join(" | ")} |`;
  const [head = [], ...body] = cells;
  const rule = widths.map((width) => "-".repeat(width));
  const table = [line(head), line(rule), ...body.map(line)].join("\n");
  return `${text.slice(0, start)}\n\n${table}\n\n${text.slice(end)}`;
}

/** Without what differs from run to run, and without what the column before says. */
function asCell(text: string): string {
  return text.replaceAll("/e2e/kexec", "kexec").replace(
    /^this boot came through the firmware: the kexec was /i,
    "",
  ).replace(
    /kernel \d\S+/g,
    "kernel …",
  ).replaceAll("|", "\\|").replace(/\s+/g, " ");
}
