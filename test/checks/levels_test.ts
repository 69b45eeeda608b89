import assert from "node:assert/strict";
import { test } from "node:test";
import { applyLevels, defineCheck, findingsOf, runChecks } from "../../src/checks/check.ts";
import { CHECKS } from "../../src/checks/registry.ts";
import { DEFAULT_CONFIG } from "../../src/config/config.ts";
import type { Finding, Level } from "../../src/lib/finding.ts";
import { facts, goodInput } from "../support/check_input.ts";

const finding = (level: Level): Finding => ({
  id: "lockdown",
  level,
  message: "m",
  origin: null,
  hint: null,
});
const plain = { id: "lockdown", protects: false } as const;
const protecting = { id: "lockdown", protects: true } as const;
const levels = (
  check: typeof plain | typeof protecting,
  found: Level,
  chosen: Level | "off" | null,
  isAllowed = false,
): readonly Level[] =>
  applyLevels(
    check,
    [finding(found)],
    { checks: chosen === null ? {} : { lockdown: chosen } },
    isAllowed ? ["lockdown"] : [],
  ).map(({ level }) => level);

test("the administrator lowers, raises and switches off checks", () => {
  assert.deepEqual(levels(plain, "refuse", null), ["refuse"]);
  assert.deepEqual(levels(plain, "refuse", "warn"), ["warn"]);
  assert.deepEqual(levels(plain, "refuse", "info"), ["info"]);
  assert.deepEqual(levels(plain, "refuse", "off"), []);
  assert.deepEqual(levels(plain, "warn", "refuse"), ["refuse"]);
});

test("what only states a fact is never made a complaint", () => {
  assert.deepEqual(levels(plain, "info", "refuse"), ["info"]);
  assert.deepEqual(levels(plain, "info", "off"), []);
});

test("what protects data can be raised, and by no way lowered", () => {
  for (const chosen of ["warn", "info", "off"] as const) {
    assert.deepEqual(levels(protecting, "refuse", chosen, true), ["refuse"]);
  }
  assert.deepEqual(levels(protecting, "warn", "refuse"), ["refuse"]);
});

test("--allow lowers a refusal to a warning, also one that the configuration asks for", () => {
  assert.deepEqual(levels(plain, "refuse", null, true), ["warn"]);
  assert.deepEqual(levels(plain, "warn", "refuse", true), ["warn"]);
  assert.deepEqual(levels(plain, "warn", null, true), ["warn"]);
});

test("what a plugin found stands with the check of the same id, and takes its level", () => {
  const veto: Finding = { id: "plugin-veto", level: "refuse", message: "no", origin: "plugin:x", hint: null };
  const input = goodInput({ plugins: [veto] });
  assert.deepEqual(findingsOf(runChecks(CHECKS, input, [])).filter(({ level }) => level === "refuse"), [
    veto,
  ]);
  assert.equal(
    findingsOf(runChecks(CHECKS, input, ["plugin-veto"])).find(({ id }) => id === "plugin-veto")?.level,
    "warn",
  );
});

test("findings come in the order of the checks", () => {
  const input = goodInput({
    facts: facts({ lockdown: "integrity" }),
    parity: { verdict: "unknown", reason: "r" },
  });
  assert.deepEqual(findingsOf(runChecks(CHECKS, input, [])).map(({ id }) => id), [
    "parity-unknown",
    "lockdown",
    "watchdog-missing",
  ]);
});

test("a check that is switched off does not look", () => {
  const check = defineCheck({
    id: "lockdown",
    defaultLevel: "refuse",
    title: "t",
    reads: "r",
    examine: () => assert.fail("it looked"),
  });
  const config = { ...DEFAULT_CONFIG, checks: { lockdown: "off" } } as const;
  assert.deepEqual(runChecks([check], goodInput({ config }), []), [{ id: "lockdown", kind: "off" }]);
});

test("a check that has nothing to look at is skipped and says what was missing, unless it found something", () => {
  const check = defineCheck({
    id: "memory-low",
    defaultLevel: "refuse",
    title: "t",
    reads: "r",
    needs: ["kernel"],
    examine: ({ slot }) => slot === null ? { message: "m", hint: null } : null,
  });
  const outcome = (changes: Parameters<typeof goodInput>[0]) => runChecks([check], goodInput(changes), [])[0];
  assert.deepEqual(outcome({}), { id: "memory-low", kind: "examined", findings: [] });
  assert.deepEqual(outcome({ kernel: null }), {
    id: "memory-low",
    kind: "skipped",
    absence: "there is no kernel that can be used",
  });
  assert.equal(outcome({ kernel: null, slot: null })?.kind, "examined");
});

test("on a good host every check looks, but for those that compare with a loaded kernel", () => {
  const skipped = runChecks(CHECKS, goodInput(), []).filter(({ kind }) => kind !== "examined");
  assert.deepEqual(skipped.map(({ id }) => id), ["slot-changed", "first-boot-changed"]);
});
