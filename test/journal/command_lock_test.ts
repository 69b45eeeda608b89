import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { takeCommandLock, withCommandLock } from "../../src/journal/command_lock.ts";
import { exitCodeOf, KexecError } from "../../src/lib/errors.ts";
import { withTempFolder } from "../support/temp_folder.ts";
import { NOW } from "./samples.ts";

function refusal(action: () => unknown): KexecError {
  try {
    action();
  } catch (error) {
    assert.ok(error instanceof KexecError, String(error));
    return error;
  }
  assert.fail("the lock was taken");
}

test("a second command is told who holds the lock and since when, and to try later", () => {
  withTempFolder((folder) => {
    const runFolder = join(folder, "run");
    const lock = takeCommandLock("load", { runFolder, now: () => NOW });
    const error = refusal(() => takeCommandLock("reboot", { runFolder }));
    assert.equal(error.code, "lock-held");
    assert.equal(exitCodeOf(error.code), 75);
    assert.equal(
      error.message,
      `Cannot run "reboot": "load" (process ${process.pid}) has held the lock ${runFolder}/lock since ` +
        NOW.toISOString(),
    );
    lock.release();
    lock.release();
    takeCommandLock("reboot", { runFolder }).release();
  });
});

test("the lock of a command that was killed is free, whatever its file still says", () => {
  withTempFolder((folder) => {
    writeFileSync(join(folder, "lock"), `{"command":"load","pid":1,"since":"${NOW.toISOString()}"} and more`);
    const lock = takeCommandLock("unload", { runFolder: folder, now: () => NOW });
    const holder = JSON.parse(readFileSync(join(folder, "lock"), "utf8"));
    assert.deepEqual(holder, { command: "unload", pid: process.pid, since: NOW.toISOString() });
    lock.release();
  });
});

test("a holder that left no name is still respected", async (context) => {
  const folder = mkdtempSync(join(tmpdir(), "flatcar-kexec-"));
  context.after(() => rmSync(folder, { recursive: true }));
  const holder = spawn("flock", [join(folder, "lock"), "-c", "echo held; read line"], {
    stdio: ["pipe", "pipe", "inherit"],
  });
  const ended = new Promise((resolve) => holder.on("exit", resolve));
  try {
    await new Promise((resolve) => holder.stdout.once("data", resolve));
    const error = refusal(() => takeCommandLock("load", { runFolder: folder }));
    assert.match(error.message, /another command holds the lock/);
  } finally {
    holder.stdin.end("\n");
    await ended;
  }
});

test("a command can wait for the one before it", async (context) => {
  const folder = mkdtempSync(join(tmpdir(), "flatcar-kexec-"));
  context.after(() => rmSync(folder, { recursive: true }));
  const holder = spawn("flock", [join(folder, "lock"), "-c", "echo held; sleep 0.3"], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  await new Promise((resolve) => holder.stdout.once("data", resolve));
  takeCommandLock("commit", { runFolder: folder, wait: 5 }).release();
});

test("withCommandLock() keeps the lock until the promise is settled, and lets go after a failure", async (context) => {
  const folder = mkdtempSync(join(tmpdir(), "flatcar-kexec-"));
  context.after(() => rmSync(folder, { recursive: true }));
  const options = { runFolder: folder };
  const result = await withCommandLock("load", async () => {
    await Promise.resolve();
    assert.equal(refusal(() => takeCommandLock("unload", options)).code, "lock-held");
    return 5;
  }, options);
  assert.equal(result, 5);
  await assert.rejects(withCommandLock("load", () => Promise.reject(new Error("no")), options), /no/);
  takeCommandLock("unload", options).release();
});

test("a lock file that is a link is not followed", () => {
  withTempFolder((folder) => {
    const target = join(folder, "precious");
    writeFileSync(target, "content");
    symlinkSync(target, join(folder, "lock"));
    assert.equal(refusal(() => takeCommandLock("load", { runFolder: folder })).code, "write-failed");
    assert.equal(readFileSync(target, "utf8"), "content");
  });
});

test("nobody but root can open the lock file, and by that hold the lock", () => {
  withTempFolder((folder) => {
    const mode = () => statSync(join(folder, "lock")).mode & 0o777;
    writeFileSync(join(folder, "lock"), "", { mode: 0o644 });
    const lock = takeCommandLock("load", { runFolder: folder });
    assert.equal(mode(), 0o600);
    lock.release();
    rmSync(join(folder, "lock"));
    takeCommandLock("load", { runFolder: folder }).release();
    assert.equal(mode(), 0o600);
  });
});

test("a lock that was let go names nobody", () => {
  withTempFolder((folder) => {
    takeCommandLock("load", { runFolder: folder }).release();
    assert.equal(readFileSync(join(folder, "lock"), "utf8"), "");
  });
});
