/**
 * What running a GRUB script came to. Plain data, so that it can be shown, compared and kept.
 *
 * @module
 */

/** A place in a configuration file. Lines count from 1; line 0 of file `GRUB` is GRUB itself. */
export interface Origin {
  /** Short name shown to people: `grub.cfg`, `oem/grub.cfg`. */
  readonly file: string;
  readonly line: number;
}

export interface GrubDiagnostic {
  /** Stable id, kebab case: `syntax-error`, `unknown-command`, `words-lost`, … (docs/grub.md). */
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

/** A range of a token's text and who wrote it. */
export interface TokenSpan {
  readonly text: string;
  readonly origin: Origin;
  /** Variables it came through, outermost first; a variable extended by itself shows once. */
  readonly via: readonly string[];
  /** Assignments it came through, as indices into {@link GrubResult.assignments}, outermost first. */
  readonly assignments: readonly number[];
}

/** A word of the final command line, with the place that wrote it. */
export interface OriginToken {
  readonly text: string;
  /** Of its first character. */
  readonly origin: Origin;
  /** Variables it came through, outermost first: `linux_cmdline`, `linux_append`. */
  readonly via: readonly string[];
  /** Every range of the word, where more than one place wrote it. */
  readonly spans: readonly TokenSpan[];
}

/** The `linux` command that the chosen entry ran. */
export interface LinuxCommand {
  /** The command's name: `linux`, `linuxefi`, `linux16`. */
  readonly command: string;
  /** First argument: `/flatcar/vmlinuz-a`, with its device prefix if one was given. */
  readonly kernel: string;
  readonly origin: Origin;
  /** The rest, as GRUB joins them (quoted and escaped), without BOOT_IMAGE. */
  readonly tokens: readonly OriginToken[];
  /** Device that `kernel` is read from: `$root` unless the argument names one. */
  readonly device: string;
}

export interface InitrdCommand {
  readonly command: string;
  readonly files: readonly string[];
  readonly origin: Origin;
}

export interface MenuEntry {
  /** What `default` and `--id` know it by; the title where no id is given. */
  readonly id: string;
  readonly title: string;
  /** Counted from 0 in its menu. */
  readonly index: number;
  readonly submenu: boolean;
  readonly origin: Origin;
}

/** One time a variable got a value. */
export interface Assignment {
  /** Position in {@link GrubResult.assignments}. */
  readonly index: number;
  readonly name: string;
  readonly value: string;
  readonly origin: Origin;
  /** What did it: `set`, `assignment`, `for`, `search`, `gptprio.next`, `unset`, … */
  readonly by: string;
  /** The assignment it took the place of. */
  readonly replaced: number | null;
  /** Whether its value holds the value before it (`set a="$a b"`). */
  readonly extends: boolean;
}

export interface GrubVariable {
  readonly name: string;
  readonly value: string;
  readonly spans: readonly TokenSpan[];
  /** Its assignments, oldest first. */
  readonly history: readonly number[];
}

/** What `gptprio.next` answered. */
export interface GptprioCall {
  readonly origin: Origin;
  readonly device: string;
  /** Slot device and partition GUID; null if no slot was bootable. */
  readonly slot: { readonly device: string; readonly uuid: string } | null;
}

/** How the evaluation ended. */
export type GrubEnd =
  /** An entry loaded a kernel, which GRUB then boots. */
  | "boot"
  /** The script ran through; nothing was booted (`grub run`, `grub check`, or an entry without `linux`). */
  | "done"
  /** The script left GRUB: `exit`, `halt`, `reboot`. */
  | "exit"
  /** GRUB would wait for somebody at the console. */
  | "waits"
  /** A bound was reached. */
  | "bounded";

export interface GrubResult {
  /** What `echo` printed. */
  readonly output: string;
  /** What GRUB would have shown: the output, with a line `error: …` for each error where it was printed. */
  readonly transcript: string;
  /** Messages that start with `error:`, as GRUB would have printed them. */
  readonly errors: number;
  readonly end: GrubEnd;
  readonly bounded: boolean;
  readonly linux: LinuxCommand | null;
  readonly initrds: readonly InitrdCommand[];
  /** The entry that ran, outermost submenu first: `a>b` is two. */
  readonly entryPath: readonly MenuEntry[];
  /** The entry that ran. */
  readonly entry: MenuEntry | null;
  /** Value of `default` when the menu was entered. */
  readonly defaultEntry: string;
  readonly entries: readonly MenuEntry[];
  /** Calls of `gptprio.next`, in order; empty if the slot counters were bypassed. */
  readonly gptprio: readonly GptprioCall[];
  readonly diagnostics: readonly GrubDiagnostic[];
  /** Final values, sorted by name. */
  readonly variables: readonly GrubVariable[];
  /** Every assignment, in order. */
  readonly assignments: readonly Assignment[];
  /** Files read by `source` and `configfile`, by their short names, in order. */
  readonly files: readonly string[];
}
