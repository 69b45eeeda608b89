/**
 * The parity check: evaluated for the boot that is running, the same code must come to the command line that
 * this boot has. If it does, what it says of the next boot can be believed.
 *
 * @module
 */
import type { Arch } from "../host/host.ts";
import { withoutBuiltIn } from "../kernel/cmdline.ts";
import type { PlannedToken } from "./plan.ts";

export interface ParityDifference {
  /** `missing`: expected, not on the running command line. `unexpected`: there, but not expected. */
  readonly kind: "missing" | "unexpected";
  readonly text: string;
  /** Where an expected token comes from. */
  readonly origin: string | null;
}

export type Parity =
  | { readonly verdict: "match" }
  | {
    readonly verdict: "mismatch";
    readonly differences: readonly ParityDifference[];
    /** What most likely made the difference, a sentence without its full stop. */
    readonly cause: string;
  }
  | { readonly verdict: "unknown"; readonly reason: string };

/**
 * Compare the running command line with the one expected of it.
 *
 * @param running `/proc/cmdline` without its line end, or null if it could not be read.
 * @param expected What GRUB, or our own kexec, must have passed; null if that could not be worked out.
 */
export function compareParity(
  running: string | null,
  expected: readonly PlannedToken[] | null,
  arch: Arch,
): Parity {
  if (running === null) return { verdict: "unknown", reason: "the running command line cannot be read" };
  if (running.includes("\ufffd")) {
    return { verdict: "unknown", reason: "the running command line holds bytes that are not UTF-8" };
  }
  if (expected === null) {
    return { verdict: "unknown", reason: "what GRUB passed to the running kernel cannot be worked out" };
  }
  const passed = withoutBuiltIn(running, arch);
  const wanted = expected.map((token) => token.text).join(" ");
  if (passed === wanted) return { verdict: "match" };
  const words = passed.split(" ");
  if (!words.some((word) => word.startsWith("BOOT_IMAGE="))) {
    return {
      verdict: "unknown",
      reason:
        "the running command line has no BOOT_IMAGE: this boot did not come from GRUB (PXE, another loader, " +
        "or kexec by hand)",
    };
  }
  const differences = difference(expected, words);
  return { verdict: "mismatch", differences, cause: likelyCause(differences, words) };
}

/** Longest common subsequence; what is left of either side is the difference, in order. */
function difference(
  expected: readonly PlannedToken[],
  actual: readonly string[],
): readonly ParityDifference[] {
  const rows = expected.length + 1;
  const columns = actual.length + 1;
  const length = new Uint32Array(rows * columns);
  const at = (row: number, column: number): number => length[row * columns + column] ?? 0;
  for (let i = expected.length - 1; i >= 0; i--) {
    for (let j = actual.length - 1; j >= 0; j--) {
      length[i * columns + j] = expected[i]?.text === actual[j]
        ? at(i + 1, j + 1) + 1
        : Math.max(at(i + 1, j), at(i, j + 1));
    }
  }
  const result: ParityDifference[] = [];
  let i = 0;
  let j = 0;
  while (i < expected.length || j < actual.length) {
    const token = expected[i];
    const word = actual[j];
    if (token !== undefined && word !== undefined && token.text === word) {
      i++;
      j++;
    } else if (token !== undefined && (word === undefined || at(i + 1, j) >= at(i, j + 1))) {
      result.push({ kind: "missing", text: token.text, origin: token.origin });
      i++;
    } else if (word !== undefined) {
      result.push({ kind: "unexpected", text: word, origin: null });
      j++;
    }
  }
  return result;
}

function likelyCause(differences: readonly ParityDifference[], words: readonly string[]): string {
  const has = (prefix: string): boolean => differences.some((entry) => entry.text.startsWith(prefix));
  const unexpected = differences.filter((entry) => entry.kind === "unexpected");
  const missing = differences.filter((entry) => entry.kind === "missing");
  if (differences.length === 0) return "the words are the same, but not the blanks between them";
  if (words.filter((word) => word === "mount.usrflags=ro").length > 1) {
    return "the kernel was started by 'kexec --reuse-cmdline', which repeats the built-in words at each boot";
  }
  if (unexpected.some((entry) => entry.text.includes("=PARTLABEL=USR-"))) {
    return "this boot was chosen by hand in GRUB's menu (an entry that names its slot by label)";
  }
  if (has("BOOT_IMAGE=")) return "GRUB started another kernel than the one that belongs to the running /usr";
  if (has("verity.usrhash=")) {
    return "the kernel file on the EFI system partition is not the one that is running: it was replaced since the boot";
  }
  if (has("flatcar.kexec=")) {
    return "this boot came by flatcar-kexec, and its configuration or a plugin has changed since";
  }
  if (
    missing.length === 0 &&
    unexpected.every((entry) => words.indexOf(entry.text) >= words.length - unexpected.length)
  ) {
    return "words were added by hand in GRUB's menu, or a word was taken out of the OEM's grub.cfg since the boot";
  }
  if (has("console=") || has("flatcar.oem.id=") || has("coreos.oem.id=")) {
    return "the OEM's grub.cfg was edited since the boot, or GRUB read the one of another disk";
  }
  return "a grub.cfg was edited since the boot, or GRUB's own copy differs from grub.cfg.tar";
}
