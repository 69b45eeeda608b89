import assert from "node:assert/strict";
import { test } from "node:test";
import { failureSentence, requireShutdown } from "../../src/cli/commit.ts";
import { exitCodeOf, KexecError } from "../../src/lib/errors.ts";

test("what systemd says of a commit that failed becomes a sentence", () => {
  const cases: Readonly<Record<string, string>> = {
    "exit-code 1": "ended with exit status 1",
    "exit-code ": "failed before it came to commit",
    "signal KILL": "was killed by signal KILL",
    "core-dump ABRT": "was killed by signal ABRT",
    "signal ": "was killed",
    "timeout TERM": "ran out of time",
    "oom-kill KILL": 'did not end well: systemd says "oom-kill"',
    "resources ": 'did not end well: systemd says "resources"',
  };
  for (const [result, sentence] of Object.entries(cases)) {
    assert.equal(failureSentence(result), `flatcar-kexec-commit.service ${sentence}`);
  }
});

test("commit by hand is refused while systemd says that nothing is going down, and only then", () => {
  assert.throws(
    () => requireShutdown({ isStopping: () => false }),
    (error) =>
      error instanceof KexecError && exitCodeOf(error.code) === 1 &&
      /no reboot is under way/.test(error.message),
  );
  for (const answer of [true, null]) requireShutdown({ isStopping: () => answer });
});
