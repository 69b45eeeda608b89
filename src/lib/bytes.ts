/** Little-endian numbers and ASCII in bytes. Reading beyond the end throws RangeError: check lengths first. */

function view(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

export function u16(bytes: Uint8Array, offset: number): number {
  return view(bytes).getUint16(offset, true);
}

export function u32(bytes: Uint8Array, offset: number): number {
  return view(bytes).getUint32(offset, true);
}

/** Infinity for what JavaScript cannot count exactly: larger than any size that is asked about. */
export function u64(bytes: Uint8Array, offset: number): number {
  const value = Number(view(bytes).getBigUint64(offset, true));
  return Number.isSafeInteger(value) ? value : Infinity;
}

/** Whether `text`, of one byte a character, stands at `offset`. */
export function hasText(bytes: Uint8Array, offset: number, text: string): boolean {
  if (offset + text.length > bytes.length) return false;
  for (let index = 0; index < text.length; index++) {
    if (bytes[offset + index] !== text.charCodeAt(index)) return false;
  }
  return true;
}

/** The bytes from `offset` as text of one byte a character: up to a NUL, the end, or `length` characters. */
export function cString(bytes: Uint8Array, offset: number, length: number): string {
  let text = "";
  for (let index = offset; index < Math.min(offset + length, bytes.length); index++) {
    const byte = bytes[index];
    if (byte === undefined || byte === 0) break;
    text += String.fromCharCode(byte);
  }
  return text;
}
