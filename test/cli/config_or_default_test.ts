import assert from "node:assert/strict";
import { test } from "node:test";
import { configOrDefault } from "../../src/cli/config_or_default.ts";
import { DEFAULT_CONFIG } from "../../src/config/config.ts";
import { createHost } from "../../src/host/live.ts";
import { runCaptured } from "../support/captured_terminal.ts";
import { withTempFolderAsync, writeTree } from "../support/temp_folder.ts";

const TYPO = { "etc/flatcar-kexec/config.toml": 'trise = "keep"\n' };

test("a mistake in a configuration file leaves the defaults, and is told", async () => {
  await withTempFolderAsync(async (root) => {
    writeTree(root, TYPO);
    const { config, problem } = await configOrDefault(createHost({ root }), { root });
    assert.deepEqual(config, DEFAULT_CONFIG);
    assert.match(problem ?? "", /config\.toml.*trise.*; the defaults are used$/);
  });
  await withTempFolderAsync(async (root) => {
    writeTree(root, { "etc/flatcar-kexec/config.toml": 'tries = "keep"\n' });
    const { config, problem } = await configOrDefault(createHost({ root }), { root });
    assert.deepEqual([config.tries, problem], ["keep", null]);
  });
});

test("status shows a mistake in a configuration file among its problems, and the rest all the same", async () => {
  await withTempFolderAsync(async (root) => {
    writeTree(root, TYPO);
    const run = await runCaptured(["status", "--root", root]);
    assert.equal(run.exit, 0);
    assert.match(run.out, /^! .*trise/m);
    assert.match(run.out, /^No kernel is loaded/m);
  });
});
