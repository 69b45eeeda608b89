import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, it } from "node:test";
import { foreignImports } from "../../src/plugin/imports.ts";
import { expectPlugin } from "../../src/plugin/manifest.ts";
import { BUILT_IN } from "../../src/plugin/registry.ts";
import { ask, changes, draftOf, factsOf } from "../support/plugin_hosts.ts";

const guide = readFileSync(new URL("../../docs/plugins.md", import.meta.url), "utf8");

describe("the vendor's guide", () => {
  it("starts with a plugin of twelve lines that does what the guide says", async () => {
    const text = /^```ts\n([\s\S]*?)^```$/m.exec(guide)?.[1] ?? "";
    assert.equal(text.trimEnd().split("\n").length, 12);
    const module: { readonly default: unknown } = await import(
      `data:text/typescript;base64,${Buffer.from(text).toString("base64")}`
    );
    const plugin = expectPlugin(module.default);
    const facts = factsOf({ dmi: { sys_vendor: "Acme" } });
    const draft = draftOf(facts);
    const outcome = ask(plugin, { facts, draft });
    assert.deepEqual(changes(draft, outcome), ["+console=ttyS1,115200n8"]);
    assert.deepEqual(outcome.reports[0]?.edits[0]?.reason, "the BMC listens there");
    assert.deepEqual(ask(plugin, { facts: factsOf() }).reports, []);
  });

  it("names plugins to copy from that would run from a file as they are", () => {
    const examples = [...guide.matchAll(/\]\(\.\.\/(plugins\/[a-z0-9-]+\.ts)\)/g)].map((match) =>
      match[1] ?? ""
    );
    assert.equal(examples.length, 3);
    for (const example of examples) {
      const text = readFileSync(new URL(`../../${example}`, import.meta.url), "utf8");
      assert.deepEqual(foreignImports(text, "ts"), [], example);
    }
  });

  it("has a row for each plugin that is built in", () => {
    const rows = [...guide.matchAll(/^\| `([a-z0-9-]+)` +\|/gm)].map((match) => match[1]);
    assert.deepEqual(BUILT_IN.map(({ name }) => name).filter((name) => !rows.includes(name)), []);
  });
});
