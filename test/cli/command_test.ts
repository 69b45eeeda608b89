import assert from "node:assert/strict";
import { test } from "node:test";
import { command, readArguments } from "../../src/cli/command.ts";
import { KexecError } from "../../src/lib/errors.ts";

const sample = command({
  name: "sample",
  description: "for tests",
  args: {
    file: { type: "positional", required: false },
    disk: { type: "string", description: "a disk" },
    json: { type: "boolean", description: "JSON" },
    allow: { type: "string", description: "ids" },
    output: { type: "string", alias: "o", description: "where to" },
  },
  run: () => 0,
});

const usage = (message: RegExp, hint?: RegExp) => (error: unknown): boolean =>
  error instanceof KexecError && error.code === "usage" && message.test(error.message) &&
  (hint === undefined || hint.test(error.hint ?? ""));

test("readArguments() takes options in both forms, aliases and positionals", () => {
  assert.deepEqual(
    readArguments(["--disk", "/dev/vda", "--json", "host.json", "-o", "x", "--allow=a,b"], sample),
    {
      options: [
        { name: "disk", value: "/dev/vda" },
        { name: "json", value: null },
        { name: "output", value: "x" },
        { name: "allow", value: "a,b" },
      ],
      positionals: ["host.json"],
    },
  );
});

test("readArguments() keeps every value of an option that is repeated", () => {
  const { options } = readArguments(["--allow", "lockdown", "--allow", "secure-boot"], sample);
  assert.deepEqual(options.map((option) => option.value), ["lockdown", "secure-boot"]);
});

test("readArguments() refuses an unknown option and suggests the one that was meant", () => {
  assert.throws(() => readArguments(["--alow", "x"], sample), usage(/unknown option '--alow'/, /--allow/));
  assert.throws(() => readArguments(["-x"], sample), usage(/unknown option '-x'/));
});

test("readArguments() refuses a value where none belongs and none where one does", () => {
  assert.throws(() => readArguments(["--json=yes"], sample), usage(/takes no value, found 'yes'/));
  assert.throws(() => readArguments(["--disk"], sample), usage(/'--disk' needs a value/));
  assert.throws(() => readArguments(["--disk="], sample), usage(/'--disk' needs a value/));
});

test("readArguments() refuses more positionals than there are names", () => {
  assert.throws(() => readArguments(["a", "b"], sample), usage(/unexpected argument 'b'/));
});

test("readArguments() takes what follows -- as it is", () => {
  assert.deepEqual(readArguments(["--", "--json"], sample), { options: [], positionals: ["--json"] });
});
