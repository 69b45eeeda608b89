/**
 * The Plan: everything a kexec would do and why, as plain data. Its JSON form is the stable contract of
 * `plan --json` (version 1): fields may be added, never changed.
 *
 * @module
 */
import type { CheckId } from "../lib/errors.ts";
import type { GrubDiagnostic } from "../grub/result.ts";
import type { PlannedAction } from "../plugin/quiesce.ts";
import type { PluginReport } from "../plugin/report.ts";
import type { SlotState } from "../gpt/slot.ts";
import type { Finding } from "../lib/finding.ts";

export interface PlannedSlot extends SlotState {
  /** Tries left once GRUB, or commit, has taken one. */
  readonly triesAfter: number;
  /** Whether taking the try writes to the disk: false when no tries are left to take. */
  readonly gptWrite: boolean;
  /** Whether the running system uses this slot's /usr. */
  readonly running: boolean;
}

export interface PlannedKernel {
  /** Path as GRUB names it: `/flatcar/vmlinuz-b`. */
  readonly path: string;
  /** Path on the host: `/boot/flatcar/vmlinuz-b`. */
  readonly file: string;
  readonly format: "bzImage" | "Image";
  /** First word of the kernel's own version string, null if it has none. */
  readonly version: string | null;
  /** Bytes. */
  readonly size: number;
  /** dm-verity root hash of the slot's /usr, 64 lower-case hex digits, null if the image carries none. */
  readonly usrhash: string | null;
}

export interface PlannedToken {
  readonly text: string;
  /** `grub.cfg:76`, `oem/grub.cfg:3`, `plugin:NAME`, `kernel`, `config` or `marker`. */
  readonly origin: string;
}

export interface PlannedGrub {
  readonly platform: "pc" | "efi" | "xen";
  readonly cpu: "i386" | "x86_64" | "arm64";
  readonly entry: string | null;
  /** What GRUB itself would pass, before plugins, config and marker. */
  readonly cmdline: string | null;
  /** Where the main configuration was read. */
  readonly config: string | null;
  readonly oemConfig: string | null;
  readonly diagnostics: readonly GrubDiagnostic[];
}

export interface Plan {
  readonly version: 1;
  readonly tool: { readonly name: "flatcar-kexec"; readonly version: string };
  readonly decision: "kexec" | "refuse";
  readonly slot: PlannedSlot | null;
  readonly slots: readonly PlannedSlot[];
  readonly kernel: PlannedKernel | null;
  /** Host paths of initial RAM disks, in order; only a plugin adds one. */
  readonly initrds: readonly string[];
  /** Host path of a device tree blob that a plugin gave, else null: the running one is handed on. */
  readonly deviceTree: string | null;
  readonly cmdline: string | null;
  readonly tokens: readonly PlannedToken[];
  readonly grub: PlannedGrub;
  readonly firstBoot: boolean;
  readonly oem: { readonly id: string | null };
  readonly plugins: readonly PluginReport[];
  /** What commit puts at rest before the jump, in order. */
  readonly quiesce: readonly PlannedAction[];
  readonly findings: readonly Finding[];
}

/** The findings that refuse, in the plan's order. */
export function refusingFindings(plan: Plan): readonly Finding[] {
  return plan.findings.filter((finding) => finding.level === "refuse");
}

/** Their ids. */
export function refusals(plan: Plan): readonly CheckId[] {
  return refusingFindings(plan).map((finding) => finding.id);
}
