/** What must hold for every life of a host: run by the unit tests, and for longer by the soak. */
import assert from "node:assert/strict";
import fc from "fast-check";
import { foldEvents } from "../../src/journal/attempt.ts";
import { type Action, LifeOfAHost, MAX_CONSECUTIVE } from "./life_of_a_host.ts";

const step = fc.integer({ min: 0, max: 12 });
const reboot = fc.record({
  kind: fc.constant("reboot" as const),
  kexec: fc.boolean(),
  cutCommit: step,
  cutConfirm: step,
  stays: fc.boolean(),
  tries: fc.constantFrom("spend", "keep"),
  marker: fc.boolean(),
  held: fc.boolean(),
});
const update = fc.record({ kind: fc.constant("update" as const), good: fc.boolean(), arrives: fc.boolean() });
const life = fc.array(fc.oneof(reboot, reboot, update), { minLength: 1, maxLength: 24 });

const CLEAN = {
  kind: "reboot",
  cutCommit: 99,
  cutConfirm: 99,
  stays: true,
  tries: "spend",
  marker: true,
  held: false,
} as const;

interface LifeProperty {
  readonly name: string;
  /** @throws with the shortest life that breaks it. */
  check(parameters: { readonly seed: number; readonly numRuns: number }): void;
}

export const LIFE_PROPERTIES: readonly LifeProperty[] = [
  {
    name: "no life of a host leads to a slot that GRUB cannot boot, or to a second try for a kernel",
    check: (parameters) =>
      fc.assert(
        fc.property(life, fc.boolean(), (actions, outcomeFirst) => {
          const host = new LifeOfAHost(outcomeFirst);
          for (const action of actions) {
            host.act(action);
            assert.ok(host.state.consecutive <= MAX_CONSECUTIVE);
          }
        }),
        parameters,
      ),
  },
  {
    name: "a good update gets in within two reboots after the first, even if kexec never arrives",
    check: (parameters) =>
      fc.assert(
        fc.property(life, reboot, fc.boolean(), fc.boolean(), (actions, last, arrives, outcomeFirst) => {
          const host = settled(actions, outcomeFirst);
          host.act({ kind: "update", good: true, arrives });
          const version = host.newest().image.version;
          host.act({ ...last, kexec: true });
          host.act({ ...CLEAN, kexec: true });
          host.act({ ...CLEAN, kexec: true });
          if (host.excuse === null) assert.equal(host.running.image.version, version);
        }),
        parameters,
      ),
  },
  {
    name: "a bad update is started at most once by kexec, then never again",
    check: (parameters) =>
      fc.assert(
        fc.property(life, reboot, fc.boolean(), (actions, last, outcomeFirst) => {
          const host = settled(actions, outcomeFirst);
          const before = host.running;
          host.act({ kind: "update", good: false, arrives: false });
          host.act({ ...last, kexec: true });
          for (let i = 0; i < 4; i++) host.act({ ...CLEAN, kexec: i % 2 === 0 });
          assert.equal(host.running, before);
          assert.ok(host.starts.kexec - kexecsOfTheOldOne(host) <= 1);
          assert.equal(host.newest().tries, 0);
        }),
        parameters,
      ),
  },
];

/** A host after a life, with nothing pending. */
function settled(actions: readonly Action[], outcomeFirst: boolean): LifeOfAHost {
  const host = new LifeOfAHost(outcomeFirst);
  for (const action of actions) host.act(action);
  for (let i = 0; i < 3; i++) host.act({ ...CLEAN, kexec: false });
  return host;
}

/** Attempts since the update that went to the slot that runs. */
function kexecsOfTheOldOne(host: LifeOfAHost): number {
  const version = host.running.image.version;
  const attempts = foldEvents(host.events).attempts.slice(-5);
  return attempts.filter((attempt) => attempt.kernelVersion === version && attempt.committedAt !== null)
    .length;
}
