import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";

const SOURCE = join(dirname(fileURLToPath(import.meta.url)), "../../src");

/** Folders of src/ from left to right; those of one row do not know each other. */
const ROWS: readonly (readonly string[])[] = [
  ["lib"],
  ["host"],
  ["gpt", "grub", "kernel", "config"],
  ["plugin"],
  ["checks"],
  ["plan"],
  ["journal"],
  ["systemd"],
  ["kexec"],
  ["cli"],
];

const rowOf = (folder: string): number => ROWS.findIndex((row) => row.includes(folder));

test("every folder of src has its place in the flow of data", () => {
  const folders = readdirSync(SOURCE, { withFileTypes: true }).filter((entry) => entry.isDirectory());
  assert.deepEqual(folders.map((entry) => entry.name).sort(), ROWS.flat().sort());
});

test("a folder imports only from folders to its left", () => {
  const wrong: string[] = [];
  let seen = 0;
  for (
    const file of readdirSync(SOURCE, { recursive: true, encoding: "utf8" }).filter((name) =>
      name.endsWith(".ts")
    )
  ) {
    const folder = file.split("/")[0] ?? "";
    if (rowOf(folder) < 0) continue;
    const text = readFileSync(join(SOURCE, file), "utf8");
    for (const match of text.matchAll(/(?:from |import\()"((?:\.\.\/)+)([a-z]+)\/[^"]*\.ts"/g)) {
      const target = match[2] ?? "";
      if (target === folder || rowOf(target) < 0) continue;
      seen++;
      if (rowOf(target) >= rowOf(folder)) wrong.push(`${file} imports from ${target}/`);
    }
  }
  assert.deepEqual(wrong, []);
  assert.ok(seen > 200, `only ${seen} imports were seen`);
});
