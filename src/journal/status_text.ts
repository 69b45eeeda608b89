/**
 * `status` on one screen: what the next reboot is, how this boot came about, the slots, what was tried.
 *
 * @module
 */
import { printable } from "../lib/printable.ts";
import type { SlotState } from "../gpt/slot.ts";
import type { Attempt, AttemptLog } from "./attempt.ts";
import type { LoadRecord } from "./load_record.ts";
import type { State } from "./state.ts";
import type { ColdRequest } from "./store.ts";

export interface StatusView {
  readonly bootId: string | null;
  /** Whose kernel is loaded. */
  readonly loaded:
    | { readonly kind: "nothing" }
    | { readonly kind: "ours"; readonly record: LoadRecord }
    | { readonly kind: "damaged" }
    | { readonly kind: "foreign" };
  readonly cold: ColdRequest | null;
  readonly state: State;
  readonly log: AttemptLog;
  /** Slots of the partition table, null if it cannot be read. */
  readonly slots: readonly (SlotState & { readonly running: boolean; readonly next: boolean })[] | null;
  /** Setting; 0 sets no limit. */
  readonly maxConsecutive: number;
  /** Whether `enable` was run. */
  readonly enabled: boolean;
  /** Sentences about state that could not be trusted. */
  readonly problems: readonly string[];
}

/** Attempts that are shown. */
const SHOWN = 5;

export function statusText(view: StatusView): string {
  const sections = [
    [...nextReboot(view), ...thisBoot(view)],
    slotLines(view),
    attemptLines(view.log.attempts),
    quarantineLines(view.state),
    view.problems.map((problem) => `! ${problem}`),
  ];
  return sections.filter((lines) => lines.length > 0).map((lines) =>
    lines.map((line) => `${printable(line)}\n`).join("")
  ).join("\n");
}

function nextReboot(view: StatusView): readonly string[] {
  const { loaded, cold } = view;
  if (cold !== null) return [`The next reboot is an ordinary one: ${cold.reason} (${minute(cold.at)})`];
  switch (loaded.kind) {
    case "damaged":
      return [
        "A kernel is loaded whose record cannot be read: the next reboot drops it, and is an ordinary one",
        "  'flatcar-kexec load' loads it anew",
      ];
    case "foreign":
      return ["A kernel is loaded that is not ours: the next reboot may go to it by kexec"];
    case "ours": {
      const { record } = loaded;
      return [
        `Kernel ${record.kernel.version ?? record.kernel.path} (${record.slot.label}) is loaded: ` +
        "the next reboot is a kexec",
        `  loaded ${minute(record.loadedAt)}, attempt ${record.id}, ${trySentence(record)}`,
        ...record.warnings.map((warning) => `  warning: ${warning}`),
      ];
    }
    case "nothing":
      return ["No kernel is loaded: the next reboot is an ordinary one", ...whyNothing(view)];
  }
}

function trySentence({ tries, slot }: LoadRecord): string {
  if (!slot.gptWrite) return "no try is taken: the slot has none left to take and is marked good";
  if (tries === "keep") return `its tries (${slot.tries}) are left to GRUB`;
  return slot.tries === 1 ? "it takes the slot's only try" : `it takes one of ${slot.tries} tries`;
}

function whyNothing(view: StatusView): readonly string[] {
  const skip = view.log.skips.filter((skip) => skip.bootId === view.bootId).at(-1);
  const { consecutive } = view.state;
  return [
    ...(skip === undefined ? [] : [`  skipped: ${skip.reason} (${minute(skip.at)})`]),
    ...(view.maxConsecutive > 0 && consecutive >= view.maxConsecutive
      ? [
        `  ${consecutive} kexecs in a row, the limit is ${view.maxConsecutive}: a boot through the firmware is due`,
      ]
      : []),
    ...(view.enabled
      ? []
      : ["  the systemd integration is not installed: see 'flatcar-kexec enable --dry-run'"]),
  ];
}

function thisBoot({ bootId, state }: StatusView): readonly string[] {
  const boot = state.lastBoot;
  if (boot === null || boot.bootId !== bootId) {
    return ["This boot is not confirmed yet: 'flatcar-kexec confirm' does it"];
  }
  const took = boot.seconds === null ? "" : `, ${seconds(boot.seconds)}`;
  const saved = boot.savedSeconds === null ? "" : `, about ${Math.round(boot.savedSeconds)} s saved`;
  return [`${boot.sentence.charAt(0).toUpperCase()}${boot.sentence.slice(1)}${took}${saved}`];
}

function slotLines({ slots }: StatusView): readonly string[] {
  if (slots === null) return ["Slots: the partition table cannot be read"];
  const width = Math.max(0, ...slots.map((slot) => printable(slot.label).length));
  return [
    "Slots",
    ...slots.map((slot) => {
      const marks = [
        slot.priority === 0 ? "not bootable" : slot.successful ? "good" : "unproven",
        ...(slot.running ? ["running"] : []),
        ...(slot.next ? ["next"] : []),
      ];
      return `  ${printable(slot.label).padEnd(width)}  priority ${slot.priority}  tries ${slot.tries}  ${
        marks.join(", ")
      }`;
    }),
  ];
}

function attemptLines(attempts: readonly Attempt[]): readonly string[] {
  if (attempts.length === 0) return [];
  return [
    "Last kexecs",
    ...attempts.slice(-SHOWN).reverse().flatMap((attempt) => {
      const kernel = `${attempt.kernelVersion ?? "unknown kernel"} (${attempt.slot.label})`;
      const { outcome } = attempt;
      const why = outcome === null || outcome.gaveBack ? null : outcome.reason ?? null;
      return [
        `  ${minute(attempt.at)}  ${kernel}  ${became(attempt)}`,
        ...(why === null ? [] : [`    ${why}`]),
      ];
    }),
  ];
}

function became({ outcome, abandoned, committedAt }: Attempt): string {
  if (outcome !== null) {
    const took = outcome.seconds === null ? "" : `, ${seconds(outcome.seconds)}`;
    const back = outcome.gaveBack ? ", its try was given back" : "";
    return `${outcome.verdict.replace("-", " ")}${took}${back}`;
  }
  if (abandoned !== null) return `given up: ${abandoned}`;
  return committedAt === null ? "begun" : "committed, no word of it since";
}

function quarantineLines({ quarantined }: State): readonly string[] {
  if (quarantined.length === 0) return [];
  return [
    "In quarantine: started through the firmware only",
    ...quarantined.map((entry) =>
      `  ${entry.kernelVersion ?? entry.usrhash ?? entry.partuuid}  since ${
        minute(entry.at)
      }: ${entry.reason}`
    ),
  ];
}

/** `2026-11-23 09:58 UTC` */
function minute(at: string): string {
  return `${at.slice(0, 16).replace("T", " ")} UTC`;
}

function seconds(value: number): string {
  return `${value.toFixed(1)} s`;
}
