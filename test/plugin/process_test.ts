import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { describe } from "node:test";
import { DEFAULT_CONFIG, type PluginSettings } from "../../src/config/config.ts";
import { describePlugin, pluginFile } from "../../src/plugin/kit.ts";
import { selfCommand } from "../../src/plugin/process.ts";
import { runConfirm, runPlugins } from "../../src/plugin/run.ts";
import { reasonWithoutIsolation } from "../support/isolation.ts";
import { memoryHost, type MemoryHostOptions } from "../support/memory_host.ts";
import { draftOf, factsOf, said } from "../support/plugin_hosts.ts";
import { withTempFolder, writeTree } from "../support/temp_folder.ts";
import { testUnless } from "../support/test_needing.ts";

const unable = reasonWithoutIsolation();
const onBun = process.versions["bun"] !== undefined;
const facts = factsOf();
const draft = draftOf(facts);
const OEM = "/oem/flatcar-kexec/plugins";

/** A plugin of these parts that has to do with every host. */
const plugin = (hooks: string, more = "", before = "") =>
  `${before}
export default { name: "acme", apiVersion: 1, description: "d", matches: () => true, ${more} hooks: { ${hooks} } };`;

const run = (text: string, options: MemoryHostOptions = {}, config: Partial<PluginSettings> = {}) =>
  runPlugins({
    host: memoryHost({ ...options, files: { [`${OEM}/acme.ts`]: text, ...options.files } }),
    facts,
    config: { ...DEFAULT_CONFIG.plugins, timeLimit: 20_000, ...config },
    draft,
  });

/** What a plugin that remarks `value` remarks. */
const remark = (value: string, more = "", before = "") =>
  said(run(plugin(`check: () => [{ level: "info", message: String(${value}) }]`, more, before)))
    .map((line) => line.replace("info plugin-note ", "")).join();

describe("a plugin from a file", () => {
  testUnless(unable, "changes the command line in TypeScript, and its later hooks see the change", () => {
    const outcome = run(plugin(
      `cmdline: ({ plan }: PlanContext) => [{ kind: "append", text: \`acme=\${plan.slot!.label}\`, reason: "r" }],
       check: ({ plan }) => [{ level: "warn", message: plan.tokens.at(-1)!.text }]`,
      "",
      'import type { PlanContext } from "./flatcar-kexec.ts"; enum Unused { A }',
    ));
    assert.deepEqual(outcome.tokens.at(-1), { text: "acme=USR-B", origin: "plugin:acme" });
    assert.deepEqual(said(outcome), ["warn plugin-note acme=USR-B"]);
    assert.equal(outcome.reports[0]?.source, `${OEM}/acme.ts`);
  });

  testUnless(unable, "is given the files that it reads, and nothing secret", () => {
    const text = plugin(
      'check: ({ files }) => [{ level: "info", message: JSON.stringify(files) }]',
      'reads: ["/etc/acme/*.conf", "/etc/shadow"],',
    );
    const outcome = run(text, {
      files: { "/etc/acme/one.conf": "1", "/etc/acme/two.txt": "2", "/etc/shadow": "root" },
      statuses: { "/etc/shadow": { mode: 0o600 } },
    });
    assert.deepEqual(said(outcome), ['info plugin-note {"/etc/acme/one.conf":"1"}']);
  });

  testUnless(unable, "is given its own section of the configuration, and says what is wrong with it", () => {
    const text = plugin(
      'check: ({ options }) => [{ level: "info", message: options.size }]',
      'options(raw) { if (typeof raw.size !== "string") throw new Error("size: expected a text"); return raw; },',
    );
    assert.deepEqual(said(run(text, {}, { options: { acme: { size: "large" } } })), [
      "info plugin-note large",
    ]);
    assert.match(
      said(run(text, {}, { options: { acme: { size: 1 } } })).join(),
      /options threw: size: expected a text$/,
    );
    const without = plugin("");
    assert.match(
      said(run(without, {}, { options: { acme: { size: 1 } } })).join(),
      /the plugin takes no options/,
    );
  });

  testUnless(unable, "edits a protected key where manifest and administrator agree", () => {
    const text = plugin(
      'cmdline: () => [{ kind: "replace", key: "root", text: "root=LABEL=OTHER", reason: "r" }]',
      'protectedKeys: ["root"],',
    );
    const outcome = run(text, {}, { mayEditProtected: ["acme"] });
    assert.deepEqual(outcome.findings, []);
    assert.ok(outcome.tokens.some(({ text: word }) => word === "root=LABEL=OTHER"));
  });

  testUnless(unable, "objects under an id of its own, whatever id it gives", () => {
    const outcome = run(
      plugin('check: () => [{ level: "refuse", message: "no", hint: "wait", id: "gpt-invalid" }]'),
    );
    assert.deepEqual(outcome.findings, [{
      id: "plugin-veto",
      level: "refuse",
      message: "no",
      origin: "plugin:acme",
      hint: "wait",
    }]);
  });

  testUnless(unable, "fails as a warning where the administrator says so, and still changes nothing", () => {
    const outcome = run(plugin('cmdline() { throw new Error("no idea"); }'), {}, { onFailure: "warn" });
    assert.equal(outcome.findings[0]?.level, "warn");
    assert.match(outcome.findings[0]?.message ?? "", /Hook cmdline threw: no idea$/);
    assert.deepEqual(outcome.tokens, draft.tokens);
  });

  testUnless(unable, "has what it prints kept as lines with its name", () => {
    const outcome = run(plugin("", "", 'console.log("one\\ntwo"); console.error("three\\u001b[2J");'));
    assert.deepEqual(outcome.log, [
      { plugin: "acme", text: "one" },
      { plugin: "acme", text: "two" },
      { plugin: "acme", text: "three [2J" },
    ]);
  });

  testUnless(unable, "does not match, and costs one process", () => {
    const outcome = run(plugin("").replace("=> true", "=> false"));
    assert.deepEqual([outcome.reports, outcome.findings], [[], []]);
  });

  testUnless(unable, "is asked after the boot", () => {
    const text = plugin(
      'confirm: ({ boot }) => [{ level: "warn", message: `${boot.outcome} in ${boot.seconds}` }]',
    );
    const { findings } = runConfirm({
      host: memoryHost({ files: { [`${OEM}/acme.ts`]: text } }),
      facts,
      config: { ...DEFAULT_CONFIG.plugins, timeLimit: 20_000 },
      boot: { outcome: "arrived", plannedCmdline: null, cmdline: null, seconds: 9 },
    });
    assert.deepEqual(findings.map(({ id, message }) => [id, message]), [["plugin-note", "arrived in 9"]]);
  });
});

describe("a plugin's process", () => {
  const isRoot = process.geteuid?.() === 0;
  const needsRoot = unable ?? (isRoot ? null : "needs root, to see rights dropped");

  testUnless(unable, "has no environment and stands at the root", () => {
    const before = 'import process from "node:process";';
    process.env["BUN_OPTIONS"] = "--preload=/nonexistent";
    process.env["LD_PRELOAD"] = "/nonexistent.so";
    try {
      assert.equal(remark("JSON.stringify(process.env)", "", before), "{}");
    } finally {
      delete process.env["BUN_OPTIONS"];
      delete process.env["LD_PRELOAD"];
    }
    assert.equal(remark("process.cwd()", "", before), "/");
  });

  testUnless(needsRoot, "is nobody, without groups, capabilities or a way to more", () => {
    const before = 'import fs from "node:fs";';
    const status = remark(
      'fs.readFileSync("/proc/self/status", "utf8").split("\\n").filter((line) => /^(Uid|Gid|Groups|Cap|NoNew)/.test(line)).join(" ").replaceAll(/\\s+/g, " ")',
      "",
      before,
    );
    for (
      const line of [
        "Uid: 65534 65534 65534 65534",
        "Gid: 65534 65534 65534 65534",
        "CapPrm: 0000000000000000",
        "CapEff: 0000000000000000",
        "NoNewPrivs: 1",
      ]
    ) assert.ok(status.includes(line), `${line} in ${status}`);
    assert.match(status, /Groups: (65534 )?Cap/);
  });

  testUnless(needsRoot, "refuses to be root", () => {
    const request = {
      nonce: "n",
      name: "acme",
      language: "ts",
      text: plugin(""),
      question: null,
      files: null,
    };
    const child = spawnSync("sh", ["-c", '"$@" 3>&1 1>&2', "sh", ...selfCommand()], {
      input: JSON.stringify(request),
      encoding: "utf8",
    });
    assert.match(child.stdout, /^n .*"kind":"fault".*this process is still root/);
  });

  testUnless(unable, "sees no process but its own, and no network", () => {
    const before = 'import fs from "node:fs"; import os from "node:os";';
    const pids = remark('fs.readdirSync("/proc").filter((name) => /^[0-9]+$/.test(name)).length', "", before);
    assert.ok(Number(pids) < 12, pids);
    assert.equal(
      remark(
        '"only lo" + Object.keys(os.networkInterfaces()).filter((name) => name !== "lo").join()',
        "",
        before,
      ),
      "only lo",
    );
  });

  testUnless(
    needsRoot,
    "has the limits that are left where there are no namespaces, and leaves nothing",
    () => {
      withTempFolder((folder) => {
        const timeLimit = 20_000 + process.pid % 1000;
        const main = new URL("../../src/main.ts", import.meta.url).pathname;
        const check = (text: string) => {
          writeTree(folder, { "acme.ts": text, "config.toml": `[plugins]\ntime-limit = ${timeLimit}\n` });
          // Root without CAP_SYS_ADMIN is what a container has.
          return spawnSync("setpriv", [
            "--bounding-set=-sys_admin",
            ...[process.execPath, ...(onBun ? [] : ["run", "-A"]), main],
            ...[
              "plugin",
              "check",
              join(folder, "acme.ts"),
              "--config",
              join(folder, "config.toml"),
              "--json",
            ],
          ], { encoding: "utf8" });
        };
        // Long enough for its memory to be looked at, which is not the whole host's.
        const calm = check(plugin("", "", "await new Promise((done) => setTimeout(done, 200));"));
        assert.match(calm.stdout, /"printed":\["no namespaces here: [^"]+"\]/, calm.stderr);
        const greedy = check("const keep = []; for (;;) keep.push(new Uint8Array(1 << 22).fill(1));");
        assert.match(greedy.stderr, /The plugin took more than 256 MiB of memory/);
        assert.deepEqual(watchersLeft(timeLimit), []);
      });
    },
  );

  testUnless(
    unable,
    "stays isolated as before after a plugin that passes for a host without namespaces",
    () => {
      const liar = `import { readdirSync, writeSync } from "node:fs"; import process from "node:process";
if (readdirSync("/proc").filter((name) => /^[0-9]+$/.test(name)).length < 12) {
  writeSync(2, "unshare: unshare failed: Operation not permitted\\n");
  process.exit(1);
}`;
      assert.match(said(run(plugin("", "", liar))).join(), /ended while it was loaded/);
      assert.deepEqual(run(plugin("")).log, []);
    },
  );

  testUnless(unable, "is the first that the kernel takes when memory runs out", () => {
    assert.equal(
      remark('fs.readFileSync("/proc/self/oom_score_adj", "utf8").trim()', "", 'import fs from "node:fs";'),
      "1000",
    );
  });

  testUnless(unable, "does not outlive its time even where it kills those who watch it", () => {
    const text = plugin(
      "",
      "",
      `import process from "node:process";
import { readdirSync } from "node:fs";
for (const name of readdirSync("/proc")) {
  const pid = Number(name);
  if (pid > 1 && pid !== process.pid) try { process.kill(pid, "SIGKILL"); } catch {}
}
for (;;);`,
    );
    const timeLimit = 1000 + process.pid % 1000;
    assert.match(
      said(run(text, {}, { timeLimit })).join(),
      new RegExp(`had not ended .* after ${timeLimit} ms`),
    );
    assert.deepEqual(watchersLeft(timeLimit), []);
  });
});

/**
 * Processes that still watch a plugin, once they have had time to go. The watching shell is told its time in seconds,
 * so a limit that no other run has tells whose it is.
 */
function watchersLeft(timeLimit: number): readonly string[] {
  const watcher = `flatcar-kexec-plugin ${timeLimit / 1000} `;
  for (let i = 0;; i++) {
    const left = readdirSync("/proc").filter((name) =>
      /^\d+$/.test(name) && commandLine(name).includes(watcher)
    );
    if (left.length === 0 || i === 50) return left;
    spawnSync("sleep", ["0.1"]);
  }
}

/** A process's words with blanks between them; empty if it is no more. */
function commandLine(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, "utf8").replaceAll("\0", " ");
  } catch {
    return "";
  }
}

describe("describePlugin()", () => {
  testUnless(unable, "tells what a plugin says of itself without calling it", () => {
    const text = plugin(
      "chekc: () => null, confirm: () => null",
      'reads: ["/etc/a"], protectedKeys: ["root"],',
    )
      .replace("() => true", "() => { throw 1; }");
    const { milliseconds, ...description } = describePlugin(
      pluginFile("acme.ts", new TextEncoder().encode(text)),
      20_000,
    );
    assert.ok(milliseconds > 0);
    assert.deepEqual(description, {
      description: "d",
      hooks: ["confirm"],
      reads: ["/etc/a"],
      protectedKeys: ["root"],
      warnings: ["hooks.chekc is no hook, and is never called"],
      printed: [],
    });
  });
});
