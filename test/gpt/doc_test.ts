/**
 * The tables of docs/gpt.md are what the code does: they are made here and compared with the page.
 *
 * To write them anew: `FLATCAR_KEXEC_WRITE_DOCS=1` before the command that runs this test.
 *
 * @module
 */
import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import process from "node:process";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { readGpt, requireGpt, tableDigest } from "../../src/gpt/read.ts";
import { nextSlot } from "../../src/gpt/select.ts";
import { giveTryBack, spendTry } from "../../src/gpt/writer.ts";
import { flatcarImage, USR_B } from "../support/gpt_image.ts";
import { seededRandom } from "../support/random.ts";
import { cutStates, MemoryDisk } from "./memory_disk.ts";
import { boots, judge } from "./outcome.ts";
import { SCENARIOS } from "./scenarios.ts";

const PAGE = fileURLToPath(new URL("../../docs/gpt.md", import.meta.url));
const NAMES: Readonly<Record<number, string>> = { 3: "USR-A", 4: "USR-B" };

type Row = readonly string[];

/** A Markdown table as `deno fmt` lays it out. */
function markdown(head: Row, rows: readonly Row[]): string {
  const widths = head.map((_, column) => Math.max(...[head, ...rows].map((row) => row[column]?.length ?? 0)));
  const line = (row: Row): string => `| ${row.map((cell, at) => cell.padEnd(widths[at] ?? 0)).join(" | ")} |`;
  return [line(head), `| ${widths.map((width) => "-".repeat(width)).join(" | ")} |`, ...rows.map(line)].join(
    "\n",
  );
}

/** One row for each state that a power cut can leave, in the order of the writes. */
function tornStates(image: Uint8Array, action: (disk: MemoryDisk) => void): string {
  const disk = new MemoryDisk(image, 512);
  action(disk);
  const judged = judge(image, disk.bytes, 512);
  const last = image.length / 512 - 1;
  const structureOf = (sector: number): string =>
    sector === 1
      ? "primary header"
      : sector === last
      ? "backup header"
      : sector < last / 2
      ? "primary table"
      : "backup table";
  const epochs = disk.epochs.filter((epoch) => epoch.length > 0);
  const rows: Row[] = [];
  const seen = new Set<string>();
  for (const state of cutStates(image, disk, seededRandom(1).next)) {
    const [index = 0, mask = ""] = state.name.split(":").map((part, at) => at === 0 ? Number(part) : part);
    const epoch = epochs[Number(index)] ?? [];
    const written = [
      ...epochs.slice(0, Number(index)).flat(),
      ...epoch.filter((_, at) => String(mask)[at] === "1"),
    ].map((write) => structureOf(write.sector));
    const label = written.length === 0
      ? "nothing"
      : written.length === epochs.flat().length
      ? "everything"
      : written.join(", ");
    if (seen.has(label)) continue;
    seen.add(label);
    const now = boots(state.bytes, 512);
    const outcome = judged(state.bytes);
    assert.ok(typeof now === "object");
    assert.ok(now.partition !== null && now.tries !== null);
    rows.push([
      label,
      now.primary ? "valid" : "invalid",
      now.backup ? "valid" : "invalid",
      outcome.state,
      `${NAMES[now.partition] ?? now.partition}${
        now.tries > 0 ? ", takes a try, writes both copies" : ", writes nothing"
      }`,
    ]);
  }
  return markdown(["On the medium", "Primary", "Backup", "State", "GRUB takes"], rows);
}

function takeTry(disk: MemoryDisk): void {
  const gpt = requireGpt(readGpt(disk), disk.path);
  const slot = nextSlot(gpt);
  assert.ok(slot);
  spendTry(disk, { slot, tableDigest: tableDigest(gpt) });
}

function scenario(name: string): Uint8Array {
  const found = SCENARIOS.find((candidate) => candidate.name === name);
  assert.ok(found);
  return found.image;
}

const TABLES: Readonly<Record<string, () => string>> = {
  "taking a try": () => tornStates(scenario("sound disk"), takeTry),
  "taking a try, backup lost": () => tornStates(scenario("backup header lost"), takeTry),
  "taking a try, primary header lost": () => tornStates(scenario("primary header lost"), takeTry),
  "giving a try back": () =>
    tornStates(flatcarImage({ a: [1, 0, 1], b: [2, 0, 0] }), (disk) => {
      giveTryBack(disk, USR_B);
    }),
};

for (const [name, make] of Object.entries(TABLES)) {
  test(`docs/gpt.md shows what a power cut leaves: ${name}`, () => {
    const page = readFileSync(PAGE, "utf8");
    const [start, end] = [`<!-- table: ${name} -->\n\n`, "\n\n<!-- end -->"];
    const from = page.indexOf(start);
    const to = page.indexOf(end, from);
    assert.ok(from >= 0 && to > from, "the page has no such table");
    const table = make();
    if (process.env["FLATCAR_KEXEC_WRITE_DOCS"] === "1") {
      writeFileSync(PAGE, page.slice(0, from + start.length) + table + page.slice(to));
    } else {
      assert.equal(page.slice(from + start.length, to), table);
    }
  });
}
