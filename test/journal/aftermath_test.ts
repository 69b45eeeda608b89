import assert from "node:assert/strict";
import { test } from "node:test";
import { type AttemptEvent, foldEvents, type PreparedEvent } from "../../src/journal/attempt.ts";
import {
  confirmBoot,
  decideAftermath,
  noteGivenBack,
  outcomeOf,
  savedSeconds,
} from "../../src/journal/aftermath.ts";
import { type BootFacts, classifyBoot } from "../../src/journal/classify.ts";
import { quarantined } from "../../src/checks/quarantined.ts";
import { tooManyKexecs } from "../../src/checks/too_many_kexecs.ts";
import type { KexecHistory } from "../../src/checks/check.ts";
import { DEFAULT_CONFIG } from "../../src/config/config.ts";
import type { KernelIdentity } from "../../src/kernel/identity.ts";
import { goodInput } from "../support/check_input.ts";
import { EMPTY_STATE, type State } from "../../src/journal/state.ts";
import {
  arrivedBoot,
  checkedKernel,
  firmwareBoot,
  HASH_B,
  NEW_KERNEL,
  NOW,
  prepared,
  slotA,
  slotB,
  USR_A,
  USR_B,
} from "./samples.ts";

const committed: AttemptEvent = { event: "committed", id: "attempt-1", at: "2026-11-23T09:58:01.000Z" };
const NO_TIMES = { seconds: null, firmwareSeconds: null };

/** Whether the check bars a kernel. */
function isBarred(history: KexecHistory, kernel: KernelIdentity): boolean {
  return quarantined.run(goodInput({ history, ...checkedKernel(kernel) })).length > 0;
}

function isLimitReached(history: KexecHistory, maxConsecutive: number): boolean {
  return tooManyKexecs.run(goodInput({ history, config: { ...DEFAULT_CONFIG, maxConsecutive } })).length > 0;
}

function after(
  facts: BootFacts,
  options: { over?: Partial<PreparedEvent>; events?: readonly AttemptEvent[]; state?: State } = {},
) {
  const log = foldEvents([prepared(options.over), ...(options.events ?? [committed])]);
  const state = options.state ?? EMPTY_STATE;
  const classification = classifyBoot(log, state, facts);
  return { classification, aftermath: decideAftermath(classification, state, facts, NOW), log, state };
}

test("a slot lost to a kexec that did not arrive gets its try back, and its kernel is quarantined", () => {
  const { aftermath } = after(firmwareBoot());
  assert.deepEqual(aftermath, {
    giveBack: { partition: 4, partuuid: USR_B, label: "USR-B" },
    reason: "USR-B gets its try back: the next reboot takes it through the firmware",
    quarantine: {
      kernelVersion: NEW_KERNEL,
      usrhash: HASH_B,
      partuuid: USR_B,
      reason: "the kexec to kernel 6.12.103-flatcar (USR-B) did not arrive; " +
        "this boot came through the firmware: kernel 6.12.95-flatcar (USR-A)",
      at: NOW.toISOString(),
      attempt: "attempt-1",
    },
  });
});

test("a commit that was cut short after the try was spent gives it back, to be taken through the firmware", () => {
  const { aftermath } = after(firmwareBoot(), { events: [] });
  assert.equal(aftermath.giveBack?.partition, 4);
  assert.equal(aftermath.quarantine?.kernelVersion, NEW_KERNEL);
});

test("a commit that gave up after the try was spent gives it back in the same way", () => {
  const abandoned: AttemptEvent = { event: "abandoned", id: "attempt-1", at: committed.at, reason: "x" };
  const { aftermath } = after(firmwareBoot(), { events: [abandoned] });
  assert.equal(aftermath.giveBack?.partition, 4);
  assert.equal(aftermath.quarantine?.kernelVersion, NEW_KERNEL);
});

test("a commit that gave up before it took the try gives back none that GRUB took, and bars nothing", () => {
  const abandoned: AttemptEvent = {
    event: "abandoned",
    id: "attempt-1",
    at: committed.at,
    reason: "the disk was locked",
    triesLeft: 1,
  };
  const { aftermath } = after(firmwareBoot(), { events: [abandoned] });
  assert.equal(aftermath.giveBack, null);
  assert.match(aftermath.reason ?? "", /stays spent: GRUB took it itself/);
  assert.equal(aftermath.quarantine, null);
  const spent = after(firmwareBoot(), { events: [{ ...abandoned, triesLeft: 0 }] });
  assert.equal(spent.aftermath.giveBack?.partition, 4);
});

test("a commit that was cut short before the try was spent has nothing to give back, and bars nothing", () => {
  const { aftermath } = after(firmwareBoot({ slots: [slotA(), slotB({ tries: 1 })] }), { events: [] });
  assert.deepEqual(aftermath, { giveBack: null, reason: null, quarantine: null });
});

for (
  const [why, facts, options, reason] of [
    [
      "GRUB took a try of its own after commit's, so the slot failed under the firmware too",
      firmwareBoot(),
      { over: { triesBefore: 2, triesAfter: 1 } },
      /USR-B has 0 tries left, commit left 1, so GRUB booted it as well/,
    ],
    [
      "the counter was left to GRUB",
      firmwareBoot(),
      { over: { tries: "keep", triesBefore: 1, triesAfter: 1 } },
      null,
    ],
    [
      "the slot has been marked good since",
      firmwareBoot({ slots: [slotA(), slotB({ successful: true })] }),
      {},
      /USR-B is marked good/,
    ],
    ["the slot itself is running", firmwareBoot({ runningPartuuid: USR_B }), {}, /USR-B is running/],
    [
      "it cannot be told which slot runs",
      firmwareBoot({ runningPartuuid: null }),
      {},
      /cannot be told which slot is running/,
    ],
    ["the partition table cannot be read", firmwareBoot({ slots: null }), {}, /cannot be read/],
    ["the slot is gone", firmwareBoot({ slots: [slotA()] }), {}, /there is no slot/],
    [
      "another slot has become the first choice",
      firmwareBoot({ slots: [slotA({ priority: 2 }), slotB({ priority: 1 })] }),
      {},
      /USR-B \(priority 1\) is no longer the first choice, USR-A has priority 2/,
    ],
    [
      "another slot has the same priority",
      firmwareBoot({ slots: [slotA({ priority: 2 }), slotB()] }),
      {},
      /no longer the first choice/,
    ],
    [
      "the running slot is not bootable, so a second failure would leave nothing",
      firmwareBoot({ slots: [slotA({ successful: false }), slotB()] }),
      {},
      /no way back/,
    ],
    [
      "a try was given back for this attempt before",
      firmwareBoot(),
      {
        state: {
          ...EMPTY_STATE,
          givenBack: [{
            attempt: "attempt-1",
            kernelVersion: null,
            usrhash: null,
            partuuid: USR_A,
            at: "2026-11-01T00:00:00.000Z",
          }],
        },
      },
      /given back for this kernel already, at 2026-11-01/,
    ],
    [
      "a try was given back for this kernel before",
      firmwareBoot(),
      {
        state: {
          ...EMPTY_STATE,
          givenBack: [{
            attempt: "attempt-0",
            kernelVersion: NEW_KERNEL,
            usrhash: "c".repeat(64),
            partuuid: USR_A,
            at: "2026-11-01T00:00:00.000Z",
          }],
        },
      },
      /already/,
    ],
  ] as const
) {
  test(`no try goes back when ${why}`, () => {
    const { aftermath } = after(facts, options);
    assert.equal(aftermath.giveBack, null);
    if (reason === null) assert.equal(aftermath.reason, null);
    else assert.match(aftermath.reason ?? "", reason);
    assert.notEqual(aftermath.quarantine, null);
  });
}

test("a boot that arrived changes no slot", () => {
  const { aftermath } = after(arrivedBoot());
  assert.deepEqual(aftermath, { giveBack: null, reason: null, quarantine: null });
});

test("once noted, the same attempt gives nothing back after a power cut", () => {
  const { log } = after(firmwareBoot());
  const attempt = log.attempts[0];
  assert.ok(attempt !== undefined);
  const state = noteGivenBack(EMPTY_STATE, attempt, NOW);
  assert.equal(after(firmwareBoot(), { state }).aftermath.giveBack, null);
  assert.equal(isBarred(state, { ...attempt, partuuid: USR_B }), true);
  assert.equal(state.quarantined[0]?.attempt, "attempt-1");
});

test("kexecs in a row are counted up to a boot through the firmware", () => {
  const first = after(arrivedBoot(), { state: { ...EMPTY_STATE, consecutive: 9 } });
  const state = confirmBoot(
    first.state,
    first.classification,
    first.aftermath,
    arrivedBoot(),
    NO_TIMES,
    NOW,
  );
  assert.equal(state.consecutive, 10);
  assert.equal(isLimitReached(state, 10), true);
  assert.equal(isLimitReached(state, 11), false);
  assert.equal(isLimitReached(state, 0), false);
  const fell = after(firmwareBoot(), { state });
  const next = { ...state, lastBoot: null };
  assert.equal(
    confirmBoot(next, fell.classification, fell.aftermath, firmwareBoot(), NO_TIMES, NOW).consecutive,
    10,
    "boot-2 is confirmed already",
  );
  const later = firmwareBoot({ bootId: "boot-3" });
  const ordinary = after(later, { state });
  assert.equal(
    confirmBoot(state, ordinary.classification, ordinary.aftermath, later, NO_TIMES, NOW).consecutive,
    0,
  );
});

test("a kernel in quarantine leaves it by arriving, and one entry stands for a kernel", () => {
  const fell = after(firmwareBoot());
  let state = confirmBoot(
    EMPTY_STATE,
    fell.classification,
    fell.aftermath,
    firmwareBoot(),
    NO_TIMES,
    NOW,
  );
  const again = firmwareBoot({ bootId: "boot-3" });
  const second = after(again, {
    state,
    over: { id: "attempt-2" },
    events: [{ ...committed, id: "attempt-2" }],
  });
  state = confirmBoot(state, second.classification, second.aftermath, again, NO_TIMES, NOW);
  assert.equal(state.quarantined.length, 1);
  assert.deepEqual([state.totals["fell-back"], state.totals.arrived], [2, 0]);
  const kernel = { kernelVersion: NEW_KERNEL, usrhash: HASH_B, partuuid: USR_B };
  assert.equal(isBarred(state, kernel), true);
  assert.equal(state.quarantined[0]?.attempt, "attempt-2");
  const boot = arrivedBoot({ bootId: "boot-4" });
  const arrived = after(boot, { state });
  state = confirmBoot(state, arrived.classification, arrived.aftermath, boot, NO_TIMES, NOW);
  assert.equal(isBarred(state, kernel), false);
});

test("quarantine goes by kernel version, then by image, then by partition", () => {
  const entry = {
    kernelVersion: "6.12.1",
    usrhash: "1",
    partuuid: USR_A,
    reason: "",
    at: NOW.toISOString(),
    attempt: "x",
  };
  const history = (over: object) => ({ consecutive: 0, quarantined: [{ ...entry, ...over }] });
  const kernel = { kernelVersion: "6.12.1", usrhash: "2", partuuid: USR_B };
  assert.equal(isBarred(history({}), kernel), true);
  assert.equal(isBarred(history({ kernelVersion: "6.12.2", usrhash: "2" }), kernel), false);
  assert.equal(isBarred(history({ kernelVersion: null, usrhash: "2" }), kernel), true);
  assert.equal(isBarred(history({ kernelVersion: null }), kernel), false);
  assert.equal(isBarred(history({ kernelVersion: null, usrhash: null, partuuid: USR_B }), kernel), true);
});

test("the firmware's time is remembered from a boot through it and counted as saved after a kexec", () => {
  const boot = firmwareBoot({ bootId: "boot-0" });
  const ordinary = classifyBoot(foldEvents([]), EMPTY_STATE, boot);
  const nothing = decideAftermath(ordinary, EMPTY_STATE, boot, NOW);
  const times = { seconds: null, firmwareSeconds: 96.4 };
  let state = confirmBoot(EMPTY_STATE, ordinary, nothing, boot, times, NOW);
  assert.equal(state.firmware?.seconds, 96.4);
  assert.equal(state.lastBoot?.savedSeconds, null);
  const { classification, aftermath } = after(arrivedBoot(), { state });
  const stale = { seconds: 11.4, firmwareSeconds: 3 };
  assert.equal(savedSeconds(classification, state, stale), 96.4);
  const outcome = outcomeOf(
    classification,
    state,
    arrivedBoot(),
    stale,
    { gaveBack: false, reason: null },
    NOW,
  );
  assert.deepEqual([outcome?.seconds, outcome?.savedSeconds, outcome?.verdict], [11.4, 96.4, "arrived"]);
  state = confirmBoot(state, classification, aftermath, arrivedBoot(), stale, NOW);
  assert.equal(state.firmware?.seconds, 96.4);
  assert.equal(state.totals.savedSeconds, 96.4);
});

test("a kernel that may have arrived is not barred, and counts towards the boot through the firmware", () => {
  const same: Partial<PreparedEvent> = {
    slot: { partition: 3, partuuid: USR_A, label: "USR-A" },
    triesBefore: 0,
    triesAfter: 0,
    kernelVersion: "6.12.95-flatcar",
  };
  const boot = firmwareBoot({ bootloaderType: null });
  const state = { ...EMPTY_STATE, consecutive: 2 };
  const { classification, aftermath } = after(boot, { over: same, state });
  assert.equal(classification.isCertain, false);
  assert.deepEqual([aftermath.giveBack, aftermath.quarantine], [null, null]);
  assert.equal(confirmBoot(state, classification, aftermath, boot, NO_TIMES, NOW).consecutive, 3);
});
