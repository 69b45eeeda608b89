/**
 * GNU GRUB on the disk of a test machine: started by SeaBIOS, it runs the sample's configuration and passes the
 * command line itself. Debian's lacks what Flatcar adds: gptprio (the slot is put in), the search by partition
 * name (the file system has the same), and the usrhash at the end of the line (the configuration writes it).
 *
 * Installed by hand, since grub-bios-setup wants a block device (GRUB's boot.S and diskboot.S name the fields).
 *
 * @module
 */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { run } from "../support/debian.ts";
import { USR_A, USR_B } from "../support/gpt_image.ts";
import { grubArchive, SAMPLE_GRUB_CFG } from "../support/sample_grub_cfg.ts";
import { partitionRange, readBytes, type SlotName, writeBytes, writeToEsp } from "./disk.ts";

export const GRUB_FOLDER = "/usr/lib/grub/i386-pc";
const MODULES =
  "biosdisk part_gpt fat ext2 search search_fs_uuid search_label memdisk tar configfile normal test " +
  "echo read terminal serial linux halt reboot minicmd";

/** The sample's configuration as Debian's GRUB can run it. */
export function configuration(slot: SlotName, usrhash: string): string {
  const replaced = (text: string, from: string, to: string): string => {
    if (!text.includes(from)) throw new Error(`The sample's grub.cfg has no '${from}' any more`);
    return text.replaceAll(from, to);
  };
  let text = replaced(SAMPLE_GRUB_CFG, "--part-label OEM", "--label OEM");
  text = replaced(
    text,
    "gptprio.next -d usr_device -u usr_uuid",
    `set usr_uuid=${slot === "a" ? USR_A : USR_B}`,
  );
  text = replaced(text, "insmod all_video", "");
  text = replaced(
    text,
    "verity.usr=PARTUUID=$usr_uuid $linux_cmdline",
    `verity.usr=PARTUUID=$usr_uuid $linux_cmdline verity.usrhash=${usrhash}\n    initrd /e2e-initrd.cpio`,
  );
  return replaced(text, "set timeout=1", "set timeout=0");
}

/** Put GRUB into the BIOS boot partition, with what it is to boot. */
export function installGrub(disk: string, slot: SlotName, usrhash: string, initrd: string): void {
  const work = mkdtempSync(join(tmpdir(), "flatcar-kexec-grub-"));
  try {
    writeFileSync(join(work, "memdisk.tar"), grubArchive(configuration(slot, usrhash)));
    writeFileSync(join(work, "load.cfg"), "search.fs_uuid F1A7-CA12 root hd0,gpt1\nset prefix=(memdisk)\n");
    const image = join(work, "core.img");
    run("grub-mkimage", [
      ...["-O", "i386-pc", "-d", GRUB_FOLDER, "-p", "(memdisk)", "-C", "auto", "-o", image],
      ...["-c", join(work, "load.cfg"), "-m", join(work, "memdisk.tar")],
      ...MODULES.split(" "),
    ]);
    const { first } = partitionRange(disk, 2);
    const core = readFileSync(image);
    // diskboot.S: where the rest of the image lies, how many sectors, and the segment it is loaded to.
    core.writeBigUInt64LE(BigInt(first + 1), 0x1f4);
    core.writeUInt16LE(Math.ceil(core.length / 512) - 1, 0x1fc);
    core.writeUInt16LE(0x820, 0x1fe);
    writeBytes(disk, first * 512, core);
    // boot.S: the sector of the image, the drive as the BIOS passes it, and no check of that drive.
    const boot = readFileSync(join(GRUB_FOLDER, "boot.img"));
    boot.writeBigUInt64LE(BigInt(first), 0x5c);
    boot.writeUInt8(0xff, 0x64);
    boot.writeUInt16LE(0x9090, 0x66);
    writeBytes(disk, 0, Buffer.concat([boot.subarray(0, 440), readBytes(disk, 440, 72)]));
    writeToEsp(disk, "/e2e-initrd.cpio", initrd);
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}
