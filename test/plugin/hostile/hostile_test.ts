import assert from "node:assert/strict";
import { createServer } from "node:net";
import { readdirSync, readFileSync, rmSync } from "node:fs";
import process from "node:process";
import { after, before, describe, it } from "node:test";
import { DEFAULT_CONFIG } from "../../../src/config/config.ts";
import { type PluginOutcome, runPlugins } from "../../../src/plugin/run.ts";
import { memoryHost } from "../../support/memory_host.ts";
import { draftOf, factsOf } from "../../support/plugin_hosts.ts";
import { reasonWithoutIsolation } from "../../support/isolation.ts";
import { HOSTILE, type HostilePlugin } from "./plugins.ts";

const facts = factsOf();
const draft = draftOf(facts);
const onBun = process.versions["bun"] !== undefined;
const unable = reasonWithoutIsolation();
const isRoot = process.geteuid?.() === 0;

function run(text: string, timeLimit = 5000): PluginOutcome {
  const file = "/oem/flatcar-kexec/plugins/hostile.ts";
  return runPlugins({
    host: memoryHost({ files: { [file]: text } }),
    facts,
    config: { ...DEFAULT_CONFIG.plugins, timeLimit },
    draft,
  });
}

function reasonToSkip(hostile: HostilePlugin): string | null {
  if (unable !== null) return unable;
  if (hostile.asRoot === true && !isRoot) return "needs root, to see rights dropped";
  if (hostile.onlyOnBun !== undefined && !onBun) return hostile.onlyOnBun;
  return null;
}

describe("a plugin that", () => {
  const server = createServer();
  let port = 0;
  before(async () => {
    await new Promise<void>((listening) => server.listen(0, "127.0.0.1", listening));
    const address = server.address();
    port = typeof address === "object" && address !== null ? address.port : 0;
  });
  after(() => {
    server.close();
    rmSync("/tmp/flatcar-kexec-hostile", { force: true });
    rmSync("/var/tmp/flatcar-kexec-hostile", { force: true });
    rmSync("/dev/shm/flatcar-kexec-hostile", { force: true });
  });

  for (const hostile of HOSTILE) {
    const skip = reasonToSkip(hostile);
    it(skip === null ? hostile.what : `${hostile.what} (skipped: ${skip})`, { skip: skip !== null }, () => {
      const outcome = run(hostile.text.replaceAll("PORT", String(port)), hostile.limit);
      assert.deepEqual(outcome.tokens, draft.tokens, "the command line stays as GRUB would have it");
      assert.equal(outcome.deviceTree, null);
      assert.deepEqual(outcome.initrds, []);
      assert.deepEqual(outcome.quiesce, []);
      const finding = outcome.findings.find((found) => found.origin === "plugin:hostile");
      assert.equal(finding?.level, "refuse", JSON.stringify(outcome.findings));
      const message = finding?.message.replace(/^Plugin hostile \(\S+\) failed and is left out: /, "") ?? "";
      assert.match(message, hostile.says);
      assert.doesNotMatch(message, /[\u0000-\u001f]/);
    });
  }

  const last = "leaves a process behind loses it";
  it(unable === null ? last : `${last} (skipped: ${unable})`, { skip: unable !== null }, () => {
    const mark = `31536${process.pid}`;
    const outcome = run(`
import { spawn } from "node:child_process";
spawn("/bin/sleep", ["${mark}"], { detached: true, stdio: "ignore" }).unref();
export default { name: "hostile", apiVersion: 1, description: "d", matches: () => true, hooks: {} };`);
    assert.deepEqual(outcome.findings, []);
    const alive = readdirSync("/proc").filter((name) => /^[0-9]+$/.test(name)).filter((pid) => {
      try {
        return readFileSync(`/proc/${pid}/cmdline`, "utf8").includes(mark);
      } catch {
        return false;
      }
    });
    assert.deepEqual(alive, []);
  });
});
