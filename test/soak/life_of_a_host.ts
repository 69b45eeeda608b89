/**
 * Random lives of hosts for as long as wanted: `bun run test/soak/life_of_a_host.ts [LIVES [SEED]]`; 60,000 lives for each
 * property by default, about a minute.
 *
 * @module
 */
import process from "node:process";
import { LIFE_PROPERTIES } from "../journal/life_properties.ts";

const numRuns = Number(process.argv[2] ?? 60_000);
const seed = Number(process.argv[3] ?? Date.now() % 2 ** 31);

for (const { name, check } of LIFE_PROPERTIES) {
  check({ seed, numRuns });
  console.log(`${numRuns} lives, seed ${seed}: ${name}`);
}
