/**
 * Random GPTs through src/gpt and through the independent model: `bun run test/soak/gpt_random.ts [COUNT [SEED]]`.
 * 20,000 disks from seed 1 unless told. Every disk has a seed of its own; a failure names it, and
 * `gpt_random.ts 1 SEED` repeats it.
 *
 * @module
 */
import { seededRandom } from "../support/random.ts";
import { randomRound } from "../gpt/random_round.ts";

const count = Number(process.argv[2] ?? 20_000);
const first = Number(process.argv[3] ?? 1);
const counts = new Map<string, number>();
let failed = 0;
const started = performance.now();
for (let seed = first; seed < first + count; seed++) {
  let round: string;
  try {
    round = randomRound(seededRandom(seed));
  } catch (error) {
    round = "FAILED";
    failed++;
    console.error(`seed ${seed}: ${error instanceof Error ? error.message : error}`);
  }
  counts.set(round, (counts.get(round) ?? 0) + 1);
}
const seconds = (performance.now() - started) / 1000;
for (const [round, times] of [...counts].sort()) console.log(`${String(times).padStart(8)}  ${round}`);
console.log(
  `${count - failed} passed, ${failed} failed, 0 skipped (seeds ${first} to ${first + count - 1}, ${
    seconds.toFixed(1)
  } s)`,
);
process.exitCode = failed === 0 ? 0 : 1;
