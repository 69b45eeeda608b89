/**
 * Bytes to the one-character-a-byte strings of src/grub and back to Unicode at its edges.
 *
 * @module
 */
import { Buffer } from "node:buffer";

const decoder = new TextDecoder("utf-8");

/** One character a byte. */
export function fromBytes(bytes: Uint8Array): string {
  // `latin1` of TextDecoder is windows-1252, which is not one to one; Buffer's is.
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("latin1");
}

/** The bytes as Unicode; what is not UTF-8 becomes U+FFFD. */
export function toUnicode(text: string): string {
  for (let index = 0; index < text.length; index++) {
    if (text.charCodeAt(index) > 0x7f) return decoder.decode(Buffer.from(text, "latin1"));
  }
  return text;
}

/** Whether the bytes are UTF-8 that comes back byte for byte, without control characters. */
export function isText(text: string): boolean {
  return !/[\0-\x1f\x7f]/.test(text) && fromUnicode(toUnicode(text)) === text;
}

/** Unicode given by a caller, as GRUB would hold it. */
export function fromUnicode(text: string): string {
  for (let index = 0; index < text.length; index++) {
    if (text.charCodeAt(index) > 0x7f) return Buffer.from(text, "utf-8").toString("latin1");
  }
  return text;
}
