/**
 * CRC-32 as GPT uses it: polynomial 0x04C11DB7 reflected, as in Ethernet and zlib (UEFI 2.10 §4.2.1).
 *
 * @module
 */

/** The part of Bun's own interface that is used. */
declare const Bun: { readonly hash: { crc32(bytes: Uint8Array): number } } | undefined;

const POLYNOMIAL = 0xedb88320;

let steps: Uint32Array | null = null;

/** Made on first use, so that importing costs nothing. */
function stepTable(): Uint32Array {
  if (steps !== null) return steps;
  const table = new Uint32Array(256);
  for (let byte = 0; byte < 256; byte++) {
    let rest = byte;
    for (let bit = 0; bit < 8; bit++) rest = (rest & 1) === 1 ? (rest >>> 1) ^ POLYNOMIAL : rest >>> 1;
    table[byte] = rest;
  }
  steps = table;
  return table;
}

/**
 * CRC-32 of all bytes, unsigned. By Bun's own, which the binary has: two tables of 16 KiB in a loop that nobody
 * has compiled yet are a sixth of a plan's time. (node:zlib has one too, and takes longer to load.)
 */
export function crc32(bytes: Uint8Array): number {
  return typeof Bun === "undefined" ? crc32ByTable(bytes) : Bun.hash.crc32(bytes) >>> 0;
}

/** The same, on any runtime. */
export function crc32ByTable(bytes: Uint8Array): number {
  const table = stepTable();
  let rest = 0xffffffff;
  // By index: an iterator makes this several times slower before it is compiled.
  for (let at = 0; at < bytes.length; at++) {
    rest = (table[(rest ^ (bytes[at] ?? 0)) & 0xff] ?? 0) ^ (rest >>> 8);
  }
  return (rest ^ 0xffffffff) >>> 0;
}
