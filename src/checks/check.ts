/**
 * What a check is, what it is given, and how findings come to their levels.
 *
 * To add one: a file with `defineCheck`, a line in registry.ts, its id in lib/errors.ts, a row in
 * docs/checks.md, a test on a made host.
 *
 * @module
 */
import type { Config } from "../config/config.ts";
import type { Gpt, GptUnreadable } from "../gpt/read.ts";
import type { SlotState } from "../gpt/slot.ts";
import type { SpendPlan } from "../gpt/spend.ts";
import type { GrubDiagnostic, LinuxCommand } from "../grub/result.ts";
import type { BootDiskResult } from "../host/boot_disk.ts";
import type { HostFacts } from "../host/facts.ts";
import type { Host } from "../host/host.ts";
import type { MountFacts } from "../host/mount_check.ts";
import type { KernelIdentity } from "../kernel/identity.ts";
import type { KernelResult } from "../kernel/image.ts";
import type { PairingResult } from "../kernel/verity.ts";
import type { CheckId } from "../lib/errors.ts";
import type { Finding, Level } from "../lib/finding.ts";

/** What earlier kexecs mean for the next one. */
export interface KexecHistory {
  /** Kexecs in a row that led to the running system; 0 after a boot through the firmware. */
  readonly consecutive: number;
  /** Kernels that did not arrive and are not to be started by kexec again. */
  readonly quarantined: readonly QuarantinedKernel[];
}

export interface QuarantinedKernel extends KernelIdentity {
  /** A sentence. */
  readonly reason: string;
  /** ISO 8601, UTC. */
  readonly at: string;
}

/** How the running boot compares with what the same code makes of it. */
export type ParityVerdict =
  | { readonly verdict: "match" }
  | {
    readonly verdict: "mismatch";
    readonly differences: readonly { readonly kind: "missing" | "unexpected"; readonly text: string }[];
    readonly cause: string;
  }
  | { readonly verdict: "unknown"; readonly reason: string };

/** All that a check may look at: what the plan has worked out, and the host for the rest. */
export interface CheckInput {
  readonly host: Host;
  readonly facts: HostFacts;
  readonly config: Config;
  readonly disk: {
    readonly found: BootDiskResult;
    /** Why the disk could not be opened, null if it could. */
    readonly failure: string | null;
    readonly gpt: Pick<Gpt, "ok" | "reasons" | "readError"> | GptUnreadable | null;
    readonly slots: readonly SlotState[];
    /** Why GRUB gives up on the table before it looks for a slot; null or absent where it does not. */
    readonly repairFault?: string | null;
  };
  /** Null where there is no boot disk. */
  readonly mounts: MountFacts | null;
  /** The slot that would be booted, null if none was come to. */
  readonly slot: (SlotState & { readonly gptWrite: boolean }) | null;
  /** What taking its try would write; null or absent where no try is to be taken. */
  readonly spend?: SpendPlan | null;
  /** The slot that GRUB's counters choose. */
  readonly next: SlotState | null;
  /** PARTUUID of the running slot; null if the disk does not hold it, or it is not known. */
  readonly running: string | null;
  /** GRUB's own configuration. */
  readonly main: { readonly ok: true; readonly path: string } | {
    readonly ok: false;
    readonly message: string;
  };
  /** What running it came to, null if it could not be run. */
  readonly grub: {
    readonly linux: Pick<LinuxCommand, "kernel" | "device" | "origin"> | null;
    readonly diagnostics: readonly GrubDiagnostic[];
  } | null;
  /** Host path of the kernel, null if GRUB's lies nowhere that is known. */
  readonly kernelFile: string | null;
  readonly kernel: KernelResult | null;
  /** The line that would be passed, with all changes. */
  readonly cmdline: string | null;
  /** The line that GRUB itself would pass. */
  readonly grubCmdline: string | null;
  /** Words of the planned line that are not GRUB's. */
  readonly addedWords: readonly string[];
  /** Null where there was nothing to compare. */
  readonly pairing: PairingResult | null;
  readonly parity: ParityVerdict;
  readonly syscall: "file" | "load";
  readonly history: KexecHistory;
  /** What plugins found. */
  readonly plugins: readonly Finding[];
  /** What was planned when the loaded kernel was loaded; null if none of ours is. */
  readonly loaded?: {
    readonly slot: { readonly label: string; readonly partuuid: string };
    readonly firstBoot: boolean;
  } | null;
}

/** Something that a check looks at and that not every host gives: whether it is there, and what to say if not. */
interface Matter {
  readonly isGiven: (input: CheckInput) => boolean;
  readonly absence: string;
}

const MATTERS = {
  disk: { isGiven: ({ disk }) => disk.found.ok, absence: "no boot disk was found" },
  table: { isGiven: ({ disk }) => disk.gpt?.ok === true, absence: "the partition table cannot be read" },
  slots: { isGiven: ({ disk }) => disk.slots.length > 0, absence: "no slots were found" },
  running: {
    isGiven: ({ disk, running }) => disk.slots.some(({ partuuid }) => partuuid === running),
    absence: "the running slot is not on this disk",
  },
  kernelPath: {
    isGiven: ({ kernel }) => kernel !== null,
    absence: "GRUB's configuration comes to no kernel",
  },
  kernelFile: {
    isGiven: ({ kernel }) => kernel !== null && (kernel.ok || kernel.id !== "kernel-missing"),
    absence: "there is no kernel to read",
  },
  kernel: { isGiven: ({ kernel }) => kernel?.ok === true, absence: "there is no kernel that can be used" },
  cmdline: { isGiven: ({ cmdline }) => cmdline !== null, absence: "there is no command line" },
  mounts: { isGiven: ({ mounts }) => mounts !== null, absence: "no boot disk was found" },
  pairing: { isGiven: ({ pairing }) => pairing !== null, absence: "there are no hashes to compare" },
  parity: {
    isGiven: ({ parity }) => parity.verdict !== "unknown",
    absence: "there is nothing to compare the running boot with",
  },
  loaded: { isGiven: ({ loaded }) => (loaded ?? null) !== null, absence: "no kernel of ours is loaded" },
} as const satisfies Readonly<Record<string, Matter>>;

export type MatterName = keyof typeof MATTERS;

export interface Check {
  readonly id: CheckId;
  /** Protects data: cannot be lowered or switched off. */
  readonly protects: boolean;
  /** Of its main finding; a check may also find lesser things. */
  readonly defaultLevel: Level;
  /** A few words: what is wrong if it finds something. */
  readonly title: string;
  /** What it looks at, for people. */
  readonly reads: string;
  /** What has to be given for silence to mean that all is well. */
  readonly needs: readonly MatterName[];
  run(input: CheckInput): readonly Finding[];
}

/** A finding as its check writes it. */
export interface Complaint {
  /** A sentence with the values in it. */
  readonly message: string;
  /** What to do about it. */
  readonly hint: string | null;
  /** What was looked at. */
  readonly origin?: string;
  /** Where it is not the check's default. */
  readonly level?: Level;
}

export interface CheckDefinition extends Omit<Check, "run" | "protects" | "needs"> {
  readonly protects?: true;
  readonly needs?: readonly MatterName[];
  /** Null or none: nothing to complain of. */
  examine(input: CheckInput): Complaint | readonly Complaint[] | null;
}

function isList(value: Complaint | readonly Complaint[]): value is readonly Complaint[] {
  return Array.isArray(value);
}

export function defineCheck(definition: CheckDefinition): Check {
  const { examine, protects, needs, ...rest } = definition;
  return {
    ...rest,
    protects: protects === true,
    needs: needs ?? [],
    run(input) {
      const found = examine(input);
      const complaints = found === null ? [] : isList(found) ? found : [found];
      return complaints.map(({ message, hint, origin, level }) => ({
        id: rest.id,
        level: level ?? rest.defaultLevel,
        message,
        origin: origin ?? null,
        hint,
      }));
    },
  };
}

/**
 * A check's findings with the levels that the administrator chose. Those that protect data may be raised, never
 * lowered. A finding of level `info` states a fact: it can be switched off, but not be made a complaint.
 */
export function applyLevels(
  check: Pick<Check, "id" | "protects">,
  findings: readonly Finding[],
  config: Pick<Config, "checks">,
  allow: readonly CheckId[],
): readonly Finding[] {
  const chosen = config.checks[check.id];
  if (chosen === "off" && !check.protects) return [];
  return findings.map((finding) => {
    if (finding.level === "info") return finding;
    const raised = chosen === "refuse" && finding.level === "warn";
    const lowered = !check.protects && (chosen === "warn" || chosen === "info");
    const level = raised || (lowered && chosen !== undefined) ? chosen : finding.level;
    const isAllowed = level === "refuse" && !check.protects && allow.includes(check.id);
    return { ...finding, level: isAllowed ? "warn" : level };
  });
}

/** What a check came to. */
export type CheckOutcome =
  /** Without findings: it looked, and nothing is wrong. */
  | { readonly id: CheckId; readonly kind: "examined"; readonly findings: readonly Finding[] }
  /** It had nothing to look at; `absence` says what was missing, in a few words. */
  | { readonly id: CheckId; readonly kind: "skipped"; readonly absence: string }
  /** Switched off by the configuration. */
  | { readonly id: CheckId; readonly kind: "off" };

/** Run the checks, in their order; what plugins found stands with the check of the same id. */
export function runChecks(
  checks: readonly Check[],
  input: CheckInput,
  allow: readonly CheckId[],
): readonly CheckOutcome[] {
  return checks.map((check) => {
    const { id } = check;
    // A check that is switched off need not look.
    if (input.config.checks[id] === "off" && !check.protects) return { id, kind: "off" };
    const found = [...check.run(input), ...input.plugins.filter((finding) => finding.id === id)];
    const missing = check.needs.find((name) => !MATTERS[name].isGiven(input));
    if (found.length === 0 && missing !== undefined) {
      return { id, kind: "skipped", absence: MATTERS[missing].absence };
    }
    return { id, kind: "examined", findings: applyLevels(check, found, input.config, allow) };
  });
}

export function findingsOf(outcomes: readonly CheckOutcome[]): readonly Finding[] {
  return outcomes.flatMap((outcome) => outcome.kind === "examined" ? outcome.findings : []);
}
