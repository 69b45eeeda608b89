import assert from "node:assert/strict";
import { test } from "node:test";
import { seededRandom } from "../support/random.ts";
import { randomRound, type Round } from "./random_round.ts";

test("1,000 random disks, two thirds of them damaged, come out as in the independent model", {
  timeout: 60_000,
}, () => {
  const counts = new Map<Round, number>();
  for (let seed = 1; seed <= 1000; seed++) {
    try {
      const round = randomRound(seededRandom(seed));
      counts.set(round, (counts.get(round) ?? 0) + 1);
    } catch (error) {
      throw new Error(`seed ${seed}`, { cause: error });
    }
  }
  // A generator that stops reaching a case would make this test worthless.
  for (const round of ["unreadable", "no slot", "nothing to write", "spent", "spent and repaired"] as const) {
    assert.ok((counts.get(round) ?? 0) >= 20, `${round}: ${counts.get(round)}`);
  }
  assert.ok((counts.get("refused: last try") ?? 0) > 0);
  assert.ok((counts.get("refused: unsafe") ?? 0) > 0);
});
