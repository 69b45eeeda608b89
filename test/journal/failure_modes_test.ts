import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { test } from "node:test";
import type { CycleResult } from "../e2e/fault_cycles.ts";
import { isSetting, readTable, ROWS, seenIn, tableRows, TABLES, writeTable } from "../e2e/failure_table.ts";
import { aftermathOf, type Fault, FAULTS, type Reached } from "../e2e/faults.ts";

const page = readFileSync(new URL("../../docs/failure-modes.md", import.meta.url), "utf8");

for (const table of TABLES) {
  test(`docs/failure-modes.md has the rows of the code, and every one has been seen: ${table}`, () => {
    const rows = readTable(page, table);
    assert.deepEqual(rows, tableRows(table, rows));
    assert.equal(writeTable(page, table, rows), page);
    for (const row of rows) {
      for (const [column, cell] of Object.entries(row)) {
        assert.notEqual(cell, "", `${row.fault}: ${column}`);
        assert.notEqual(cell, "not run", `${row.fault}: ${column}`);
      }
      assert.doesNotMatch(row.boots, /hand|console|nothing/, "a host that needs a hand");
    }
  });

  test(`every failure mode is shown by a test that is there: ${table}`, () => {
    for (const { fault, tests } of ROWS[table]) {
      assert.notEqual(tests.length, 0, fault);
      for (const { file, name } of tests) {
        const url = new URL(`../${file}`, import.meta.url);
        assert.ok(existsSync(url), `${fault}: there is no test/${file}`);
        // A long name goes on in the next line of the code.
        const text = readFileSync(url, "utf8").replace(/" \+\s*"/g, "");
        assert.ok(name !== "" && text.includes(name), `${fault}: test/${file} has no test called "${name}"`);
      }
    }
  });
}

/** How far each fault can come: one way, or any. */
function waysOf(fault: Fault): readonly Reached[] {
  return fault.reached === null ? ["nothing", "prepared", "written", "committed"] : [fault.reached];
}

test("what machines did after a fault is what the rules say", () => {
  for (const table of TABLES.filter(isSetting)) {
    for (const row of readTable(page, table)) {
      const fault = FAULTS.find(({ name }) => name === row.fault);
      if (fault === undefined) continue;
      const expected = waysOf(fault).map((reached) => {
        const { tries, steps } = aftermathOf(fault, table, reached);
        const boots = steps.map(({ slot, boots }) =>
          `${slot === "old" ? "A" : "B"}${boots ? "" : ", which fails"}`
        );
        return { tries: `tries ${tries}`, boots: boots.join(", then ") };
      });
      for (const disk of row.disk.split("; or: ")) {
        assert.ok(expected.some(({ tries }) => disk.startsWith(tries)), `${row.fault}: ${disk}`);
      }
      for (const boots of row.boots.split("; or: ")) {
        assert.ok(expected.some((one) => one.boots === boots), `${row.fault}: ${boots}`);
      }
    }
  }
});

const PANIC = FAULTS.find(({ initrd }) => initrd === "panic");
assert.ok(PANIC !== undefined);

/** As a machine gave it, with USR-B running and USR-A to be booted. */
const RESULT: CycleResult = {
  fault: PANIC,
  tries: "spend",
  reached: "committed",
  old: "b",
  counters: [2, 0, 0],
  boots: [{ slot: "b", comesUp: true }, { slot: "a", comesUp: true }],
  version: "6.1.0-50-cloud-00007",
  status: `No kernel is loaded: the next reboot is an ordinary one
The kexec to kernel 6.1.0-50-cloud-00007 (USR-A) did not arrive; this boot came through the firmware: kernel 6.1.0-50-cloud-00006 (USR-B)

Last kexecs
  2026-11-23 05:12 UTC  6.1.0-50-cloud-00007 (USR-A)  fell back, its try was given back
  2026-11-23 05:10 UTC  6.1.0-50-cloud-00006 (USR-B)  arrived, 5.0 s

In quarantine: started through the firmware only
  6.1.0-50-cloud-00007  since 2026-11-23 05:12 UTC: the kexec did not arrive
`,
  cut: null,
  seconds: 40,
};

test("a run's row names the old slot A and the new one B, whichever they were", () => {
  assert.deepEqual(seenIn(RESULT), {
    disk: "tries 0",
    boots: "A, then B",
    says: "The kexec to B did not arrive; this boot came through the firmware: A; " +
      "last kexec: fell back, its try was given back; in quarantine",
  });
});

test("a fault that came out in two ways has both in its row, and other rows stay as they are", () => {
  const before = readTable(page, "spend");
  const twoWays = [RESULT, {
    ...RESULT,
    counters: [2, 1, 0],
    boots: [{ slot: "a", comesUp: true }],
  }] as const;
  const rows = tableRows("spend", before, twoWays);
  const row = rows.find(({ fault }) => fault === PANIC.name);
  assert.equal(row?.disk, "tries 1; or: tries 0");
  assert.equal(row?.boots, "B; or: A, then B");
  const others = ({ fault }: { readonly fault: string }): boolean => fault !== PANIC.name;
  assert.deepEqual(rows.filter(others), tableRows("spend", before).filter(others));
});
