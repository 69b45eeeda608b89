/**
 * What running a GRUB script came to. Plain data, so that it can be shown, compared and kept.
 *
 * @module
 */

/** A place in a configuration file. Lines count from 1. */
export interface Origin {
  /** Short name shown to people: `grub.cfg`, `oem/grub.cfg`. */
  readonly file: string;
  readonly line: number;
}

export interface GrubDiagnostic {
  /** Stable id, kebab case: `syntax-error`, `unknown-command`, `words-lost`, … */
  readonly id: string;
  /** `refuse`: the result cannot be trusted (a bound was reached, an unsupported command decides it). */
  readonly level: "refuse" | "warn" | "info";
  readonly file: string;
  readonly line: number;
  /** The text at fault, one line, shortened. */
  readonly text: string;
  /** What GRUB does with it. */
  readonly message: string;
  /** What was probably meant, or null. */
  readonly hint: string | null;
}

/** A word of the final command line, with the place that wrote it. */
export interface OriginToken {
  readonly text: string;
  readonly origin: Origin;
  /** Variables it came through, outermost first: `linux_cmdline`, `linux_append`. */
  readonly via: readonly string[];
}

/** The `linux` command that the chosen entry ran. */
export interface LinuxCommand {
  /** First argument: `/flatcar/vmlinuz-a`, with its device prefix if one was given. */
  readonly kernel: string;
  readonly origin: Origin;
  /** The rest, as GRUB joins them (quoted and escaped), without BOOT_IMAGE. */
  readonly tokens: readonly OriginToken[];
}
