/**
 * How the `linux` command joins its arguments into one string.
 *
 * @module
 */

export interface JoinOptions {
  /**
   * Whether a backslash that starts `\xHH` stays single, as in Flatcar's GRUB 2.12 (images from alpha 4152 on);
   * other GRUBs double every backslash.
   */
  readonly hexEscapes: boolean;
}

const NEEDS_ESCAPE = /[\\'"]/;

/** One argument as it appears on the kernel command line. */
export function quoteArgument(text: string, options: JoinOptions): string {
  let quoted = text;
  if (NEEDS_ESCAPE.test(text)) {
    quoted = "";
    for (let at = 0; at < text.length; at++) {
      const char = text.charAt(at);
      if (char === "'" || char === '"') quoted += `\\${char}`;
      else if (char === "\\" && !(options.hexEscapes && isHexEscape(text, at))) quoted += "\\\\";
      else quoted += char;
    }
  }
  return text.includes(" ") ? `"${quoted}"` : quoted;
}

function isHexEscape(text: string, at: number): boolean {
  return /^\\x[0-9a-fA-F]{2}/.test(text.slice(at, at + 4));
}

/** The kernel command line that GRUB makes of the arguments of `linux`, without `BOOT_IMAGE=`. */
export function joinArguments(args: readonly string[], options: JoinOptions): string {
  return args.map((arg) => quoteArgument(arg, options)).join(" ");
}
