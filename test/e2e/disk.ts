/**
 * Disks of the test machines: Flatcar's layout, made with the tools that everybody makes disks with (sgdisk,
 * cgpt, mke2fs, mtools), none of this project's code, no root, no loop device.
 *
 * @module
 */
import {
  closeSync,
  copyFileSync,
  mkdirSync,
  openSync,
  readFileSync,
  readSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { join } from "node:path";
import { type KernelPackage, run } from "../support/debian.ts";
import { type Counters, USR_A, USR_B, USR_TYPE } from "../support/gpt_image.ts";
import { grubArchive } from "../support/sample_grub_cfg.ts";
import type { UsrImages } from "./usr_image.ts";

export type SlotName = "a" | "b";

export interface DiskOptions {
  readonly usr: UsrImages;
  /** Kernel of each slot; the usrhash is put into a copy. */
  readonly kernels: Readonly<Record<SlotName, KernelPackage>>;
  /** Byte of a kernel where the usrhash goes. */
  readonly usrhashAt: number;
  readonly counters: Readonly<Record<SlotName, Counters>>;
  readonly oemConfig: string;
  /** Fills the tree of ROOT. */
  readonly root: (tree: string) => void;
}

const SECTOR = 512;
const NUMBERS = { esp: 1, bios: 2, a: 3, b: 4, oem: 6, root: 9 } as const;

/** A kernel with the root hash where GRUB looks for it. */
export function kernelWithHash(image: string, out: string, rootHash: string, at: number): void {
  const bytes = readFileSync(image);
  bytes.write(rootHash, at, "latin1");
  writeFileSync(out, bytes);
}

function fileSystem(path: string, mib: number, tree: string, label: string): void {
  writeFileSync(path, "");
  truncateSync(path, mib * 1048576);
  run("mke2fs", ["-q", "-t", "ext4", "-L", label, "-d", tree, "-E", "root_owner=0:0", path]);
}

/** Make a disk image below a folder and return its path. */
export function makeDisk(folder: string, options: DiskOptions): string {
  const work = join(folder, "parts");
  for (const name of ["esp.d/flatcar/grub", "oem.d", "root.d"]) {
    mkdirSync(join(work, name), { recursive: true });
  }

  for (const slot of ["a", "b"] as const) {
    const out = join(work, `esp.d/flatcar/vmlinuz-${slot}`);
    kernelWithHash(options.kernels[slot].image, out, options.usr[slot].rootHash, options.usrhashAt);
  }
  writeFileSync(join(work, "esp.d/flatcar/grub/grub.cfg.tar"), grubArchive());
  const esp = join(work, "esp");
  writeFileSync(esp, "");
  truncateSync(esp, 64 * 1048576);
  run("mkfs.vfat", ["-F", "32", "-n", "EFI-SYSTEM", "-i", "F1A7CA12", esp]);
  run("mcopy", ["-s", "-i", esp, join(work, "esp.d/flatcar"), "::/"]);

  writeFileSync(join(work, "oem.d/grub.cfg"), options.oemConfig);
  fileSystem(join(work, "oem"), 16, join(work, "oem.d"), "OEM");
  for (
    const name of ["boot", "dev", "e2e", "etc", "oem", "opt/bin", "proc", "run", "sys", "tmp", "usr", "var"]
  ) {
    mkdirSync(join(work, "root.d", name), { recursive: true });
  }
  options.root(join(work, "root.d"));
  fileSystem(join(work, "root"), 384, join(work, "root.d"), "ROOT");

  const disk = join(folder, "disk.img");
  writeFileSync(disk, "");
  truncateSync(disk, (1 + 64 + 2 + 2 * 1024 + 16 + 384 + 2) * 1048576);
  const partition = (number: number, mib: number, type: string, name: string): readonly string[] => [
    `--new=${number}:0:+${mib}M`,
    `--typecode=${number}:${type}`,
    `--change-name=${number}:${name}`,
  ];
  run("sgdisk", [
    "--clear",
    "--disk-guid=00000000-0000-0000-0000-000000000001",
    ...partition(NUMBERS.esp, 64, "EF00", "EFI-SYSTEM"),
    ...partition(NUMBERS.bios, 2, "EF02", "BIOS-BOOT"),
    ...partition(NUMBERS.a, 1024, USR_TYPE, "USR-A"),
    `--partition-guid=${NUMBERS.a}:${USR_A}`,
    ...partition(NUMBERS.b, 1024, USR_TYPE, "USR-B"),
    `--partition-guid=${NUMBERS.b}:${USR_B}`,
    ...partition(NUMBERS.oem, 16, "8300", "OEM"),
    ...partition(NUMBERS.root, 384, "3884dd41-8582-4404-b9a8-e9b84f2df50e", "ROOT"),
    disk,
  ]);
  const put = (number: number, image: string): void => {
    run("dd", [
      `if=${image}`,
      `of=${disk}`,
      "bs=1M",
      `seek=${partitionRange(disk, number).first / 2048}`,
      "conv=notrunc,sparse",
      "status=none",
    ]);
  };
  put(NUMBERS.esp, esp);
  put(NUMBERS.a, options.usr.a.path);
  put(NUMBERS.b, options.usr.b.path);
  put(NUMBERS.oem, join(work, "oem"));
  put(NUMBERS.root, join(work, "root"));
  for (const slot of ["a", "b"] as const) setCounters(disk, slot, options.counters[slot]);
  run("rm", ["-rf", work]);
  return disk;
}

/** Sectors of a partition, both part of it. */
export function partitionRange(
  disk: string,
  number: number,
): { readonly first: number; readonly last: number } {
  const text = run("sgdisk", [`--info=${number}`, disk]);
  const field = (name: string): number => Number(new RegExp(`^${name} sector: (\\d+)`, "m").exec(text)?.[1]);
  return { first: field("First"), last: field("Last") };
}

export function setCounters(disk: string, slot: SlotName, [priority, tries, successful]: Counters): void {
  run("cgpt", [
    "add",
    "-i",
    String(NUMBERS[slot]),
    "-P",
    `${priority}`,
    "-T",
    `${tries}`,
    "-S",
    `${successful}`,
    disk,
  ]);
}

/** A slot's counters as sgdisk reads them, from the primary table or, `backup`, from the other copy. */
export function readCounters(disk: string, slot: SlotName, copy: "primary" | "backup" = "primary"): Counters {
  const attributes = copy === "primary"
    ? attributesBySgdisk(disk, NUMBERS[slot])
    : backupAttributes(disk, NUMBERS[slot]);
  return [
    Number((attributes >> 48n) & 15n),
    Number((attributes >> 52n) & 15n),
    (attributes >> 56n) & 1n ? 1 : 0,
  ];
}

function attributesBySgdisk(disk: string, number: number): bigint {
  const hex = /^Attribute flags: ([0-9A-F]{16})$/m.exec(run("sgdisk", [`--info=${number}`, disk]))?.[1];
  if (hex === undefined) throw new Error(`sgdisk shows no attributes of partition ${number} of '${disk}'`);
  return BigInt(`0x${hex}`);
}

/** The backup table lies in the 33 sectors before the end; sgdisk only shows it when the primary is broken. */
function backupAttributes(disk: string, number: number): bigint {
  const table = readBytes(disk, -33 * SECTOR, 32 * SECTOR);
  return table.readBigUInt64LE((number - 1) * 128 + 48);
}

/** Bytes of a file; a negative offset counts from the end. */
export function readBytes(path: string, offset: number, length: number): Buffer {
  const fd = openSync(path, "r");
  try {
    const start = offset < 0 ? Number(run("stat", ["-c", "%s", path])) + offset : offset;
    const bytes = Buffer.alloc(length);
    readSync(fd, bytes, 0, length, start);
    return bytes;
  } finally {
    closeSync(fd);
  }
}

/** Overwrite bytes of a file in place. */
export function writeBytes(path: string, offset: number, bytes: Uint8Array): void {
  const fd = openSync(path, "r+");
  try {
    writeSync(fd, bytes, 0, bytes.length, offset);
  } finally {
    closeSync(fd);
  }
}

/** sgdisk's own verdict on the table; empty if it finds nothing wrong. */
export function verifyTable(disk: string): string {
  const text = run("sgdisk", ["--verify", disk]);
  return /No problems found/.test(text) ? "" : text;
}

/** The first difference between two disks outside ROOT, which is the running system's to write; null if none. */
export function differenceOutsideRoot(before: string, after: string): string | null {
  const { first, last } = partitionRange(before, NUMBERS.root);
  const compare = (skip: number, bytes: number): string | null => {
    const limit = bytes === 0 ? "" : `--bytes=${bytes}`;
    const text = run("sh", ["-c", `cmp ${limit} --ignore-initial=${skip} "$0" "$1" || true`, before, after]);
    return text === "" ? null : text.trim();
  };
  return compare(0, first * SECTOR) ?? compare((last + 1) * SECTOR, 0);
}

/** Copy a file out of the EFI system partition. */
export function readFromEsp(disk: string, path: string, out: string): void {
  const offset = partitionRange(disk, NUMBERS.esp).first * SECTOR;
  run("mcopy", ["-n", "-o", "-i", `${disk}@@${offset}`, `::${path}`, out]);
}

/** Put a file into the EFI system partition. */
export function writeToEsp(disk: string, path: string, from: string): void {
  const offset = partitionRange(disk, NUMBERS.esp).first * SECTOR;
  run("mcopy", ["-o", "-i", `${disk}@@${offset}`, from, `::${path}`]);
}

/** A copy that stays sparse. */
export function copyDisk(from: string, to: string): void {
  run("cp", ["--sparse=always", from, to]);
}

/** Put the program into a tree of ROOT, as an administrator would: /opt/bin. */
export function installProgram(tree: string, binary: string): void {
  copyFileSync(binary, join(tree, "opt/bin/flatcar-kexec"));
}
