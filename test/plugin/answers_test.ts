import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { KexecError } from "../../src/lib/errors.ts";
import { checkAnswers, checkMessage, shortLine } from "../../src/plugin/answers.ts";
import { NO_ANSWERS } from "../../src/plugin/ask.ts";

const full = {
  matches: true,
  cmdline: [
    { kind: "append", text: "a=1", reason: "r" },
    { kind: "prepend", text: "a=1", reason: "r" },
    { kind: "remove", key: "a", reason: "r" },
    { kind: "remove", token: "a=1", reason: "r" },
    { kind: "replace", key: "a", text: "a=2", reason: "r" },
    { kind: "replace", token: "a=1", text: "a=2", reason: "r" },
  ],
  deviceTree: "/oem/a.dtb",
  initrd: [
    { kind: "file", path: "etc/a", text: "x\n" },
    { kind: "file", path: "etc/b", base64: "AA==", mode: 0o600 },
    { kind: "directory", path: "etc/c" },
    { kind: "link", path: "etc/d", target: "c" },
  ],
  findings: [{ level: "warn", message: "m", hint: "h" }],
  quiesce: [
    { kind: "unload-module", module: "a", reason: "r" },
    { kind: "stop-unit", unit: "a.service", reason: "r", onFailure: "ignore" },
    { kind: "unbind-pci", address: "0000:00:00.0", reason: "r", timeLimit: 5 },
    { kind: "write-sysfs", path: "/sys/class/a/b", value: "1\n", reason: "r" },
  ],
};

describe("checkAnswers()", () => {
  it("takes every kind of answer as it is", () => {
    assert.deepEqual(checkAnswers(full), full);
    assert.deepEqual(checkAnswers({ ...NO_ANSWERS }), NO_ANSWERS);
  });

  it("leaves out properties that it does not know", () => {
    const answers = checkAnswers({
      ...full,
      cmdline: [{ kind: "append", text: "a", reason: "r", priority: 9 }],
    });
    assert.deepEqual(answers.cmdline, [{ kind: "append", text: "a", reason: "r" }]);
  });

  it("makes one line of what is shown to people", () => {
    const reason = "a\u001b[31m\r\nb\u202ec";
    assert.deepEqual(
      checkAnswers({ ...full, cmdline: [{ kind: "append", text: "a", reason }] }).cmdline[0]?.reason,
      "a [31m b c",
    );
  });

  it("cuts a sentence that is a book", () => {
    const findings = [{ level: "info", message: "x".repeat(5000) }];
    assert.equal(checkAnswers({ ...full, findings }).findings[0]?.message.length, 1000);
  });

  for (
    const [where, changes] of [
      ["cmdline.0.reason", { cmdline: [{ kind: "append", text: "a", reason: "\n" }] }],
      ["cmdline", { cmdline: new Array(65).fill(full.cmdline[0]) }],
      ["deviceTree", { deviceTree: "oem/a.dtb" }],
      ["deviceTree", { deviceTree: "/oem/\u0000" }],
      ["initrd.0", { initrd: [{ kind: "file", path: "/etc/a", text: "" }] }],
      ["initrd.0", { initrd: [{ kind: "file", path: "etc//a", text: "" }] }],
      ["initrd.0", { initrd: [{ kind: "file", path: "etc/a", text: "", mode: 0o10000 }] }],
      ["initrd.0", { initrd: [{ kind: "file", path: "etc/a", base64: "?" }] }],
      ["check.0.level", { findings: [{ level: "fatal", message: "m" }] }],
      ["quiesce.0.kind", { quiesce: [{ kind: "run", command: "reboot", reason: "r" }] }],
      ["quiesce.0.onFailure", {
        quiesce: [{ kind: "unload-module", module: "a", reason: "r", onFailure: "retry" }],
      }],
      ["matches", { matches: "yes" }],
    ] as const
  ) {
    it(`names the place of a wrong shape: ${where}, ${JSON.stringify(changes).slice(0, 60)}`, () => {
      assert.throws(
        () => checkAnswers({ ...full, ...changes }),
        (error: unknown) => error instanceof KexecError && error.message.includes(`wrong shape: ${where}`),
      );
    });
  }

  it("never lets anything through that is not an answer, and never fails otherwise", () => {
    fc.assert(
      fc.property(fc.anything(), fc.constantFrom(...Object.keys(full)), (value, key) => {
        try {
          checkAnswers({ ...full, [key]: value });
        } catch (error) {
          assert.ok(error instanceof KexecError, String(error));
        }
      }),
      { seed: 11, numRuns: 300 },
    );
  });
});

describe("checkMessage()", () => {
  it("knows the messages of a plugin's process, and nothing else", () => {
    assert.deepEqual(checkMessage({ kind: "step", step: "cmdline" }), { kind: "step", step: "cmdline" });
    for (const value of [null, {}, { kind: "answers" }, { kind: "stop" }, "step"]) {
      assert.equal(checkMessage(value), null);
    }
  });
});

describe("shortLine()", () => {
  it("shortens, and shows that it did", () => assert.equal(shortLine("abcdef", 4), "abc…"));
});
