/**
 * The kernel command line: words, keys, limits (kernel Documentation/admin-guide/kernel-parameters.rst).
 *
 * @module
 */
import type { Arch } from "../host/host.ts";

/**
 * What Flatcar's x86 kernels put in front of the line they are given (CONFIG_CMDLINE); arm64's use theirs only
 * when the loader passes nothing.
 */
export const BUILT_IN_X86 = "rootflags=rw mount.usrflags=ro";

/** Bytes in which the kernel keeps the line, with the built-in part and the closing NUL: 2048 on both. */
const COMMAND_LINE_SIZE = 2048;

/** The built-in part with the blank after it, or nothing. */
function builtInPrefix(arch: Arch): string {
  return arch === "x86_64" ? `${BUILT_IN_X86} ` : "";
}

/**
 * Longest line that can be passed without loss, bytes. The kernel cuts the tail off a longer one, and with it
 * `verity.usrhash=`.
 *
 * @param cmdlineSize Limit from the kernel's own header (2047 on x86).
 */
export function cmdlineLimit(arch: Arch, cmdlineSize: number = COMMAND_LINE_SIZE - 1): number {
  return Math.min(cmdlineSize, COMMAND_LINE_SIZE - 1 - builtInPrefix(arch).length);
}

/** Length of a line as the kernel counts it: UTF-8 bytes. */
export function cmdlineLength(cmdline: string): number {
  return new TextEncoder().encode(cmdline).length;
}

/**
 * The words as the kernel takes them apart: white space separates, except between double quotes; a backslash
 * means nothing. Words keep their quotes.
 */
export function splitCmdline(cmdline: string): readonly string[] {
  const words: string[] = [];
  let word = "";
  let isQuoted = false;
  for (const character of cmdline) {
    if (character === '"') isQuoted = !isQuoted;
    if (!isQuoted && /[ \t\n\v\f\r]/.test(character)) {
      if (word !== "") words.push(word);
      word = "";
    } else {
      word += character;
    }
  }
  if (word !== "") words.push(word);
  return words;
}

/**
 * Words that nobody wrote: GRUB's words are changed one by one, but the kernel takes several between two double
 * quotes for one (lib/cmdline.c, next_arg), so that a change can leave half of it, or run others together.
 *
 * @param added Words that were added to GRUB's.
 * @param after The line with all changes.
 */
export function tornWords(before: string, added: readonly string[], after: string): readonly string[] {
  const known = new Set([before, ...added].flatMap(splitCmdline));
  return splitCmdline(after).filter((word) => !known.has(word));
}

/** Words to a line, one blank between them. */
export function joinCmdline(words: readonly string[]): string {
  return words.join(" ");
}

/** A word's key: what is before the first `=`, without the quote the word may begin with. */
export function keyOf(word: string): string {
  const bare = word.startsWith('"') ? word.slice(1) : word;
  const equals = bare.indexOf("=");
  return equals < 0 ? bare : bare.slice(0, equals);
}

/** A word's value: what is after the first `=`, without quotes round it; null for a word without one. */
export function valueOf(word: string): string | null {
  const isWhole = word.startsWith('"');
  const bare = isWhole ? word.slice(1) : word;
  const equals = bare.indexOf("=");
  if (equals < 0) return null;
  const value = bare.slice(equals + 1);
  const inner = !isWhole && value.startsWith('"') ? value.slice(1) : value;
  return (isWhole || inner !== value) && inner.endsWith('"') ? inner.slice(0, -1) : inner;
}

/** Value of the last word with that key, which is the one that Flatcar's initrd and systemd take; null if none. */
export function lastValue(cmdline: string, key: string): string | null {
  let found: string | null = null;
  for (const word of splitCmdline(cmdline)) {
    if (keyOf(word) === key) found = valueOf(word) ?? "";
  }
  return found;
}

/** A running kernel's line as its loader passed it: without the built-in part and the line end. */
export function withoutBuiltIn(procCmdline: string, arch: Arch): string {
  const line = procCmdline.replace(/\n$/, "");
  const prefix = builtInPrefix(arch);
  return prefix !== "" && line.startsWith(prefix) ? line.slice(prefix.length) : line;
}
