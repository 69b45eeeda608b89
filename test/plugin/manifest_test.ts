import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { manifestFaults } from "../../src/plugin/manifest.ts";

const GOOD = { name: "acme", apiVersion: 1, description: "d", matches: () => true, hooks: {} };
const faults = (changes: Readonly<Record<string, unknown>>) => manifestFaults({ ...GOOD, ...changes });

describe("manifestFaults()", () => {
  it("has nothing against the least that is a plugin, nor against properties it does not know", () => {
    assert.deepEqual(faults({}), []);
    assert.deepEqual(faults({ homepage: "https://example.com", hooks: { later: () => null } }), []);
  });

  it("says for each property what is there and what should be", () => {
    for (
      const [changes, message] of [
        [{ name: "Acme" }, /^name is "Acme", expected lower-case/],
        [{ name: undefined }, /^name is missing/],
        [{ apiVersion: "1" }, /^apiVersion is "1", expected 1/],
        [{ apiVersion: 0 }, /^apiVersion is 0, expected 1/],
        [{ description: "" }, /^description is "", expected one line/],
        [{ matches: true }, /^matches is of type boolean, expected a function/],
        [{ options: {} }, /^options is of type object/],
        [{ reads: "/etc" }, /^reads is "\/etc", expected a list/],
        [{ reads: [1] }, /^reads is of type object, expected a list/],
        [
          { protectedKeys: new Array(33).fill("root") },
          /^protectedKeys is of type object, expected a list of at most 32/,
        ],
        [{ hooks: null }, /^hooks is of type object, expected an object of functions/],
        [{ hooks: { check: [] } }, /^hooks.check is object, expected a function/],
      ] as const
    ) {
      const found = faults(changes);
      assert.equal(found.length, 1, JSON.stringify(changes));
      assert.match(found[0] ?? "", message);
    }
  });

  it("judges a newer version by its version alone", () => {
    assert.deepEqual(faults({ apiVersion: 2, hooks: 7, name: {} }), [
      "apiVersion is 2, and this flatcar-kexec speaks version 1",
    ]);
  });

  it("has one sentence for what is no object", () => {
    for (const value of [undefined, null, "plugin", 1, () => {}]) {
      assert.equal(manifestFaults(value).length, 1);
    }
  });
});
