/**
 * What stands in the way of a kexec, for `reboot`: it must not stand in the way of the reboot as well.
 *
 * @module
 */
import { EXIT, type ExitCode, exitCodeOf, KexecError, messageOf } from "../lib/errors.ts";

export interface Refusal {
  /** For `--kexec-only`, which does not reboot. */
  readonly exit: ExitCode;
  readonly sentence: string;
}

/**
 * The refusal that an error amounts to, a defect of ours included; null where no reboot must follow: the call
 * itself was wrong, another command is at work, or somebody else's kernel waits for its own kexec.
 */
export function refusalOf(error: unknown): Refusal | null {
  if (!(error instanceof KexecError)) {
    return { exit: EXIT.error, sentence: `no kexec, for a defect of flatcar-kexec: ${messageOf(error)}` };
  }
  switch (error.code) {
    case "usage":
    case "lock-held":
    case "foreign-kernel-loaded":
      return null;
    default:
      return { exit: exitCodeOf(error.code), sentence: `no kexec: ${messageOf(error)}` };
  }
}
