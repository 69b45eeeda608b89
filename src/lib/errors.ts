/**
 * The one error class, the stable ids of everything that can stop a kexec, and the exit code of each.
 *
 * @module
 */

/** Ids of the checks. They are part of the interface: never rename one. */
export const CHECK_IDS = [
  "arm64-no-cpu-hotplug",
  "boot-not-confirmed",
  "cmdline-too-long",
  "confidential-vm",
  "config-not-understood",
  "firmware-request-pending",
  "first-boot-changed",
  "foreign-kernel-loaded",
  "gpt-invalid",
  "gpu-driver",
  "kernel-format",
  "kernel-missing",
  "kexec-disabled",
  "kexec-tools-2.0.31",
  "kexec-tools-missing",
  "lockdown",
  "memory-low",
  "netboot-config",
  "new-boot-layout",
  "no-slot",
  "not-flatcar",
  "oem-ambiguous",
  "pairing-mismatch",
  "parity-mismatch",
  "parity-unknown",
  "platform-azure",
  "platform-gce",
  "platform-xen",
  "plugin-failed",
  "plugin-note",
  "plugin-veto",
  "quarantined",
  "secure-boot",
  "slot-changed",
  "syscall-unavailable",
  "too-many-kexecs",
  "tpm-unlock",
  "update-engine-busy",
  "usrhash-missing",
  "watchdog-missing",
] as const;

export type CheckId = (typeof CHECK_IDS)[number];

/** Failures that are not the verdict of a check. */
const FAILURE_CODES = [
  "config-invalid",
  "disk-unreadable",
  "internal",
  "kexec-failed",
  "lock-held",
  "needs-root",
  "snapshot-invalid",
  "snapshot-incomplete",
  "state-invalid",
  "systemd-failed",
  "unreadable",
  "usage",
  "write-failed",
] as const;

export type FailureCode = (typeof FAILURE_CODES)[number];
export type ErrorCode = CheckId | FailureCode;

/** The process's exit codes (README, "Exit codes"). */
export const EXIT = {
  done: 0,
  error: 1,
  usage: 2,
  refused: 3,
  notFlatcar: 4,
  kexecRefused: 5,
  foreignKernel: 6,
  tryLater: 75,
} as const;

export type ExitCode = (typeof EXIT)[keyof typeof EXIT];

/** Exit code that belongs to an error or to a refusing check. */
export function exitCodeOf(code: ErrorCode): ExitCode {
  switch (code) {
    case "usage":
      return EXIT.usage;
    case "not-flatcar":
    case "gpt-invalid":
    case "disk-unreadable":
      return EXIT.notFlatcar;
    case "kexec-failed":
      return EXIT.kexecRefused;
    case "foreign-kernel-loaded":
      return EXIT.foreignKernel;
    case "update-engine-busy":
    case "lock-held":
      return EXIT.tryLater;
    case "config-invalid":
    case "internal":
    case "needs-root":
    case "snapshot-invalid":
    case "snapshot-incomplete":
    case "state-invalid":
    case "systemd-failed":
    case "unreadable":
    case "write-failed":
      return EXIT.error;
    default:
      return EXIT.refused;
  }
}

/**
 * A failure with a sentence for people. The message says the action, a colon and why, with the value found
 * and the value expected; the hint says what to do next.
 */
export class KexecError extends Error {
  readonly code: ErrorCode;
  readonly hint: string | null;

  constructor(
    code: ErrorCode,
    message: string,
    options: { readonly cause?: unknown; readonly hint?: string } = {},
  ) {
    super(message, options.cause === undefined ? {} : { cause: options.cause });
    this.name = "KexecError";
    this.code = code;
    this.hint = options.hint ?? null;
  }
}

/** The message of anything that was thrown. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** The `code` of a Node system error (`ENOENT`, `EACCES`, …), or null. */
export function systemErrorCode(error: unknown): string | null {
  if (error instanceof Error && "code" in error && typeof error.code === "string") return error.code;
  return null;
}
