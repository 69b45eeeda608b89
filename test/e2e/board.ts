/**
 * The two kinds of machine that QEMU stands in for: what differs between them, and nothing else.
 *
 * @module
 */
import type { BuildArch } from "../../tasks/bun.ts";

/**
 * QEMU keeps what it has translated until its buffer is full, here after 128 MiB, by default never: the next kernel
 * and GRUB then write over memory that the last system ran from, and each such write is looked up in all the
 * translations of its page. GRUB took 35 s instead of 7 s, a kernel after a kexec 20 s instead of 5 s.
 */
const TCG = "tcg,tb-size=128";

/** Words of the OEM file that a machine has. */
export interface OemWords {
  readonly id: string;
  readonly console: string;
  readonly append: string;
}

export interface Board {
  readonly arch: BuildArch;
  /** Debian's name of the architecture. */
  readonly debian: "amd64" | "arm64";
  /** Byte of the kernel where Flatcar's build puts the root hash of /usr. */
  readonly usrhashAt: number;
  /** Folder of shared libraries below /lib and /usr/lib. */
  readonly libraries: string;
  /** Path of the dynamic loader below /. */
  readonly loader: string;
  readonly qemu: string;
  /** QEMU's arguments for the bare machine. Never KVM, which may be there and not work. */
  readonly machine: readonly string[];
  readonly oem: OemWords;
}

export const PC: Board = {
  arch: "x86_64",
  debian: "amd64",
  usrhashAt: 0x40,
  libraries: "x86_64-linux-gnu",
  loader: "lib64/ld-linux-x86-64.so.2",
  qemu: "qemu-system-x86_64",
  // The x86-64-v2 that Bun needs and no more: AVX, which `max` has, is slow under emulation. QEMU 7.2 gets
  // cmpxchg16b wrong, so without it.
  machine: ["-accel", TCG, "-machine", "q35", "-cpu", "Nehalem,-cx16", "-smp", "1", "-m", "1024"],
  oem: {
    id: "qemu",
    console: "console=ttyS0,115200n8",
    append: "quiet panic=3 nokaslr mitigations=off",
  },
};

/** Without UEFI, so it has no ACPI tables, and `acpi=off` takes back the `acpi=force` that GRUB passes. */
export const ARM64_BOARD: Board = {
  arch: "aarch64",
  debian: "arm64",
  usrhashAt: 512,
  libraries: "aarch64-linux-gnu",
  loader: "lib/ld-linux-aarch64.so.1",
  qemu: "qemu-system-aarch64",
  machine: ["-accel", TCG, "-machine", "virt", "-cpu", "cortex-a72", "-smp", "1", "-m", "1024"],
  oem: { id: "qemu", console: "console=ttyAMA0,115200n8", append: "acpi=off quiet panic=3 mitigations=off" },
};
