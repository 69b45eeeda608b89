import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { painter, printable, wrap } from "../../src/cli/terminal.ts";

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
