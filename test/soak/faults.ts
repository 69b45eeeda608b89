/**
 * Random faults in a row, of which one machine lives through every one: `deno task soak faults [CYCLES [SEED]]`; 60
 * cycles unless told, about half a minute each. After each: the slots that firmware and GRUB take, the counters in
 * both tables, what `confirm` and `status` say, that the running slot is untouched, and that a good update gets in
 * through the firmware in the end, or a bad one is given up. The first wrong state ends it, with the evidence.
 *
 * How updates differ from each other is said in test/e2e/fault_cycles.ts. With `--write` the tables of
 * docs/failure-modes.md get what was seen, after each cycle; `--only=REGEX` picks faults by name, `--tries=spend|keep` a setting.
 *
 * @module
 */
import { readFileSync, writeFileSync } from "node:fs";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { readTable, tableRows, TABLES, writeTable } from "../e2e/failure_table.ts";
import { type Cycle, type CycleResult, runCycles } from "../e2e/fault_cycles.ts";
import { FAULTS } from "../e2e/faults.ts";
import { whyNoMachine } from "../e2e/vm.ts";
import { seededRandom } from "../support/random.ts";

const [words, options] = [false, true].map((isOption) =>
  process.argv.slice(2).filter((word) => word.startsWith("--") === isOption)
);
const count = Number(words?.[0] ?? 60);
const seed = Number(words?.[1] ?? Date.now() % 2 ** 31);
const option = (name: string): string | null =>
  options?.find((word) => word.startsWith(`--${name}=`))?.slice(name.length + 3) ?? null;
const only = new RegExp(option("only") ?? "");

/** Rounds of all faults under each setting that they come out under, in a random order. */
function drawCycles(): readonly Cycle[] {
  const random = seededRandom(seed);
  const every = FAULTS.filter(({ name }) => only.test(name)).flatMap((fault): readonly Cycle[] => [
    { fault, tries: "spend" },
    ...(fault.spendsOnly === true ? [] : [{ fault, tries: "keep" } as const]),
  ]).filter(({ tries }) => option("tries") === null || option("tries") === tries);
  if (every.length === 0) throw new Error("No fault is called so");
  const cycles: Cycle[] = [];
  let round: Cycle[] = [];
  while (cycles.length < count) {
    if (round.length === 0) round = [...every];
    cycles.push(...round.splice(random.int(0, round.length - 1), 1));
  }
  return cycles;
}

/** Done after each cycle: a run that is broken off has shown what it has shown. */
function writeTables(results: readonly CycleResult[]): void {
  const path = fileURLToPath(new URL("../../docs/failure-modes.md", import.meta.url));
  let text = readFileSync(path, "utf8");
  for (const table of TABLES) {
    text = writeTable(text, table, tableRows(table, readTable(text, table), results));
  }
  writeFileSync(path, text);
}

function line({ fault, tries, reached, old, counters, boots, cut, seconds }: CycleResult): string {
  const path = boots.map(({ slot, comesUp }) => `USR-${slot.toUpperCase()}${comesUp ? "" : " fails"}`).join(
    ", ",
  );
  return `${seconds.toFixed(0).padStart(4)} s  ${tries}  USR-${old.toUpperCase()} runs  ${fault.name}${
    cut === null ? "" : ` (${cut})`
  }: reached "${reached}", update ${counters.join(" ")}, then ${path}`;
}

const reason = whyNoMachine();
if (reason !== null) throw new Error(`Cannot run machines: ${reason}`);
console.log(`${count} faults, seed ${seed}`);
const started = performance.now();
const seen: CycleResult[] = [];
const results = await runCycles(drawCycles(), seed, (result, number) => {
  console.log(`${String(number).padStart(4)} ${line(result)}`);
  seen.push(result);
  if (options?.includes("--write") === true) writeTables(seen);
});
const kept = results.filter(({ tries }) => tries === "keep").length;
console.log(
  `${results.length} faults came out right (${
    results.length - kept
  } with the try taken, ${kept} with it kept) in ${
    ((performance.now() - started) / 60_000).toFixed(0)
  } minutes`,
);
