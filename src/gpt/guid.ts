/**
 * GUIDs as GPT stores them: the first three groups little-endian, the last two as written (UEFI 2.10,
 * appendix A). Text form is lower-case 8-4-4-4-12 throughout.
 *
 * @module
 */
import { Buffer } from "node:buffer";

/** Length of a stored GUID, bytes. */
const GUID_BYTES = 16;

/** Partition types and unique GUIDs that Flatcar's boot path knows (flatcar/scripts, disk_layout.json). */
export const FLATCAR_GUID = {
  /** Type of the A/B slots, on every architecture. */
  typeUsr: "5dfbf5f4-2848-4bac-aa5e-0d9a20b745a6",
  typeEsp: "c12a7328-f81f-11d2-ba4b-00a0c93ec93b",
  typeBiosBoot: "21686148-6449-6e6f-744e-656564454649",
  typeLinuxData: "0fc63daf-8483-4772-8e79-3d69d8477de4",
  typeResize: "3884dd41-8582-4404-b9a8-e9b84f2df50e",
  typeReserved: "c95dc21a-df0e-4340-8d7b-26cbfa9a03e0",
  /** Unique GUID of USR-A: GRUB picks `vmlinuz-a` for it and `vmlinuz-b` for any other. */
  usrA: "7130c94a-213a-4e5a-8e26-6cce9662f132",
  usrB: "e03dd35c-7c2d-4a47-b3fe-27f15780a57c",
} as const;

/** Stored position of each byte in the order in which the text form shows them. */
const TEXT_ORDER = [3, 2, 1, 0, 5, 4, 7, 6, 8, 9, 10, 11, 12, 13, 14, 15] as const;

/** Text form of the GUID stored at byte `offset`. */
export function decodeGuid(bytes: Uint8Array, offset = 0): string {
  const hex = Buffer.from(TEXT_ORDER.map((stored) => bytes[offset + stored] ?? 0)).toString("hex");
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join("-");
}

/** Whether the GUID stored at byte `offset` is all zeros. */
export function isNilGuid(bytes: Uint8Array, offset: number): boolean {
  for (let at = offset; at < offset + GUID_BYTES; at++) {
    if (bytes[at] !== 0) return false;
  }
  return true;
}

const GUID_TEXT = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;

/**
 * The 16 bytes that store a GUID, or null if `text` is not one.
 *
 * @param text Either case.
 */
export function encodeGuid(text: string): Uint8Array | null {
  if (!GUID_TEXT.test(text)) return null;
  const digits = text.replaceAll("-", "");
  const bytes = new Uint8Array(GUID_BYTES);
  for (const [place, stored] of TEXT_ORDER.entries()) {
    bytes[stored] = Number.parseInt(digits.slice(2 * place, 2 * place + 2), 16);
  }
  return bytes;
}
