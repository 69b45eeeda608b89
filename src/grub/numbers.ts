/**
 * Numbers as GRUB's commands read them.
 *
 * @module
 */

export const BAD_NUMBER = "unrecognized number.";
const OVERFLOW = "overflow is detected.";

export interface ParsedNumber {
  readonly value: bigint;
  /** What GRUB prints, null if it was a number. */
  readonly error: string | null;
  /** Offset of what follows the number. */
  readonly end: number;
}

const MAX_UNSIGNED = 0xffff_ffff_ffff_ffffn;

function isSpace(code: number): boolean {
  return code === 0x20 || (code >= 0x09 && code <= 0x0d);
}

/** Where the number begins: white space in front of it does not count. */
export function startOfNumber(text: string): number {
  let at = 0;
  while (isSpace(text.charCodeAt(at))) at++;
  return at;
}

function digitValue(code: number): number {
  if (code >= 0x30 && code <= 0x39) return code - 0x30;
  if (code >= 0x61 && code <= 0x66) return code - 0x57;
  if (code >= 0x41 && code <= 0x46) return code - 0x37;
  return 99;
}

/** An unsigned 64-bit number: decimal, `0x` hexadecimal or `0` octal; what follows it is left alone. */
export function parseUnsigned(text: string): ParsedNumber {
  let at = startOfNumber(text);
  let base = 10;
  if (text.charCodeAt(at) === 0x30) {
    const after = text.charCodeAt(at + 1);
    if (after === 0x78) {
      base = 16;
      at += 2;
    } else if (digitValue(after) < 8) {
      base = 8;
    }
  }
  let value = 0n;
  let any = false;
  for (; at < text.length; at++) {
    const digit = digitValue(text.charCodeAt(at));
    if (digit >= base) break;
    any = true;
    value = value * BigInt(base) + BigInt(digit);
    if (value > MAX_UNSIGNED) return { value: MAX_UNSIGNED, error: OVERFLOW, end: at };
  }
  return any ? { value, error: null, end: at } : { value: 0n, error: BAD_NUMBER, end: at };
}
