import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { CASES } from "../e2e/systemd_cases.ts";
import { SYSTEMD_SUITES } from "../e2e/systemd_usr.ts";
import { readMatrix, withResults, writeMatrix } from "../e2e/systemd_table.ts";

const page = readFileSync(new URL("../../docs/systemd.md", import.meta.url), "utf8");

test("the table of reboots in docs/systemd.md has the cases that are tested, and none came out otherwise", () => {
  const rows = readMatrix(page);
  assert.deepEqual(rows.map((row) => row.name), CASES.map((one) => one.name));
  for (const [index, { name, ways }] of rows.entries()) {
    const wanted = CASES[index]?.kexec === true ? "kexec" : "firmware";
    for (const way of Object.values(ways)) assert.ok([wanted, "not run"].includes(way), `${name}: ${way}`);
  }
});

test("a run that found what the table of reboots says changes nothing in it", () => {
  const rows = readMatrix(page);
  assert.equal(writeMatrix(page, rows), page);
  for (const suite of SYSTEMD_SUITES) {
    const results = rows.filter((row) => row.ways[suite] !== "not run").map((row) => ({
      name: row.name,
      kexec: row.ways[suite] === "kexec",
      said: row.said.replaceAll("\\|", "|"),
      seconds: 1,
    }));
    assert.equal(writeMatrix(page, withResults(rows, suite, results)), page);
  }
});

test("a run of some cases leaves the rows of the others, and another release's column, as they are", () => {
  const rows = readMatrix(page);
  const [first, ...others] = rows;
  assert.ok(first !== undefined);
  const [changed, ...rest] = withResults(rows, "bookworm", [
    { name: first.name, kexec: false, said: "kernel 6.1.0-9 | why", seconds: 1 },
  ]);
  assert.deepEqual(rest, others);
  assert.deepEqual(changed?.ways, { ...first.ways, bookworm: "firmware" });
  assert.equal(changed?.said, "kernel … \\| why");
});
