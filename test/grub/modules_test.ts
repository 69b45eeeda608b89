import assert from "node:assert/strict";
import { test } from "node:test";
import { flatcarCommands } from "../../src/grub/commands/registry.ts";
import { complaints, run } from "./script.ts";

const efi = (...names: string[]) => flatcarCommands("efi", { kind: "listed", commands: names });

test("on UEFI a listed command is what it is on BIOS, and others stay unknown", () => {
  const script = "if false; then echo yes; else echo no; fi\nif true; then echo yes; fi\n";
  const result = run(script, { commands: efi("false") });
  assert.equal(result.output, "no\nyes\n");
  assert.deepEqual(complaints(result), ["unknown-command-decides:2"]);
});

test("a listed command that decides and is not modelled refuses, whether BIOS has it or not", () => {
  const result = run("if regexp a b; then a=1; fi\nif lsefi; then a=1; fi\n", {
    commands: efi("regexp", "lsefi"),
  });
  assert.deepEqual(result.diagnostics.map(({ id, level }) => `${id} ${level}`), [
    "command-not-modelled refuse",
    "command-not-modelled refuse",
  ]);
});

test("a listed command of older images is known to every file, and a command of the image stays what it is", () => {
  const commands = efi("linuxefi", "set", "echo");
  const result = run("linuxefi /flatcar/vmlinuz-a x\nset a=1\necho $a\n", { commands });
  assert.equal(result.linux?.kernel, "/flatcar/vmlinuz-a");
  assert.equal(result.output, "1\n");
});
