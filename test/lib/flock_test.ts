import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { closeSync, mkdtempSync, openSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { lockDescriptor } from "../../src/lib/flock.ts";

test("lockDescriptor() holds the lock until the descriptor is closed", () => {
  const folder = mkdtempSync(join(tmpdir(), "flock-"));
  const path = join(folder, "lock");
  const isFree = (): boolean => spawnSync("flock", ["-n", path, "true"]).status === 0;
  try {
    const fd = openSync(path, "w");
    assert.equal(lockDescriptor(fd), true);
    assert.equal(isFree(), false);
    const second = openSync(path, "w");
    assert.equal(lockDescriptor(second), false);
    closeSync(second);
    assert.equal(isFree(), false);
    closeSync(fd);
    assert.equal(isFree(), true);
  } finally {
    rmSync(folder, { recursive: true });
  }
});
