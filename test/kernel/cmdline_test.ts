import assert from "node:assert/strict";
import { test } from "node:test";
import {
  cmdlineLength,
  cmdlineLimit,
  joinCmdline,
  keyOf,
  lastValue,
  splitCmdline,
  tornWords,
  valueOf,
  withoutBuiltIn,
} from "../../src/kernel/cmdline.ts";

test("tornWords() names what stands in neither line nor was added", () => {
  assert.deepEqual(tornWords('a="b c" d', [], 'a="b c" d'), []);
  assert.deepEqual(tornWords('a="b c" d', ["e"], 'd e a="b c"'), []);
  assert.deepEqual(tornWords('a="b c" e="f g"', [], 'c" g"'), ['c" g"']);
  assert.deepEqual(tornWords('a="b c" d', ["e"], 'a="b e'), ['a="b e']);
});

test("x86 keeps 31 of its 2047 bytes for the built-in words; arm64 has no such words", () => {
  assert.equal(cmdlineLimit("x86_64"), 2016);
  assert.equal(cmdlineLimit("x86_64", 2047), 2016);
  assert.equal(cmdlineLimit("x86_64", 255), 255);
  assert.equal(cmdlineLimit("aarch64"), 2047);
});

test("length counts bytes, not characters", () => {
  assert.equal(cmdlineLength("ä=€"), 6);
});

test("words end at white space, except within double quotes; backslashes mean nothing", () => {
  assert.deepEqual(splitCmdline('  a=1\t"b=2 3"  c="4 5"\n'), ["a=1", '"b=2 3"', 'c="4 5"']);
  assert.deepEqual(splitCmdline('a=\\"b c\\" d'), ['a=\\"b c\\"', "d"]);
  assert.deepEqual(splitCmdline('open="a b'), ['open="a b']);
  assert.deepEqual(splitCmdline(""), []);
  assert.equal(joinCmdline(["a", "b=c"]), "a b=c");
});

test("keys and values are what the kernel makes of a word", () => {
  assert.equal(keyOf("console=ttyS0,115200n8"), "console");
  assert.equal(keyOf('"b=2 3"'), "b");
  assert.equal(keyOf("quiet"), "quiet");
  assert.equal(valueOf("verity.usr=PARTUUID=x"), "PARTUUID=x");
  assert.equal(valueOf('"b=2 3"'), "2 3");
  assert.equal(valueOf('c="4 5"'), "4 5");
  assert.equal(valueOf('d=5"'), '5"');
  assert.equal(valueOf("quiet"), null);
});

test("of several words with a key the last counts", () => {
  assert.equal(lastValue("a=1 b=2 a=3", "a"), "3");
  assert.equal(lastValue("a=1 a", "a"), "");
  assert.equal(lastValue("ab=1", "a"), null);
});

test("the built-in words are taken off once, and on x86 alone", () => {
  const line =
    "rootflags=rw mount.usrflags=ro BOOT_IMAGE=/flatcar/vmlinuz-a rootflags=rw mount.usrflags=ro\n";
  assert.equal(
    withoutBuiltIn(line, "x86_64"),
    "BOOT_IMAGE=/flatcar/vmlinuz-a rootflags=rw mount.usrflags=ro",
  );
  assert.equal(withoutBuiltIn(line, "aarch64"), line.trimEnd());
  assert.equal(withoutBuiltIn("BOOT_IMAGE=x\n", "x86_64"), "BOOT_IMAGE=x");
});
