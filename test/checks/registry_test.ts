import assert from "node:assert/strict";
import { test } from "node:test";
import type { CheckInput } from "../../src/checks/check.ts";
import { CHECKS } from "../../src/checks/registry.ts";
import { CHECK_IDS } from "../../src/lib/errors.ts";
import { FACTS, goodInput } from "../support/check_input.ts";

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

test("a check that lacks what it looks at is silent, and none throws", () => {
  const { disk, slot } = goodInput();
  const failed = { ok: false, id: "kernel-format", message: "m", hint: "h", failure: null } as const;
  const missing = { ok: false, id: "not-flatcar", message: "m", hint: "h" } as const;
  const cases: readonly (readonly [Partial<CheckInput>, readonly string[]])[] = [
    [{ kernel: null }, []],
    [{ kernel: null, cmdline: null, kernelFile: null, pairing: null, slot: null, grub: null }, []],
    [{ kernel: failed }, ["kernel-format"]],
    [{ kernel: failed, kernelFile: null }, ["config-not-understood", "kernel-format"]],
    [{ cmdline: null }, []],
    [{ slot: null, grub: null, pairing: null }, []],
    [{ mounts: null, running: null, parity: { verdict: "unknown", reason: "r" } }, ["parity-unknown"]],
    [{ disk: { ...disk, gpt: null, slots: [] }, slot: null, next: null, grub: null }, []],
    [{ disk: { ...disk, found: missing, gpt: null, slots: [] }, slot: null, next: null }, ["not-flatcar"]],
    [{ disk: { ...disk, slots: [] }, slot: null, next: null }, ["not-flatcar"]],
    [{ facts: { ...FACTS, memory: { total: null, available: null } } }, []],
    [{ facts: { ...FACTS, firmware: { ...FACTS.firmware, efi: false } } }, []],
    [{ pairing: { ok: false, id: "pairing-mismatch", message: "m", hint: "h" }, slot: null }, [
      "config-not-understood",
      "pairing-mismatch",
    ]],
    [{ next: null, slot }, []],
    [{ next: null, slot: null }, ["config-not-understood"]],
  ];
  for (const [changes, expected] of cases) {
    const ids = CHECKS.flatMap((check) => check.run(goodInput(changes))).map(({ id }) => id);
    assert.deepEqual(ids.filter((id) => id !== "watchdog-missing"), expected, JSON.stringify(changes));
  }
});
