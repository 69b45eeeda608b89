/**
 * Text from files, disks and programs, made fit to be shown: nothing in it moves a cursor, hides words or starts a
 * line of its own.
 *
 * @module
 */

/** C0, DEL, C1, and the marks that end a line or turn the direction of writing. */
const INVISIBLE = /[\u0000-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/g;

/** With what would be obeyed as visible escapes. */
export function printable(text: string): string {
  return text.replace(INVISIBLE, (character) => {
    const code = character.codePointAt(0) ?? 0;
    return code < 0x100
      ? `\\x${code.toString(16).padStart(2, "0")}`
      : `\\u${code.toString(16).padStart(4, "0")}`;
  });
}

/** In one line, with a blank for what would be obeyed. */
export function oneLine(text: string): string {
  return text.replace(INVISIBLE, "\0").replace(/\0+/g, " ");
}
