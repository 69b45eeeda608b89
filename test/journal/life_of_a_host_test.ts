import { test } from "node:test";
import { LIFE_PROPERTIES } from "./life_properties.ts";

for (const { name, check } of LIFE_PROPERTIES) {
  test(`${name} (1000 random lives)`, () => check({ seed: 20261123, numRuns: 1000 }));
}
