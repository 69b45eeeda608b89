/**
 * Kernel images that Flatcar boots: bzImage (kernel Documentation/arch/x86/boot.rst) and arm64 Image (kernel
 * Documentation/arch/arm64/booting.rst). Anything else is named, as far as it is known, and refused.
 *
 * @module
 */
import type { Arch, Failure, Host } from "../host/host.ts";
import { cString, hasText, u16, u32, u64 } from "../lib/bytes.ts";
import { readPe } from "./pe.ts";
import { readUsrhash } from "./usrhash.ts";

export interface KernelImage {
  readonly format: "bzImage" | "Image";
  /** First word of the kernel's own version string, null if it has none: an arm64 Image never has. */
  readonly version: string | null;
  /** Bytes of the file. */
  readonly size: number;
  /** dm-verity root hash of the slot's /usr: 64 lower-case hex digits, null if the image carries none. */
  readonly usrhash: string | null;
  /** Longest command line that the image takes, bytes without the closing NUL. */
  readonly cmdlineSize: number;
  /** Bytes of memory that the loaded kernel takes: unpacked, with what its file leaves out. */
  readonly memorySize: number;
}

export type KernelResult =
  | { readonly ok: true; readonly kernel: KernelImage }
  | {
    readonly ok: false;
    readonly id: "kernel-missing" | "kernel-format";
    readonly message: string;
    readonly hint: string;
    /** Why it could not be read; null where it could and is of the wrong format. */
    readonly failure: Failure | null;
  };

/** Headers, PE section table and Flatcar's hash lie within this; the version string is read on its own. */
const HEAD = 4096;
const VERSION_LENGTH = 256;
/** Header of boot protocol 2.15, the newest, ends here. */
const BZIMAGE_HEADER_END = 0x26c;
const IMAGE_HEADER_END = 64;
/** arm64's COMMAND_LINE_SIZE less the NUL; the Image does not say. */
const ARM64_CMDLINE_SIZE = 2047;
/** Boot protocol 2.12 (Linux 3.8): the first with xloadflags, which kexec_file_load asks for. */
const PROTOCOL_MIN = 0x20c;
const XLF_KERNEL_64 = 1;
const XLF_CAN_BE_LOADED_ABOVE_4G = 2;

const FORMAT_HINT =
  "the file is damaged or was replaced: take an ordinary reboot, or let update-engine install this slot again";

/** What `checkImage` makes of an image's bytes: facts, or what is wrong, as the end of a sentence. */
export type ImageFacts =
  | {
    readonly ok: true;
    readonly format: "bzImage" | "Image";
    readonly cmdlineSize: number;
    readonly memorySize: number;
    readonly versionAt: number | null;
  }
  | { readonly ok: false; readonly reason: string };

/** Name of a format that is not booted here, or null. */
function foreignFormat(head: Uint8Array): string | null {
  if (hasText(head, 0, "\x7fELF")) return "is an ELF file (an uncompressed vmlinux?)";
  if (hasText(head, 0, "\x1f\x8b")) return "is a gzip-compressed file (an Image.gz?)";
  if (hasText(head, 0, "\xfd7zXZ\0")) return "is an XZ-compressed file";
  if (hasText(head, 0, "\x28\xb5\x2f\xfd")) return "is a zstd-compressed file";
  if (hasText(head, 0, "\x02\x21\x4c\x18") || hasText(head, 0, "\x04\x22\x4d\x18")) {
    return "is an LZ4-compressed file";
  }
  if (hasText(head, 0, "BZh")) return "is a bzip2-compressed file";
  if (hasText(head, 0, "MZ") && hasText(head, 4, "zimg")) {
    return "is an EFI zboot image (a compressed arm64 kernel)";
  }
  const pe = readPe(head);
  if (pe?.sections.includes(".linux") === true) return "is a unified kernel image (UKI)";
  return null;
}

const isBzImage = (head: Uint8Array): boolean => hasText(head, 0x202, "HdrS") && u16(head, 0x1fe) === 0xaa55;
const isArm64Image = (head: Uint8Array): boolean => hasText(head, 0, "MZ") && hasText(head, 56, "ARM\x64");

/**
 * Recognise an image by its first bytes.
 *
 * @param head The first 4096 bytes, fewer if the file is shorter.
 * @param size Bytes of the file.
 */
export function checkImage(head: Uint8Array, size: number, arch: Arch): ImageFacts {
  if (size === 0) return { ok: false, reason: "is empty" };
  const foreign = foreignFormat(head);
  if (foreign !== null) return { ok: false, reason: `${foreign}, expected ${expected(arch)}` };
  if (isArm64Image(head)) {
    if (arch !== "aarch64") return { ok: false, reason: `is an arm64 Image, expected ${expected(arch)}` };
    return checkArm64(head, size);
  }
  if (head.length > 0x206 && isBzImage(head)) {
    if (arch !== "x86_64") return { ok: false, reason: `is an x86 bzImage, expected ${expected(arch)}` };
    return checkBzImage(head, size);
  }
  if (head.every((byte) => byte === 0)) {
    return { ok: false, reason: `holds only zeros at its start, expected ${expected(arch)}` };
  }
  return { ok: false, reason: `is not a kernel image known here, expected ${expected(arch)}` };
}

function expected(arch: Arch): string {
  return arch === "x86_64" ? "a bzImage" : "an arm64 Image";
}

function truncated(size: number, needed: number): ImageFacts {
  return { ok: false, reason: `is truncated: ${size} bytes, its header says at least ${needed}` };
}

function checkBzImage(head: Uint8Array, size: number): ImageFacts {
  if (head.length < BZIMAGE_HEADER_END) return truncated(size, BZIMAGE_HEADER_END);
  const protocol = u16(head, 0x206);
  if (protocol < PROTOCOL_MIN) {
    const version = `${protocol >> 8}.${String(protocol & 0xff).padStart(2, "0")}`;
    return { ok: false, reason: `has boot protocol ${version}, expected 2.12 or newer` };
  }
  const flags = u16(head, 0x236);
  if ((flags & XLF_KERNEL_64) === 0) {
    return { ok: false, reason: "has no 64-bit entry point (xloadflags bit 0)" };
  }
  if ((flags & XLF_CAN_BE_LOADED_ABOVE_4G) === 0 || head[0x234] !== 1) {
    return {
      ok: false,
      reason: "is not relocatable, so kexec cannot place it (xloadflags bit 1, relocatable_kernel)",
    };
  }
  const setupSectors = head[0x1f1] === 0 ? 4 : head[0x1f1] ?? 4;
  const needed = Math.max((setupSectors + 1) * 512 + u32(head, 0x1f4) * 16, readPe(head)?.extent ?? 0);
  if (size < needed) return truncated(size, needed);
  const pointer = u16(head, 0x20e);
  return {
    ok: true,
    format: "bzImage",
    cmdlineSize: u32(head, 0x238),
    // init_size
    memorySize: Math.max(size, u32(head, 0x260)),
    versionAt: pointer === 0 ? null : pointer + 0x200,
  };
}

function checkArm64(head: Uint8Array, size: number): ImageFacts {
  if (head.length < IMAGE_HEADER_END) return truncated(size, IMAGE_HEADER_END);
  const inMemory = u64(head, 16);
  // The size in memory includes what the file leaves out (bss), so it bounds a file from above; how much of
  // the image the file must have is told by the PE header alone.
  const needed = readPe(head)?.extent ?? HEAD;
  if (inMemory === 0) return { ok: false, reason: "has image_size 0: a kernel older than Linux 3.17" };
  if (size < needed) return truncated(size, needed);
  if ((u64(head, 24) & 1) !== 0) return { ok: false, reason: "is a big-endian kernel" };
  return {
    ok: true,
    format: "Image",
    cmdlineSize: ARM64_CMDLINE_SIZE,
    memorySize: Math.max(size, inMemory),
    versionAt: null,
  };
}

/** Read what matters of a kernel: a few kilobytes, however large it is. `path` is the host's. */
export function readKernel(host: Host, path: string, arch: Arch = host.arch): KernelResult {
  const missing = (failure: Failure): KernelResult => ({
    ok: false,
    id: "kernel-missing",
    message: `Cannot read the kernel: ${failure.message}`,
    hint: failure.kind === "permission"
      ? "/boot is readable by root alone"
      : "the slot's kernel belongs on the EFI system partition, mounted on /boot: check that it is mounted and that the slot was ever installed",
    failure,
  });
  const status = host.status(path);
  if (!status.ok) return missing(status.failure);
  const { kind, size } = status.value;
  if (kind !== "file") return missing({ kind: "wrong-type", message: `${path}: is not a regular file` });
  const head = host.readRange(path, 0, HEAD);
  if (!head.ok) return missing(head.failure);
  const facts = checkImage(head.value, size, arch);
  if (!facts.ok) {
    return {
      ok: false,
      id: "kernel-format",
      message: `Cannot use the kernel: ${path} ${facts.reason}`,
      hint: FORMAT_HINT,
      failure: null,
    };
  }
  let version: string | null = null;
  if (facts.versionAt !== null) {
    const text = host.readRange(path, facts.versionAt, VERSION_LENGTH);
    const [word] = text.ok ? cString(text.value, 0, VERSION_LENGTH).split(" ") : [];
    version = word === undefined || !/^[\x21-\x7e]+$/.test(word) ? null : word;
  }
  return {
    ok: true,
    kernel: {
      format: facts.format,
      version,
      size,
      usrhash: readUsrhash(head.value, arch),
      cmdlineSize: facts.cmdlineSize,
      memorySize: facts.memorySize,
    },
  };
}
