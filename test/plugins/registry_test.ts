import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { describe, it } from "node:test";
import { BUILT_IN } from "../../src/plugin/registry.ts";
import { manifestFaults, strangeHooks } from "../../src/plugin/manifest.ts";

const folder = new URL("../../plugins/", import.meta.url);
const files = readdirSync(folder).filter((name) => name.endsWith(".ts"));

describe("the plugins that are built in", () => {
  it("are all the files of plugins/, each by its name", () => {
    assert.deepEqual(BUILT_IN.map((plugin) => `${plugin.name}.ts`).toSorted(), files.toSorted());
  });

  for (const plugin of BUILT_IN) {
    it(`${plugin.name} is what a vendor's plugin has to be`, () => {
      assert.deepEqual(manifestFaults(plugin), []);
      assert.deepEqual(strangeHooks(plugin), []);
      assert.ok(plugin.description.length <= 80);
    });

    it(`${plugin.name} says in its file where its facts come from, and has a test`, () => {
      assert.match(
        readFileSync(new URL(`${plugin.name}.ts`, folder), "utf8"),
        /^\/\*\*\n( \*.*\n)* \* What it knows:\n/,
      );
      const test = new URL(`./${plugin.name.replaceAll("-", "_")}_test.ts`, import.meta.url);
      assert.match(readFileSync(test, "utf8"), /describe\(/);
    });
  }
});
