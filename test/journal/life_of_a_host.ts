/**
 * Whole lives of hosts, at random: updates good and bad, kexecs that arrive or do not, power cuts at every step of
 * commit and confirm. GRUB, update-engine and the hardware are played by a model; the log, the classification and
 * what follows from it are the real code.
 */
import assert from "node:assert/strict";
import { type Attempt, type AttemptEvent, foldEvents } from "../../src/journal/attempt.ts";
import {
  confirmBoot,
  decideAftermath,
  decideOwed,
  noteGivenBack,
  noteOwed,
  outcomeOf,
} from "../../src/journal/aftermath.ts";
import { type BootFacts, classifyBoot } from "../../src/journal/classify.ts";
import { MARKER_KEY } from "../../src/kernel/marker.ts";
import { quarantined } from "../../src/checks/quarantined.ts";
import { tooManyKexecs } from "../../src/checks/too_many_kexecs.ts";
import { DEFAULT_CONFIG } from "../../src/config/config.ts";
import { goodInput } from "../support/check_input.ts";
import { EMPTY_STATE, parseState, serializeState, type State } from "../../src/journal/state.ts";
import { checkedKernel, NOW, USR_A, USR_B } from "./samples.ts";

export interface Image {
  readonly version: string;
  /** Boots when GRUB starts it. */
  readonly good: boolean;
  /** Boots when kexec starts it. */
  readonly arrives: boolean;
}

export interface Slot {
  readonly partition: number;
  readonly partuuid: string;
  readonly label: string;
  priority: number;
  tries: number;
  successful: boolean;
  image: Image;
}

export type Action =
  | { readonly kind: "update"; readonly good: boolean; readonly arrives: boolean }
  | {
    readonly kind: "reboot";
    readonly kexec: boolean;
    /** Step of commit after which the power goes, and of confirm; none if beyond the last. */
    readonly cutCommit: number;
    readonly cutConfirm: number;
    /** Whether the host stays up until update-engine has marked the slot good. */
    readonly stays: boolean;
    readonly tries: "spend" | "keep";
    readonly marker: boolean;
    /** Whether somebody else has locked the disk when confirm wants to give a try back. */
    readonly held: boolean;
  };

/** Why an update may be lost without kexec being to blame. */
export type Excuse = "not marked good in time" | "cut while giving back" | "disk held" | null;

export const MAX_CONSECUTIVE = 3;

class PowerCut extends Error {}

export class LifeOfAHost {
  readonly slots: readonly [Slot, Slot];
  state: State = EMPTY_STATE;
  events: AttemptEvent[] = [];
  running: Slot;
  bootId = "boot-0";
  byKexec = false;
  cmdline = "";
  staged = false;
  excuse: Excuse = null;
  /** Starts of the newest image, by who started it. */
  starts = { firmware: 0, kexec: 0 };
  givenBack = 0;
  #boots = 0;
  #versions = 0;

  readonly #outcomeFirst: boolean;

  /** @param outcomeFirst Whether confirm closes the attempt before it writes the state: it must not matter. */
  constructor(outcomeFirst: boolean) {
    this.#outcomeFirst = outcomeFirst;
    const old: Image = { version: "6.0", good: true, arrives: true };
    this.slots = [
      { partition: 3, partuuid: USR_A, label: "USR-A", priority: 1, tries: 0, successful: true, image: old },
      { partition: 4, partuuid: USR_B, label: "USR-B", priority: 0, tries: 0, successful: false, image: old },
    ];
    this.running = this.slots[0];
  }

  act(action: Action): void {
    if (action.kind === "update") return this.#update(action);
    if (action.kexec && this.#mayKexec()) this.#kexec(action);
    else this.#firmware();
    this.#afterBoot(action.cutConfirm, action.held);
    if (action.stays) this.#updateEngine();
    else if (!this.running.successful) this.excuse = "not marked good in time";
  }

  newest(): Slot {
    return this.running === this.slots[0] ? this.slots[1] : this.slots[0];
  }

  /** flatcar-postinst, once the running slot is marked good. */
  #update({ good, arrives }: { readonly good: boolean; readonly arrives: boolean }): void {
    if (!this.running.successful || this.staged) return;
    const slot = this.newest();
    slot.image = { version: `6.${++this.#versions}`, good, arrives: good && arrives };
    slot.successful = false;
    slot.tries = 1;
    this.#prioritize(slot);
    this.staged = true;
    this.starts = { firmware: 0, kexec: 0 };
    this.givenBack = 0;
    this.excuse = null;
  }

  #prioritize(slot: Slot): void {
    for (const other of this.slots) {
      if (other !== slot && other.priority > 0) other.priority = 1;
    }
    slot.priority = 2;
  }

  /** flatcar-setgoodroot, 45 s after update-engine starts; not while an update waits for its reboot. */
  #updateEngine(): void {
    if (this.staged) return;
    this.running.successful = true;
    this.running.tries = 0;
    this.#prioritize(this.running);
  }

  #next(): Slot {
    const candidates = this.slots.filter((slot) => slot.priority > 0 && (slot.tries > 0 || slot.successful));
    const [first] = candidates.sort((a, b) => b.priority - a.priority || a.partition - b.partition);
    assert.ok(first !== undefined, "no slot is bootable: GRUB waits for a key, forever");
    return first;
  }

  /** The checks boot-not-confirmed, quarantined and too-many-kexecs. */
  #mayKexec(): boolean {
    const { image, partuuid } = this.#next();
    const input = goodInput({
      ...checkedKernel({ kernelVersion: image.version, usrhash: null, partuuid }),
      config: { ...DEFAULT_CONFIG, maxConsecutive: MAX_CONSECUTIVE },
      history: this.state,
    });
    return this.running.successful &&
      [quarantined, tooManyKexecs].every((check) => check.run(input).length === 0);
  }

  #kexec({ cutCommit, tries, marker }: Action & { readonly kind: "reboot" }): void {
    const slot = this.#next();
    const id = `attempt-${this.#boots}`;
    const spends = tries === "spend" && slot.tries > 0;
    const steps = [
      () =>
        this.events.push({
          event: "prepared",
          id,
          at: NOW.toISOString(),
          bootId: this.bootId,
          tries,
          slot: { partition: slot.partition, partuuid: slot.partuuid, label: slot.label },
          triesBefore: slot.tries,
          triesAfter: spends ? slot.tries - 1 : slot.tries,
          kernelVersion: slot.image.version,
          usrhash: null,
          cmdline: null,
          from: { partuuid: this.running.partuuid, kernelRelease: this.running.image.version },
        }),
      () => {
        if (spends) slot.tries--;
      },
      () => this.events.push({ event: "committed", id, at: NOW.toISOString() }),
    ];
    for (const [index, step] of steps.entries()) {
      if (index === cutCommit) return this.#firmware();
      step();
    }
    if (cutCommit === steps.length) return this.#firmware();
    this.starts.kexec++;
    if (!slot.image.arrives) return this.#firmware();
    this.#arrive(slot, true, marker ? `${MARKER_KEY}=${id}` : "");
  }

  /** GRUB, and the hardware that resets whatever does not come up. */
  #firmware(): void {
    for (let power = 0;; power++) {
      assert.ok(power < 5, "the machine resets for ever");
      const slot = this.#next();
      if (slot.tries > 0) slot.tries--;
      this.starts.firmware++;
      if (slot.image.good) return this.#arrive(slot, false, "");
    }
  }

  #arrive(slot: Slot, byKexec: boolean, cmdline: string): void {
    this.running = slot;
    this.byKexec = byKexec;
    this.cmdline = cmdline;
    this.bootId = `boot-${++this.#boots}`;
    this.staged = false;
  }

  /** confirm; a power cut in it leads to a boot through the firmware, and to confirm again. */
  #afterBoot(cut: number, held: boolean): void {
    try {
      this.#confirm(cut, held);
    } catch (error) {
      if (!(error instanceof PowerCut)) throw error;
      if (!this.running.successful) this.excuse = "not marked good in time";
      this.#firmware();
      this.#confirm(Infinity, held);
    }
  }

  #confirm(cut: number, held: boolean): void {
    let steps = 0;
    const step = (action: () => void): void => {
      if (steps++ === cut) throw new PowerCut();
      action();
    };
    const facts: BootFacts = {
      bootId: this.bootId,
      cmdline: this.cmdline,
      runningPartuuid: this.running.partuuid,
      kernelRelease: this.running.image.version,
      bootloaderType: this.byKexec ? 0xd0 : 0x72,
      slots: this.slots.map(({ image: _, ...slot }) => slot),
    };
    const classification = classifyBoot(foldEvents(this.events), this.state, facts);
    assert.notEqual(classification.verdict, "none");
    assert.equal(classification.verdict.startsWith("arrived"), this.byKexec, classification.sentence);
    const aftermath = decideAftermath(classification, this.state, facts, NOW);
    const times = { seconds: null, firmwareSeconds: 1 };
    let state = this.state;
    const owed = decideOwed(foldEvents(this.events), state, facts);
    const due = classification.attempt !== null && aftermath.giveBack !== null
      ? { attempt: classification.attempt, giveBack: aftermath.giveBack }
      : owed !== null && this.#holds(owed.attempt)
      ? owed
      : null;
    let gaveBack = false;
    if (due !== null && due.giveBack !== null) {
      const { attempt, giveBack: { partuuid } } = due;
      if (held) {
        this.excuse = "disk held";
        state = noteOwed(state, attempt, this.bootId);
      } else {
        step(() => this.#write(state = noteGivenBack(state, attempt, NOW)));
        if (steps === cut) this.excuse = "cut while giving back";
        step(() => this.#giveBack(partuuid));
        if (steps === cut) this.excuse = "cut while giving back";
        step(() => this.staged = true);
        gaveBack = true;
      }
    } else if (state.owedTry !== null) state = { ...state, owedTry: null };
    const outcome = outcomeOf(classification, state, facts, times, {
      gaveBack,
      reason: aftermath.reason,
    }, NOW);
    const confirmed = confirmBoot(state, classification, aftermath, facts, times, NOW);
    const writes = [
      () => this.#write(confirmed),
      () => {
        if (outcome !== null) this.events.push(outcome);
      },
    ];
    for (const write of this.#outcomeFirst ? writes.reverse() : writes) step(write);
  }

  /** Whether the slot still has the image that an attempt was about, as the root hash of its /usr tells. */
  #holds({ slot: { partuuid }, kernelVersion }: Attempt): boolean {
    return this.slots.some((slot) => slot.partuuid === partuuid && slot.image.version === kernelVersion);
  }

  #giveBack(partuuid: string): void {
    const slot = this.slots.find((slot) => slot.partuuid === partuuid);
    assert.ok(slot !== undefined && slot !== this.running);
    assert.deepEqual([slot.tries, slot.successful], [0, false]);
    slot.tries = 1;
    this.givenBack++;
    assert.equal(this.givenBack, 1, "a try goes back once for a kernel");
  }

  #write(state: State): void {
    const text = serializeState(state);
    const parsed = parseState("state.json", text);
    assert.ok(parsed.ok && text.length < 20_000);
    this.state = parsed.value;
  }
}
