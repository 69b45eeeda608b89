import type { Arch } from "../host/host.ts";

/** Hex digits of a SHA-256 root hash. */
const USRHASH_LENGTH = 64;

/**
 * Where Flatcar's build writes the root hash into a kernel, bytes from its start: on x86 over the message of
 * the long unused boot sector, on arm64 between the EFI header and the code.
 */
export function usrhashOffset(arch: Arch): number {
  return arch === "x86_64" ? 0x40 : 512;
}

/**
 * The dm-verity root hash that Flatcar's GRUB would append as `verity.usrhash=`: 64 lower-case hex digits, or
 * null if the place holds anything else, as in kernels of images without verity.
 *
 * @param head The first bytes of the kernel, at least 576.
 */
export function readUsrhash(head: Uint8Array, arch: Arch): string | null {
  const offset = usrhashOffset(arch);
  const text = new TextDecoder("latin1").decode(head.subarray(offset, offset + USRHASH_LENGTH));
  return /^[0-9a-f]{64}$/.test(text) ? text : null;
}
