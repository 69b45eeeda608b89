import assert from "node:assert/strict";
import { test } from "node:test";
import { joinArguments, quoteArgument } from "../../src/grub/arguments.ts";
import { args, run } from "./script.ts";

const flatcar = { hexEscapes: true };
const older = { hexEscapes: false };

test("quotes and backslashes get a backslash, blanks get quotes round the word", () => {
  assert.equal(quoteArgument('foo="a', flatcar), 'foo=\\"a');
  assert.equal(quoteArgument("bar='c", flatcar), "bar=\\'c");
  assert.equal(quoteArgument("back\\slash", flatcar), "back\\\\slash");
  assert.equal(quoteArgument("t=x y", flatcar), '"t=x y"');
  assert.equal(quoteArgument("", flatcar), "");
  assert.equal(joinArguments(["a", "b c", "d"], flatcar), 'a "b c" d');
});

test("a hexadecimal escape stays single in Flatcar's GRUB and is doubled by older ones", () => {
  assert.equal(quoteArgument("a\\x2db\\xg0\\x4", flatcar), "a\\x2db\\\\xg0\\\\x4");
  assert.equal(quoteArgument("a\\x2db", older), "a\\\\x2db");
});

test("the kernel gets what linux makes of a value with every kind of quote", () => {
  const script =
    `linux_append=' foo="a b" bar='\\''c d'\\'' back\\slash  two   spaces '\nlinux /k $linux_append`;
  assert.equal(args(run(script)), `foo=\\"a b\\" bar=\\'c d\\' back\\\\slash two spaces`);
});

test("an unquoted hexadecimal escape is kept by Flatcar's GRUB only", () => {
  assert.equal(run("echo \\x20 \\y").output, "\\x20 y\n");
  assert.equal(run("echo \\x20 \\y", { hexEscapes: false }).output, "x20 y\n");
});
