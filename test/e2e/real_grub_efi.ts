/**
 * GNU GRUB as an EFI program on the EFI system partition of a test machine, with the same configuration that
 * SeaBIOS's gets. It enters the kernel by the EFI handover protocol, which does not look at the PE header: a root
 * hash at byte 0x40 lies over that of Debian's kernels, and EFI itself would not start them.
 *
 * @module
 */
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { missingPrograms, run } from "../support/debian.ts";
import { grubArchive } from "../support/sample_grub_cfg.ts";
import { partitionRange, type SlotName, writeToEsp } from "./disk.ts";
import { configuration } from "./real_grub.ts";

const FOLDER = "/usr/lib/grub/x86_64-efi";
const CODE = "/usr/share/OVMF/OVMF_CODE_4M.fd";
const VARIABLES = "/usr/share/OVMF/OVMF_VARS_4M.fd";
const MODULES = "part_gpt fat ext2 search search_fs_uuid search_label memdisk tar configfile normal test " +
  "echo read terminal serial linux halt reboot minicmd";

/** QEMU's arguments for OVMF. What the firmware writes to its variables lasts as long as that run of QEMU. */
export const OVMF: readonly string[] = [
  ...["-drive", `if=pflash,unit=0,format=raw,readonly=on,file=${CODE}`],
  ...["-drive", `if=pflash,unit=1,format=raw,snapshot=on,file=${VARIABLES}`],
];

/** Packages of Debian without which there is no such machine. */
export function missingForEfi(): readonly string[] {
  return [
    ...missingPrograms(["grub-mkimage"]),
    ...(existsSync(`${FOLDER}/modinfo.sh`) ? [] : ["grub-efi-amd64-bin"]),
    ...(existsSync(CODE) && existsSync(VARIABLES) ? [] : ["ovmf"]),
  ];
}

/** Put GRUB where firmware looks for it on a disk without a boot entry of its own (UEFI 2.10 §3.5.1.1). */
export function installGrubEfi(disk: string, slot: SlotName, usrhash: string, initrd: string): void {
  const work = mkdtempSync(join(tmpdir(), "flatcar-kexec-grub-"));
  try {
    writeFileSync(join(work, "memdisk.tar"), grubArchive(configuration(slot, usrhash)));
    writeFileSync(join(work, "load.cfg"), "search.fs_uuid F1A7-CA12 root hd0,gpt1\nset prefix=(memdisk)\n");
    const image = join(work, "BOOTX64.EFI");
    run("grub-mkimage", [
      ...["-O", "x86_64-efi", "-d", FOLDER, "-p", "(memdisk)", "-o", image],
      ...["-c", join(work, "load.cfg"), "-m", join(work, "memdisk.tar")],
      ...MODULES.split(" "),
    ]);
    const esp = `${disk}@@${partitionRange(disk, 1).first * 512}`;
    // Skipping those that exist.
    run("mmd", ["-D", "s", "-i", esp, "::/EFI", "::/EFI/BOOT"]);
    writeToEsp(disk, "/EFI/BOOT/BOOTX64.EFI", image);
    writeToEsp(disk, "/e2e-initrd.cpio", initrd);
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}
