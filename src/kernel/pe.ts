/**
 * As much of the PE format as Linux's EFI images need: where the file must end, and the names of sections
 * (Microsoft PE format; kernel Documentation/arch/arm64/booting.rst for how an Image carries it).
 *
 * @module
 */
import { cString, hasText, u16, u32 } from "../lib/bytes.ts";

export interface PeFacts {
  readonly sections: readonly string[];
  /** Bytes the file must have for its sections and its signature to be whole. */
  readonly extent: number;
}

const OPTIONAL_HEADER_PE32_PLUS = 0x20b;
/** A table of more sections than this is not a kernel's. */
const SECTION_LIMIT = 96;

/** Facts of the PE header, or null if there is none within the bytes given. */
export function readPe(head: Uint8Array): PeFacts | null {
  if (head.length < 0x40 || !hasText(head, 0, "MZ")) return null;
  const pe = u32(head, 0x3c);
  if (pe + 24 + 2 > head.length || !hasText(head, pe, "PE\0\0")) return null;
  const count = u16(head, pe + 6);
  const optionalSize = u16(head, pe + 20);
  const optional = pe + 24;
  const table = optional + optionalSize;
  if (count > SECTION_LIMIT || table + count * 40 > head.length) return null;
  const sections: string[] = [];
  let extent = table + count * 40;
  for (let index = 0; index < count; index++) {
    const section = table + index * 40;
    sections.push(cString(head, section, 8));
    const rawSize = u32(head, section + 16);
    if (rawSize > 0) extent = Math.max(extent, u32(head, section + 20) + rawSize);
  }
  // The fifth data directory is the signature; the only one whose address is a place in the file.
  const directories = optional + (u16(head, optional) === OPTIONAL_HEADER_PE32_PLUS ? 112 : 96);
  if (directories <= table - 5 * 8 && u32(head, directories - 4) >= 5) {
    extent = Math.max(extent, u32(head, directories + 32) + u32(head, directories + 36));
  }
  return { sections, extent };
}
