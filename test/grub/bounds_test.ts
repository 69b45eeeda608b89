import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { readdirSync, readFileSync } from "node:fs";
import { test } from "node:test";
import { runScript } from "../../src/grub/evaluate.ts";
import type { GrubLimits } from "../../src/grub/limits.ts";
import { fuzzInput, fuzzRound } from "./fuzz_round.ts";
import { boot, machine, run } from "./script.ts";

function bounded(script: string, bound: RegExp, limits: Partial<GrubLimits> = {}): void {
  const result = run(script, { limits, platform: "pc", cpu: "i386" });
  assert.equal(result.end, "bounded", script.slice(0, 60));
  assert.equal(result.bounded, true);
  const refusal = result.diagnostics.find(({ id }) => id === "bound-reached");
  assert.equal(refusal?.level, "refuse");
  assert.match(refusal?.message ?? "", bound);
}

test("a loop that does not end stops at a bound, with a refusal that names the line", () => {
  bounded("echo a\nwhile true; do b=1; done\n", /too many commands/);
  const result = run("a=1\nwhile [ a ]; do b=1; done\n");
  assert.equal(result.diagnostics.at(-1)?.line, 2);
});

test("endless recursion stops at a bound", () => {
  bounded("function f { f; }\nf\n", /too deeply/);
  bounded('x=\'eval "$x"\'\neval "$x"\n', /too deeply/);
});

test("a file that reads itself stops at a bound", () => {
  const result = boot("source ($oem)/grub.cfg\n");
  assert.equal(result.end, "bounded");
});

test("values that grow stop at a bound", () => {
  bounded(`x=aaaaaaaaaaaaaaaa\n${'x="$x$x"\n'.repeat(40)}`, /grew too long/);
});

test("expansion that adds up stops at a bound", () => {
  bounded(`x=${"a".repeat(60_000)}\n${"y=b$x\n".repeat(100)}`, /too much text/);
});

test("printing without end stops at a bound", () => {
  bounded(`x=${"a".repeat(1000)}\nfor i in ${"a ".repeat(500)}; do echo $x; done\n`, /too much is printed/);
});

test("commands within commands stop at a bound", () => {
  bounded("if true; then\n".repeat(1000), /inside one another/);
  bounded(`show ${"{a ".repeat(1000)}`, /inside one another/);
});

test("a flood of menu entries stops at a bound", () => {
  bounded("menuentry a { b; }\n".repeat(600), /menu entries/);
});

test("a file that is too large is not read", () => {
  bounded("a".repeat(1_048_577), /too large/);
});

test("a flood of complaints is cut, and refuses", () => {
  const result = run("||\n".repeat(1000));
  assert.equal(result.end, "done");
  assert.equal(result.bounded, true);
  assert.ok(result.diagnostics.length < 300);
  assert.equal(result.errors, 3000);
});

test("hostile scripts of one mebibyte end within their bounds", () => {
  const size = 1_048_576;
  const hostile = [
    "||\n",
    "{",
    '"',
    "$x",
    "a;",
    "if true; then\n",
    "\\\n",
    "x=$x$x\n",
    "while true; do true; done\n",
  ];
  for (const piece of hostile) {
    const bytes = Buffer.from(piece.repeat(Math.floor(size / piece.length)), "latin1");
    const started = process.cpuUsage();
    runScript({ name: "hostile.cfg", bytes }, { platform: "pc", cpu: "i386" });
    const { user, system } = process.cpuUsage(started);
    const ms = (user + system) / 1000;
    assert.ok(ms < 2000, `${JSON.stringify(piece)} took ${ms.toFixed(0)} ms`);
  }
});

test("200 inputs made by chance neither throw nor contradict themselves", () => {
  for (let seed = 1; seed <= 200; seed++) fuzzRound(fuzzInput(seed));
});

test("inputs that once found something find nothing now", () => {
  const folder = new URL("./found/", import.meta.url).pathname;
  const names = readdirSync(folder);
  assert.ok(names.length > 0);
  for (const name of names) {
    const bytes = readFileSync(`${folder}${name}`);
    for (const platform of ["pc", "efi", "xen"] as const) {
      for (const asOem of [false, true]) fuzzRound({ kind: "hostile", bytes, asOem, platform });
    }
  }
});

test("an empty file boots nothing and says so", () => {
  const result = boot(null, { main: "", environment: machine(null) });
  assert.equal(result.linux, null);
  assert.deepEqual(result.diagnostics.map(({ id, level }) => `${id} ${level}`), [
    "menu-waits warn",
    "no-entry refuse",
  ]);
});
