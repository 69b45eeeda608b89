import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { closeSync, constants, fstatSync, mkdtempSync, openSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import fc from "fast-check";
import {
  isJournalStream,
  painter,
  printable,
  withPriority,
  wrap,
  writeText,
} from "../../src/cli/terminal.ts";

test("wrap() keeps all words in order and no line longer than the width, where words allow it", () => {
  fc.assert(
    fc.property(
      fc.array(fc.stringMatching(/^[a-z]{1,12}$/), { minLength: 1 }),
      fc.integer({ min: 12, max: 60 }),
      (words, width) => {
        const text = wrap(words.join(" "), width);
        assert.deepEqual(text.split(/\s+/), words);
        assert.ok(text.split("\n").every((line) => line.length <= width));
      },
    ),
    { seed: 7, numRuns: 200 },
  );
});

test("printable() shows control characters instead of obeying them", () => {
  assert.equal(printable("a\u001b[31mb\rc\u202ed\ne"), "a\\x1b[31mb\\x0dc\\u202ed\\x0ae");
  assert.equal(printable("grün → ok"), "grün → ok");
});

test("painter() colours only when told to", () => {
  assert.equal(painter(false)("red", "x"), "x");
  assert.equal(painter(true)("red", "x"), "\u001b[31mx\u001b[39m");
});

test("isJournalStream() knows the journal by the device and inode that systemd names", () => {
  const fd = openSync("/dev/null", "r");
  try {
    const { dev, ino } = fstatSync(fd, { bigint: true });
    assert.equal(isJournalStream(fd, `${dev}:${ino}`), true);
    for (const other of [undefined, "", `${dev}:${ino + 1n}`, `${dev + 1n}:${ino}`, "9:1 ", "x"]) {
      assert.equal(isJournalStream(fd, other), false, `${other}`);
    }
  } finally {
    closeSync(fd);
  }
  assert.equal(isJournalStream(4000, "1:1"), false);
});

test("withPriority() marks every line, for the journal reads them one by one", () => {
  assert.equal(withPriority("Cannot load: x\n  hint: y\n", "error"), "<3>Cannot load: x\n<3>  hint: y\n");
  assert.equal(withPriority("one\n\ntwo", "warning"), "<4>one\n\n<4>two");
});

/** A named pipe in a new folder, removed afterwards. */
async function withPipe(action: (path: string) => Promise<void> | void): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "flatcar-kexec-"));
  try {
    const path = join(folder, "pipe");
    assert.equal(spawnSync("mkfifo", [path]).status, 0);
    await action(path);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

test("writeText() waits for room in a pipe that does not block", () =>
  withPipe(async (path) => {
    const counted = `${path}.count`;
    const keepOpen = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
    const writer = openSync(path, constants.O_WRONLY | constants.O_NONBLOCK);
    const reader = spawn("sh", ["-c", 'exec <"$0"; sleep 0.3; wc -c >"$1"', path, counted], {
      stdio: "ignore",
    });
    const ended = new Promise((resolve) => reader.on("close", resolve));
    // More than any pipe holds.
    writeText(writer, "0123456789".repeat(200_000));
    closeSync(writer);
    closeSync(keepOpen);
    await ended;
    assert.equal(readFileSync(counted, "utf8").trim(), "2000000");
  }));

test("writeText() to a pipe whose reader is gone loses the text and does not fail", () =>
  withPipe((path) => {
    const reader = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
    const writer = openSync(path, constants.O_WRONLY);
    closeSync(reader);
    writeText(writer, "nobody reads this");
    closeSync(writer);
  }));
