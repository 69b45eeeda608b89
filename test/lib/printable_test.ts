import assert from "node:assert/strict";
import { test } from "node:test";
import { oneLine, printable } from "../../src/lib/printable.ts";

const STRANGE = "a\u001b[31mb\r\nc\u009bd\u2028e\u202ef\u200eg\u2066h\u061ci";

test("printable() shows what a terminal would obey, and leaves other text alone", () => {
  assert.equal(
    printable(STRANGE),
    "a\\x1b[31mb\\x0d\\x0ac\\x9bd\\u2028e\\u202ef\\u200eg\\u2066h\\u061ci",
  );
  assert.equal(printable("grün → ok"), "grün → ok");
  assert.equal(printable(printable(STRANGE)), printable(STRANGE));
});

test("oneLine() has a blank for each run of them", () => {
  assert.equal(oneLine(STRANGE), "a [31mb c d e f g h i");
  assert.equal(oneLine("two  blanks"), "two  blanks");
});
