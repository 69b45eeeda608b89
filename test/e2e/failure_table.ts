/**
 * The tables of docs/failure-modes.md: what fails, what the disk then holds, what boots next, what `status` says, and
 * the test that shows it. Rows of faults that machines live through are written from what they did; the others
 * stand here, with the tests that they rest on.
 *
 * @module
 */
import type { CycleResult } from "./fault_cycles.ts";
import { type Fault, FAULTS, type Tries } from "./faults.ts";

/** A test: its file below test/, and its name or that of its case. */
export interface NamedTest {
  readonly file: string;
  readonly name: string;
}

/** What is seen after a fault. A is the old slot, B the new one. */
export interface Seen {
  /** Of B, right after the fault. */
  readonly disk: string;
  readonly boots: string;
  readonly says: string;
}

export interface FailureRow {
  readonly fault: string;
  /** Null where the run writes it. */
  readonly seen: Seen | null;
  readonly tests: readonly NamedTest[];
}

export interface TableRow extends Seen {
  readonly fault: string;
  readonly shownBy: string;
}

export const TABLES = ["spend", "keep", "same slot", "state files"] as const;
export type TableName = (typeof TABLES)[number];

const IN_SUITE: NamedTest = { file: "e2e/faults.ts", name: "" };

function fromRun({ name }: Fault): FailureRow {
  return { fault: name, seen: null, tests: [{ ...IN_SUITE, name }] };
}

function cases(...names: readonly string[]): readonly NamedTest[] {
  return names.map((name) => ({ file: "e2e/systemd_cases.ts", name }));
}

const STILL_THERE = { disk: "tries 1", boots: "B" } as const;

const SPEND: readonly FailureRow[] = [
  {
    fault: "a check refuses at `load`",
    seen: { ...STILL_THERE, says: "the kexec was skipped: …, with the check's sentence" },
    tests: [
      ...cases("a check refuses", "update-engine is busy", "another program loaded a kernel"),
      {
        file: "kexec/load_test.ts",
        name: "loadPlanned() has record and units in place before the kernel, and spends no try",
      },
    ],
  },
  {
    fault:
      "anything changes between `load` and `commit`: a second update, `grub.cfg`, an OEM file, setup asked for",
    seen: {
      disk: "as the change left it",
      boots: "what GRUB finds",
      says: "the kexec was skipped: …, with what changed",
    },
    tests: [
      ...cases(
        "a second update staged after load",
        "the OEM's grub.cfg edited after load",
        "`systemctl reboot --firmware-setup` after load",
      ),
      { file: "kexec/commit_test.ts", name: "commitLoaded() drops the kernel and takes no try when" },
    ],
  },
  {
    fault: "`commit` fails, is killed or runs out of time before it has begun",
    seen: {
      ...STILL_THERE,
      says: "the kexec was skipped: flatcar-kexec-commit.service …, with how it ended",
    },
    tests: cases("commit fails", "commit is killed", "commit runs out of time"),
  },
  {
    fault: "the disk fails at a write or a flush of `commit`",
    seen: {
      disk: "tries 1; or: tries 0",
      boots: "B; or: A, then B",
      says: "the kexec was given up: …, with the error and what GRUB would take",
    },
    tests: [
      {
        file: "gpt/spend_test.ts",
        name:
          "a device that fails at any write or flush is left with a slot to boot, and the message says which",
      },
      { file: "kexec/commit_test.ts", name: "commitLoaded() drops the kernel when the try cannot be taken" },
      {
        file: "journal/aftermath_test.ts",
        name: "a commit that gave up after the try was spent gives it back in the same way",
      },
    ],
  },
  {
    fault: "power is cut at any write of `commit`, torn sectors included",
    seen: {
      disk: "tries 1; or: tries 0. One copy is whole at any time",
      boots: "B; or: A, then B",
      says: "as after the power cuts above",
    },
    tests: [
      { file: "e2e/power_cut_test.ts", name: "power that fails at any write of a commit" },
      {
        file: "gpt/power_cut_test.ts",
        name: "a power cut at any sector of a spend leaves the old or the new state",
      },
    ],
  },
  {
    fault: "power is cut while the try is given back",
    seen: { disk: "tries 0; or: tries 1", boots: "A; or: B", says: "the try is given back at most once" },
    tests: [
      { file: "e2e/power_cut_test.ts", name: "of a try given back, leaves a disk" },
      {
        file: "gpt/power_cut_test.ts",
        name: "a power cut while a try is given back leaves the old or the new state",
      },
      {
        file: "journal/aftermath_test.ts",
        name: "once noted, the same attempt gives nothing back after a power cut",
      },
    ],
  },
  {
    fault: "somebody else has locked the disk when the try is to go back",
    seen: { disk: "tries 0", boots: "A", says: "…; the next 'flatcar-kexec confirm' tries again" },
    tests: [{
      file: "kexec/confirm_test.ts",
      name:
        "a disk that somebody holds costs no try: it is not said to go back, and goes with the next confirm",
    }],
  },
  {
    fault: "`commit` gives up before the write, and B then fails under the firmware as well",
    seen: {
      disk: "tries 1",
      boots: "B, which fails, then A",
      says: "the try stays spent: GRUB took it itself, commit gave up before it had taken one",
    },
    tests: [
      { file: "kexec/commit_test.ts", name: "a commit that gave up leaves word of the tries that it left" },
      {
        file: "journal/aftermath_test.ts",
        name: "a commit that gave up before it took the try gives back none that GRUB took, and bars nothing",
      },
    ],
  },
  {
    fault: "the new kernel hangs, and a hardware watchdog that goes on counting resets it",
    seen: { disk: "tries 0", boots: "A, then B", says: "as after a reset by hand" },
    tests: [{
      file: "e2e/systemd_watchdog_test.ts",
      name: "a kernel that hangs right after the jump is reset",
    }],
  },
  {
    fault: "`systemctl reboot --force` with a kernel loaded",
    seen: { ...STILL_THERE, says: "this boot came through the firmware" },
    tests: [{ file: "soak/reboots.ts", name: "systemctl reboot --force" }],
  },
];

const SAME_SLOT: readonly FailureRow[] = [
  {
    fault: "any of the above",
    seen: {
      disk: "successful, tries 0: nothing is written",
      boots: "A",
      says: "as above; the version is in quarantine",
    },
    tests: [
      {
        file: "e2e/kexec_cycle_test.ts",
        name: "without an update the same slot comes again, and not a byte outside ROOT is written",
      },
      { file: "journal/aftermath_test.ts", name: "no try goes back when" },
    ],
  },
];

const STATE_FILES: readonly FailureRow[] = [
  {
    fault: "power is cut while `state.json` is written",
    seen: {
      disk: "the old content or the new, never a part",
      boots: "as without",
      says: "the one or the other",
    },
    tests: [{
      file: "journal/file_store_test.ts",
      name: "a power cut at any step leaves the old state or the new one",
    }],
  },
  {
    fault: "power is cut while an event is written",
    seen: { disk: "the event is there, or it is not", boots: "as without", says: "all events before it" },
    tests: [{
      file: "journal/file_store_test.ts",
      name: "a power cut at any step of an append leaves the lines before it, and the next append works",
    }],
  },
  {
    fault: "a state file is torn or foreign",
    seen: {
      disk: "it is set aside",
      boots: "as without",
      says: "what was wrong with it; it counts as empty",
    },
    tests: [
      {
        file: "journal/file_store_test.ts",
        name: "setting aside says what was wrong and where it went, and keeps a few",
      },
      { file: "journal/report_test.ts", name: "status shows failures, quarantine and damaged state" },
    ],
  },
  {
    fault: "a state file is of a newer version, or an older one",
    seen: { disk: "what the newer one added is kept", boots: "as without", says: "what this version knows" },
    tests: [
      {
        file: "journal/file_store_test.ts",
        name: "a newer version's file is read, and what it added is kept",
      },
      {
        file: "journal/file_store_test.ts",
        name: "an older version's file lacks fields, and is read with their defaults",
      },
    ],
  },
];

export const ROWS: Readonly<Record<TableName, readonly FailureRow[]>> = {
  "spend": [...FAULTS.map(fromRun), ...SPEND],
  "keep": FAULTS.filter((fault) => fault.spendsOnly !== true).map(fromRun),
  "same slot": SAME_SLOT,
  "state files": STATE_FILES,
};

const HEAD = ["fault", "B on the disk", "boots next", "`status` then says", "shown by"] as const;
const NOT_RUN = "not run";

function shownBy(tests: readonly NamedTest[]): string {
  return Map.groupBy(tests, ({ file }) => file).entries().map(([file, named]) =>
    `${file}: ${named.map(({ name }) => name).join("; ")}`
  ).toArray().join(". ");
}

function begin(table: TableName): string {
  return `<!-- table: ${table}; written by test/soak/faults.ts --write -->`;
}

const END = "<!-- end -->";

function section(text: string, table: TableName): { readonly start: number; readonly end: number } {
  const at = text.indexOf(begin(table));
  const end = text.indexOf(END, at);
  if (at === -1 || end === -1) throw new Error(`Cannot find the table: expected ${begin(table)} and ${END}`);
  return { start: at + begin(table).length, end };
}

/** The rows that a document has now. */
export function readTable(text: string, table: TableName): readonly TableRow[] {
  const { start, end } = section(text, table);
  return text.slice(start, end).split("\n").filter((line) => line.startsWith("|")).slice(2).map((line) => {
    const [fault = "", disk = "", boots = "", says = "", shownBy = ""] = line.slice(1, -1).split(" | ").map((
      cell,
    ) => cell.trim());
    return { fault, disk, boots, says, shownBy };
  });
}

/** The rows of a table: as a run saw them, else as they stand in the code, else as the document has them. */
export function tableRows(
  table: TableName,
  before: readonly TableRow[],
  results: readonly CycleResult[] = [],
): readonly TableRow[] {
  return ROWS[table].map(({ fault, seen, tests }) => {
    const known = before.find((row) => row.fault === fault);
    const fresh = results.filter((result) => result.tries === table && result.fault.name === fault).map(
      seenIn,
    );
    const cells = seen ?? (fresh.length === 0 ? known : together(fresh)) ??
      { disk: NOT_RUN, boots: NOT_RUN, says: NOT_RUN };
    return { fault, disk: cells.disk, boots: cells.boots, says: cells.says, shownBy: shownBy(tests) };
  });
}

/** A document with a table in place of the one it has. */
export function writeTable(text: string, table: TableName, rows: readonly TableRow[]): string {
  const { start, end } = section(text, table);
  const cells = [HEAD, ...rows.map((row) => [row.fault, row.disk, row.boots, row.says, row.shownBy])];
  const widths = HEAD.map((_, column) => Math.max(...cells.map((row) => (row[column] ?? "").length)));
  const line = (row: readonly string[]): string =>
    `| ${row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join(" | ")} |`;
  const [head = [], ...body] = cells;
  const lines = [line(head), line(widths.map((width) => "-".repeat(width))), ...body.map(line)];
  return `${text.slice(0, start)}\n\n${lines.join("\n")}\n\n${text.slice(end)}`;
}

/** A fault that comes out in more than one way: each of them once. */
function together(seen: readonly Seen[]): Seen {
  const ways = [...new Map(seen.map((one) => [JSON.stringify(one), one])).values()].sort((a, b) =>
    a.disk === b.disk ? a.says.localeCompare(b.says) : b.disk.localeCompare(a.disk)
  );
  const cell = (pick: (one: Seen) => string): string => [...new Set(ways.map(pick))].join("; or: ");
  return { disk: cell((one) => one.disk), boots: cell((one) => one.boots), says: cell((one) => one.says) };
}

/** What a cycle showed, in the table's words. */
export function seenIn(result: CycleResult): Seen {
  const name = (slot: string): string => slot === result.old ? "A" : "B";
  const [, tries, successful] = result.counters;
  return {
    disk: `tries ${tries}${successful === 1 ? ", marked good" : ""}`,
    boots: result.boots.map(({ slot, comesUp }) => `${name(slot)}${comesUp ? "" : ", which fails"}`).join(
      ", then ",
    ),
    says: shortened(result, name),
  };
}

/** Of `status`: how this boot came about, what became of the kexec, and whether its kernel is in quarantine. */
function shortened({ status, version }: CycleResult, name: (slot: string) => string): string {
  const lines = status.split("\n");
  const boot = lines.find((line) => /^(This boot|The kexec) /.test(line)) ?? "";
  const attempt = lines.find((line) => /^ {2}\d{4}-/.test(line) && line.includes(version));
  const became = attempt?.slice(attempt.indexOf(")") + 1).trim();
  const isQuarantined = lines.some((line) => line.startsWith(`  ${version}  since`));
  return [
    boot,
    ...(became === undefined || boot.includes(became) || became.startsWith("given up")
      ? []
      : [`last kexec: ${became}`]),
    ...(isQuarantined ? ["in quarantine"] : []),
  ].join("; ")
    .replace(/kernel \S+ \(USR-([AB])\)/g, (_, slot: string) => name(slot.toLowerCase()))
    .replace(/, \d+\.\d s\b/g, "")
    .replaceAll("/e2e/kexec", "kexec")
    .replace(/'\/boot\/flatcar\/vmlinuz-[ab]'/g, "B's kernel")
    .replaceAll("|", "\\|");
}

/** For `tries = "spend"` or `"keep"`. */
export function isSetting(table: TableName): table is Tries {
  return table === "spend" || table === "keep";
}
