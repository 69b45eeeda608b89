import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import process from "node:process";
import { describe, it } from "node:test";
import fc from "fast-check";
import { DEFAULT_CONFIG } from "../../src/config/config.ts";
import { discoverPlugins } from "../../src/plugin/discovery.ts";
import { diffWords, listPlugins, pluginFile, unrecordedReads, withPlugin } from "../../src/plugin/kit.ts";
import { pluginSkeleton } from "../../src/plugin/skeleton.ts";
import { memoryHost } from "../support/memory_host.ts";
import { withTempFolder, writeTree } from "../support/temp_folder.ts";

const bytes = (text: string) => new TextEncoder().encode(text);

describe("listPlugins()", () => {
  it("shows built-in ones with what they are for, files with their digest, and why one is not used", () => {
    const host = memoryHost({
      files: { "/oem/flatcar-kexec/plugins/acme.ts": "x", "/oem/flatcar-kexec/plugins/Bad.ts": "" },
      links: { "/etc/flatcar-kexec/plugins/gpu.ts": "/dev/null" },
      devices: ["/dev/null"],
    });
    const rows = listPlugins(host, { ...DEFAULT_CONFIG.plugins, disabled: ["ec2"] });
    const row = (name: string) => rows.find((one) => one.name === name);
    assert.deepEqual(row("xen"), {
      name: "xen",
      source: "built in",
      state: "enabled",
      note: "says what a kexec needs from the Xen that runs this guest",
      digest: null,
    });
    assert.equal(row("ec2")?.note, "by plugins.disabled");
    assert.equal(row("gpu")?.note, "by /etc/flatcar-kexec/plugins/gpu.ts");
    assert.equal(row("acme")?.digest, "2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881");
    assert.equal(row("Bad.ts")?.state, "faulty");
  });
});

describe("withPlugin()", () => {
  it("gives any host one more plugin, which wins over one of the same name", () => {
    const host = memoryHost({ files: { "/oem/flatcar-kexec/plugins/acme.js": "old", "/etc/a": "a" } });
    const tried = withPlugin(host, pluginFile("acme.ts", bytes("new")));
    const states = discoverPlugins(tried, DEFAULT_CONFIG.plugins, []).map((
      { source, state },
    ) => [source, state.kind]);
    assert.deepEqual(states, [
      ["/oem/flatcar-kexec/plugins/acme.js", "overridden"],
      ["/run/flatcar-kexec/plugins/acme.ts", "ready"],
    ]);
    assert.deepEqual(tried.read("/etc/a"), host.read("/etc/a"));
  });
});

describe("pluginFile()", () => {
  it("takes the name from the file, and refuses names that a plugin cannot have", () => {
    const file = pluginFile("10-acme.js", bytes("x"));
    assert.deepEqual([file.name, file.language], ["acme", "js"]);
    for (const name of ["Acme.ts", "acme", "acme.mjs", "acme.test.ts"]) {
      assert.throws(() => pluginFile(name, bytes("")), /expected a file name of lower-case/);
    }
    assert.throws(() => pluginFile("acme.ts", new Uint8Array((256 << 10) + 1)), /expected at most 262144/);
  });
});

describe("unrecordedReads()", () => {
  it("names what a snapshot could not answer", () => {
    const failure = { kind: "not-recorded", message: "no" } as const;
    const host = memoryHost({ files: { "/etc/a": "", "/etc/b": failure } });
    assert.deepEqual(unrecordedReads(host, ["/etc/a", "/etc/b", "/etc/c", "/sys/*/x"]), ["/etc/b"]);
  });
});

describe("diffWords()", () => {
  const words = (text: string) =>
    text.split(" ").filter((word) => word !== "").map((word) => ({ text: word, origin: "o" }));
  const shown = (before: string, after: string) =>
    diffWords(words(before), words(after)).map(({ change, text }) =>
      `${{ same: "", added: "+", removed: "-" }[change]}${text}`
    )
      .join(" ");

  it("keeps what both have, in its order", () => {
    assert.equal(shown("a b c d", "a c x d"), "a -b c +x d");
    assert.equal(shown("", "a"), "+a");
    assert.equal(
      shown("console=tty0 console=ttyS0", "console=ttyS0 console=tty0"),
      "-console=tty0 console=ttyS0 +console=tty0",
    );
  });

  it("leads from the one to the other, whatever they are", () => {
    const list = fc.array(fc.constantFrom("a", "b", "c"), { maxLength: 7 });
    fc.assert(
      fc.property(list, list, (before, after) => {
        const changes = diffWords(words(before.join(" ")), words(after.join(" ")));
        assert.deepEqual(changes.filter(({ change }) => change !== "added").map(({ text }) => text), before);
        assert.deepEqual(changes.filter(({ change }) => change !== "removed").map(({ text }) => text), after);
      }),
      { seed: 3, numRuns: 200 },
    );
  });
});

describe("pluginSkeleton()", () => {
  it("brings plugin, test, types and a page", () => {
    assert.deepEqual(pluginSkeleton("acme").map(({ file }) => file), [
      "acme.ts",
      "acme.test.ts",
      "flatcar-kexec.ts",
      "README.md",
    ]);
  });

  it("brings a test that passes, and needs no cast to be well typed", () => {
    withTempFolder((folder) => {
      const files = pluginSkeleton("acme");
      writeTree(folder, Object.fromEntries(files.map(({ file, text }) => [file, text])));
      for (const { file, text } of files) assert.doesNotMatch(text, /\bas (?:unknown|any)\b/, file);
      const runner = process.versions["bun"] === undefined ? ["test", "-A"] : ["test"];
      const child = spawnSync(process.execPath, [...runner, "./acme.test.ts"], {
        cwd: folder,
        encoding: "utf8",
      });
      assert.equal(child.status, 0, child.stdout + child.stderr);
    });
  });

  it("refuses a name that a plugin cannot have", () => {
    for (const name of ["", "Acme", "1acme", "../acme", "a b"]) {
      assert.throws(() => pluginSkeleton(name), /expected lower-case letters/);
    }
  });
});
