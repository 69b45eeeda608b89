import assert from "node:assert/strict";
import { test } from "node:test";
import { explainToken, historyOf } from "../../src/grub/explain.ts";
import { boot, run } from "./script.ts";

test("every word of the command line knows the file, the line and the variables it came through", () => {
  const result = boot('set oem_id="acme"\nset linux_append="one two"\n');
  const told =
    result.linux?.tokens.map(({ text, origin, via }) =>
      `${text} ${origin.file}:${origin.line} ${via.join(" ")}`
    ) ?? [];
  assert.ok(told.includes("two oem/grub.cfg:2 linux_cmdline linux_append"), told.join("\n"));
  assert.ok(told.some((line) => line.startsWith("root=LABEL=ROOT grub.cfg:10 linux_cmdline linux_root")));
  assert.deepEqual(result.files, ["oem/grub.cfg"]);
});

test("a word that two files wrote has a range for each", () => {
  const token = boot('set oem_id="acme"\n').linux?.tokens.find(({ text }) => text === "flatcar.oem.id=acme");
  assert.deepEqual(token?.spans.map(({ text, origin }) => `${text} ${origin.file}`), [
    "flatcar.oem.id= grub.cfg",
    "acme oem/grub.cfg",
  ]);
  assert.deepEqual(token?.spans.map(({ via }) => via), [["linux_cmdline", "oem"], [
    "linux_cmdline",
    "oem",
    "oem_id",
  ]]);
});

test("words glued together by expansion keep their parts", () => {
  const result = run('a=" x y "\nlinux /k pre$a${a}post\n');
  assert.deepEqual(
    result.linux?.tokens.map(({ spans }) => spans.map(({ text, origin }) => `${text}:${origin.line}`)),
    [["pre:2", "x:1"], ["y:1", "x:1"], ["y:1", "post:2"]],
  );
});

test("a value over lines knows each line", () => {
  const result = run('a="x\ny\\\nz"\nlinux /k $a');
  assert.deepEqual(
    result.linux?.tokens.map(({ spans }) => spans.map(({ text, origin }) => `${text}:${origin.line}`)),
    [["x:1"], ["y:2", "z:3"]],
  );
});

test("origins pass through functions, loops and eval", () => {
  const result = run(
    'function f {\n a="$a $1"\n}\nf one\nfor i in two; do f $i; done\neval "f three"\nlinux /k $a',
    { platform: "pc", cpu: "i386" },
  );
  assert.deepEqual(
    result.linux?.tokens.map(({ text, origin }) => `${text}:${origin.line}`),
    ["one:4", "two:5", "three:6"],
  );
});

test("the story of a word names the lines that made it, innermost first", () => {
  const oem =
    'set linux_append="one"\nset linux_append="$linux_append two"\nset linux_append="$linux_append three"\n';
  const [story] = explainToken(boot(oem), "one");
  assert.deepEqual(
    story?.steps.map(({ variable, origin, extends: extended }) =>
      `${variable} ${origin.file}:${origin.line}${extended ? " extended" : ""}`
    ).slice(0, 3),
    [
      "linux_append oem/grub.cfg:1",
      "linux_append oem/grub.cfg:2 extended",
      "linux_append oem/grub.cfg:3 extended",
    ],
  );
  assert.equal(story?.steps.at(-1)?.variable, "linux_cmdline");
});

test("the story tells what was overwritten", () => {
  const oem = 'set linux_append="lost"\nset linux_append="kept"\n';
  const result = boot(oem);
  const [story] = explainToken(result, "kept");
  assert.deepEqual(
    story?.steps[0]?.overwritten.map(({ value, origin }) => `${value} ${origin.file}:${origin.line}`),
    ["lost oem/grub.cfg:1"],
  );
  assert.deepEqual(explainToken(result, "lost"), []);
  assert.deepEqual(historyOf(result, "linux_append").map(({ value }) => value), ["", "lost", "kept"]);
});

test("a key finds its word", () => {
  const stories = explainToken(boot('set linux_console="console=tty0 console=ttyS1"\n'), "console");
  assert.deepEqual(stories.map(({ token }) => token.text), ["console=tty0", "console=ttyS1"]);
});

test("a line in the middle of an unset and a set is told apart", () => {
  const result = run("a=1\nunset a\na=2\nlinux /k $a");
  assert.deepEqual(
    historyOf(result, "a").map(({ value, by, replaced }) => ({ value, by, replaced })),
    [
      { value: "1", by: "assignment", replaced: null },
      { value: "", by: "unset", replaced: 0 },
      { value: "2", by: "assignment", replaced: null },
    ],
  );
});

test("the text of a token is Unicode, whatever bytes GRUB saw", () => {
  assert.equal(run('linux /k "name=Jörg"').linux?.tokens[0]?.text, "name=Jörg");
});
