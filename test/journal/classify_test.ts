import assert from "node:assert/strict";
import { test } from "node:test";
import { type AttemptEvent, foldEvents, openAttempt, type PreparedEvent } from "../../src/journal/attempt.ts";
import { type BootFacts, cameByKexec, classifyBoot } from "../../src/journal/classify.ts";
import type { SlotState } from "../../src/gpt/slot.ts";
import { markerOf } from "../../src/kernel/marker.ts";
import { EMPTY_STATE, type State } from "../../src/journal/state.ts";
import {
  arrivedBoot,
  firmwareBoot,
  NEW_KERNEL,
  OLD_KERNEL,
  prepared,
  slotA,
  slotB,
  USR_A,
  USR_B,
} from "./samples.ts";

const committed: AttemptEvent = { event: "committed", id: "attempt-1", at: "2026-11-23T09:58:01.000Z" };
const done = [prepared(), committed];

const verdictOf = (events: readonly AttemptEvent[], facts: BootFacts, state: State = EMPTY_STATE) => {
  const { verdict, sentence } = classifyBoot(foldEvents(events), state, facts);
  return { verdict, sentence };
};

test("a boot that carries the attempt's mark in the planned slot has arrived", () => {
  assert.deepEqual(verdictOf(done, arrivedBoot()), {
    verdict: "arrived",
    sentence: `this boot came by kexec: kernel ${NEW_KERNEL} (USR-B)`,
  });
});

test("without the mark, the boot loader type tells on x86", () => {
  const boot = arrivedBoot({ cmdline: "BOOT_IMAGE=/flatcar/vmlinuz-b" });
  assert.equal(verdictOf(done, boot).verdict, "arrived");
  assert.equal(verdictOf(done, { ...boot, bootloaderType: 0x72 }).verdict, "fell-back");
});

test("the boot loader type is believed over a mark that somebody put into grub.cfg", () => {
  assert.equal(verdictOf(done, arrivedBoot({ bootloaderType: 0x72 })).verdict, "fell-back");
});

test("on arm64 the mark alone tells", () => {
  assert.equal(verdictOf(done, arrivedBoot({ bootloaderType: null })).verdict, "arrived");
  assert.equal(verdictOf(done, firmwareBoot({ bootloaderType: null })).verdict, "fell-back");
});

test("on arm64 without the mark, a spent slot that runs all the same can only have come by kexec", () => {
  const boot = arrivedBoot({ bootloaderType: null, cmdline: "BOOT_IMAGE=/flatcar/vmlinuz-b" });
  assert.equal(verdictOf(done, boot).verdict, "arrived");
});

test("on arm64 without the mark, a boot of what was planned is not said to have fallen back where nothing tells", () => {
  const boot = arrivedBoot({ bootloaderType: null, cmdline: "BOOT_IMAGE=/flatcar/vmlinuz-b" });
  const classify = (b: Partial<SlotState>, over: Partial<PreparedEvent> = {}) => {
    const facts = { ...boot, slots: [slotA(), slotB(b)] };
    const { verdict, isCertain } = classifyBoot(foldEvents([prepared(over), committed]), EMPTY_STATE, facts);
    return [verdict, isCertain];
  };
  const keep = { tries: "keep", triesAfter: 1 } as const;
  assert.deepEqual(classify({ successful: true }), ["ordinary", false], "marked good since");
  assert.deepEqual(classify({ tries: 1 }, keep), ["arrived", true], "GRUB would have taken it");
  assert.deepEqual(classify({ tries: 0 }, keep), ["fell-back", true], "GRUB has taken it");
  assert.deepEqual(classify({ tries: 1 }), ["ordinary", false], "somebody has raised it");
  assert.deepEqual(
    classify({ successful: true }, { cmdline: "a flatcar.kexec=attempt-1" }),
    ["fell-back", true],
    "a kexec would have carried its mark",
  );
  const cut = classifyBoot(foldEvents([prepared()]), EMPTY_STATE, boot);
  assert.deepEqual(
    [cut.verdict, cut.isCertain],
    ["ordinary", false],
    "whether the write was made is not known",
  );
});

test("a kexec into another slot or kernel has arrived elsewhere, and both are named", () => {
  const slot = verdictOf(done, arrivedBoot({ runningPartuuid: USR_A, kernelRelease: OLD_KERNEL }));
  assert.equal(slot.verdict, "arrived-elsewhere");
  assert.equal(
    slot.sentence,
    `this boot came by kexec, but to kernel ${OLD_KERNEL} (USR-A); planned was kernel ${NEW_KERNEL} (USR-B)`,
  );
  assert.equal(verdictOf(done, arrivedBoot({ kernelRelease: "6.6.1" })).verdict, "arrived-elsewhere");
});

test("a kexec with another attempt's mark has arrived elsewhere", () => {
  const boot = arrivedBoot({ cmdline: "flatcar.kexec=attempt-0" });
  assert.equal(verdictOf(done, boot).verdict, "arrived-elsewhere");
});

test("a committed kexec that is followed by a boot through the firmware fell back", () => {
  assert.deepEqual(verdictOf(done, firmwareBoot()), {
    verdict: "fell-back",
    sentence: `the kexec to kernel ${NEW_KERNEL} (USR-B) did not arrive; ` +
      `this boot came through the firmware: kernel ${OLD_KERNEL} (USR-A)`,
  });
});

test("it fell back as well when the firmware booted the planned slot", () => {
  const boot = firmwareBoot({ runningPartuuid: USR_B, kernelRelease: NEW_KERNEL });
  assert.equal(verdictOf(done, boot).verdict, "fell-back");
});

test("a power cut in the middle of commit is told apart from a jump that failed", () => {
  const { verdict, sentence } = verdictOf([prepared()], firmwareBoot());
  assert.equal(verdict, "fell-back");
  assert.match(sentence, /was cut short before the jump/);
});

test("a kexec that commit gave up is an ordinary reboot, with the reason", () => {
  const abandoned: AttemptEvent = {
    event: "abandoned",
    id: "attempt-1",
    at: committed.at,
    reason: "disk full",
  };
  assert.deepEqual(verdictOf([prepared(), abandoned], firmwareBoot()), {
    verdict: "ordinary",
    sentence: "this boot came through the firmware: the kexec was given up: disk full",
  });
});

test("a boot without an attempt is ordinary, and says why the last boot skipped the kexec", () => {
  const skipped: AttemptEvent = {
    event: "skipped",
    id: null,
    at: committed.at,
    bootId: "boot-1",
    stage: "load",
    checks: ["secure-boot"],
    reason: "Secure Boot is on",
  };
  assert.equal(verdictOf([], firmwareBoot()).sentence, "this boot came through the firmware");
  const lastBoot = {
    bootId: "boot-1",
    verdict: "ordinary",
    attempt: null,
    sentence: "",
    at: committed.at,
    seconds: null,
    savedSeconds: null,
  } as const;
  const state = { ...EMPTY_STATE, lastBoot };
  assert.equal(
    verdictOf([skipped], firmwareBoot(), state).sentence,
    "this boot came through the firmware: the kexec was skipped: Secure Boot is on",
  );
  const older = { ...EMPTY_STATE, lastBoot: { ...lastBoot, bootId: "boot-0" } };
  assert.equal(verdictOf([skipped], firmwareBoot(), older).sentence, "this boot came through the firmware");
});

test("somebody else's kexec is said to be one, even with the mark of a closed attempt", () => {
  const { verdict, sentence } = verdictOf([], arrivedBoot({ cmdline: "quiet" }));
  assert.equal(verdict, "arrived-elsewhere");
  assert.match(sentence, /not one of flatcar-kexec/);
  const closed: AttemptEvent = {
    event: "outcome",
    id: "attempt-1",
    at: committed.at,
    bootId: "boot-2",
    verdict: "arrived",
    sentence: "",
    seconds: null,
    savedSeconds: null,
    gaveBack: false,
  };
  const again = verdictOf([...done, closed], arrivedBoot({ bootId: "boot-3" }));
  assert.equal(again.verdict, "arrived-elsewhere");
  assert.match(again.sentence, /not one of flatcar-kexec/);
  assert.match(verdictOf([], arrivedBoot()).sentence, /its mark is attempt-1, of which nothing is recorded/);
});

test("a boot is confirmed once, and an attempt of this very boot has not had its reboot yet", () => {
  const lastBoot = {
    bootId: "boot-2",
    verdict: "arrived",
    attempt: "attempt-1",
    sentence: "this boot came by kexec",
    at: committed.at,
    seconds: 11,
    savedSeconds: 90,
  } as const;
  assert.deepEqual(verdictOf(done, arrivedBoot(), { ...EMPTY_STATE, lastBoot }), {
    verdict: "none",
    sentence: "this boot came by kexec",
  });
  assert.equal(verdictOf(done, firmwareBoot({ bootId: "boot-1" })).verdict, "none");
});

test("an attempt that is prepared again is the newest", () => {
  const again = [prepared(), prepared({ id: "attempt-0" }), prepared(), committed];
  assert.equal(openAttempt(foldEvents(again))?.id, "attempt-1");
  assert.equal(verdictOf(again, arrivedBoot()).verdict, "arrived");
});

test("an attempt that the state has judged is not judged again by the boot after it", () => {
  const boot = firmwareBoot({ bootId: "boot-3" });
  assert.equal(verdictOf(done, boot, { ...EMPTY_STATE, judged: "attempt-1" }).verdict, "ordinary");
  assert.equal(verdictOf(done, boot).verdict, "fell-back");
});

test("the last mark on a command line counts", () => {
  assert.equal(markerOf("a flatcar.kexec=1 b flatcar.kexec=2"), "2");
  assert.equal(markerOf("xflatcar.kexec=1 flatcar.kexecx=1"), null);
});

test("a boot loader type of 0 or an absent one tells nothing", () => {
  assert.equal(cameByKexec(firmwareBoot({ bootloaderType: 0 })), null);
  assert.equal(cameByKexec(firmwareBoot({ bootloaderType: null })), null);
  assert.equal(cameByKexec(firmwareBoot({ bootloaderType: 0xb0 })), false);
  assert.equal(cameByKexec(firmwareBoot({ bootloaderType: 0xd1 })), true);
});
