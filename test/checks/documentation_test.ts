import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { CHECKS } from "../../src/checks/registry.ts";

const ROW =
  /^\|\s*<a id="(?<anchor>[^"]+)"><\/a>`(?<id>[^`]+)`(?<mark> \*\*!\*\*)?\s*\|\s*(?<level>\w+)\s*\|(?<rest>.*)\|$/;

test("docs/checks.md has one row for each check, in order, with its anchor, level, mark and what it reads", () => {
  const text = readFileSync(new URL("../../docs/checks.md", import.meta.url), "utf8");
  const rows = text.split("\n").map((line) => ROW.exec(line)?.groups).filter((groups) =>
    groups !== undefined
  );
  assert.deepEqual(rows.map((row) => row["id"]), CHECKS.map((check) => check.id));
  for (const check of CHECKS) {
    const row = rows.find((candidate) => candidate["id"] === check.id);
    assert.equal(row?.["anchor"], check.id);
    assert.equal(row?.["level"], check.defaultLevel);
    assert.equal(row?.["mark"] !== undefined, check.protects);
    const [reads = "", means = "", fix = ""] = (row?.["rest"] ?? "").split(" | ").map((cell) => cell.trim());
    assert.equal(reads, check.reads);
    assert.ok(means.length > 20 && fix.length > 10, check.id);
  }
});
