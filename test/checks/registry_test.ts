import assert from "node:assert/strict";
import { test } from "node:test";
import { CHECKS } from "../../src/checks/registry.ts";
import { CHECK_IDS } from "../../src/lib/errors.ts";
import { goodInput } from "../support/check_input.ts";

test("every id has exactly one check", () => {
  assert.deepEqual(CHECKS.map((check) => check.id).sort(), [...CHECK_IDS].sort());
});

test("what protects data is what the design says, and refuses by default", () => {
  assert.deepEqual(CHECKS.filter((check) => check.protects).map((check) => check.id).sort(), [
    "cmdline-too-long",
    "gpt-invalid",
    "kernel-format",
    "kernel-missing",
    "no-slot",
    "not-flatcar",
    "pairing-mismatch",
    "usrhash-missing",
  ]);
  assert.ok(CHECKS.every((check) => !check.protects || check.defaultLevel === "refuse"));
});

test("on a good host no check complains", () => {
  const findings = CHECKS.flatMap((check) => check.run(goodInput()));
  assert.deepEqual(findings.map(({ id, level }) => `${id} ${level}`), ["watchdog-missing info"]);
});

test("a good host's checks run no program and ask the host few questions", () => {
  const input = goodInput();
  for (const check of CHECKS) check.run(input);
  const { asked } = Object.assign({ asked: [] }, input.host);
  assert.equal(asked.filter((question: string) => question.startsWith("command")).length, 0);
  assert.ok(asked.length < 40, `${asked.length} questions`);
});
