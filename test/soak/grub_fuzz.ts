/**
 * Hostile input for the GRUB interpreter: `bun run test/soak/grub_fuzz.ts [COUNT [SEED]]`; 200,000 inputs from
 * seed 1 unless told. No input may throw, contradict itself, or take more than 250 ms of processor time; the first that does is
 * written to test/grub/found/ and named.
 *
 * @module
 */
import { mkdirSync, writeFileSync } from "node:fs";
import { fuzzInput, fuzzRound } from "../grub/fuzz_round.ts";

/** Milliseconds this process has used: what other programs do does not count. */
function processorTime(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}

const count = Number(process.argv[2] ?? 200_000);
const first = Number(process.argv[3] ?? 1);
const LIMIT_MS = 250;
const kinds = new Map<string, number>();
const ends = new Map<string, number>();
let failed = 0;
let slowest = { seed: 0, ms: 0 };
const started = performance.now();
for (let seed = first; seed < first + count; seed++) {
  const input = fuzzInput(seed);
  const before = processorTime();
  let problem: string | null = null;
  try {
    const end = fuzzRound(input);
    ends.set(end, (ends.get(end) ?? 0) + 1);
  } catch (error) {
    problem = error instanceof Error ? error.stack ?? error.message : String(error);
  }
  let ms = processorTime() - before;
  if (ms > LIMIT_MS && problem === null) {
    // Compiling and collecting garbage for others counts as well; once more tells.
    const again = processorTime();
    fuzzRound(input);
    ms = Math.min(ms, processorTime() - again);
    if (ms > LIMIT_MS) problem = `took ${ms.toFixed(0)} ms`;
  }
  if (ms > slowest.ms) slowest = { seed, ms };
  kinds.set(input.kind, (kinds.get(input.kind) ?? 0) + 1);
  if (problem !== null) {
    failed++;
    const folder = new URL("../grub/found/", import.meta.url).pathname;
    mkdirSync(folder, { recursive: true });
    writeFileSync(`${folder}seed-${seed}.cfg`, input.bytes);
    console.error(`seed ${seed} (${input.kind}): ${problem}`);
  }
}
const seconds = (performance.now() - started) / 1000;
for (const [name, times] of [...kinds, ...ends].sort()) console.log(`${String(times).padStart(8)}  ${name}`);
console.log(`slowest: seed ${slowest.seed}, ${slowest.ms.toFixed(1)} ms`);
console.log(
  `${count - failed} passed, ${failed} failed, 0 skipped (seeds ${first} to ${first + count - 1}, ${
    seconds.toFixed(0)
  } s)`,
);
process.exitCode = failed > 0 ? 1 : 0;
