/**
 * GNU GRUB on the disk of a test machine: started by SeaBIOS, it runs the sample's configuration and passes the
 * command line itself. Debian's lacks what Flatcar adds: gptprio (the slot is put in), the search by partition
 * name (the file system has the same), and the usrhash at the end of the line (the configuration writes it).
 *
 * Installed by hand, since grub-bios-setup wants a block device (GRUB's boot.S and diskboot.S name the fields).
 *
 * @module
 */
import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { findProgram, missingPrograms, run } from "../support/debian.ts";
import { USR_A, USR_B } from "../support/gpt_image.ts";
import { grubArchive, SAMPLE_GRUB_CFG } from "../support/sample_grub_cfg.ts";
import { PC } from "./board.ts";
import { partitionRange, readBytes, type SlotName, writeBytes, writeToEsp } from "./disk.ts";

export const GRUB_FOLDER = "/usr/lib/grub/i386-pc";
const MODULES =
  "biosdisk part_gpt fat ext2 search search_fs_uuid search_label memdisk tar configfile normal test " +
  "echo read terminal serial linux halt reboot minicmd";

/** Why GRUB cannot be put on a disk here, or null. */
export function whyNoGrub(): string | null {
  const missing = [
    ...missingPrograms(["grub-mkimage"]),
    ...(existsSync(`${GRUB_FOLDER}/boot.img`) ? [] : ["grub-pc-bin"]),
  ];
  return missing.length === 0 ? null : `needs ${missing.join(", ")}`;
}

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
  installConfiguration(disk, configuration(slot, usrhash));
  writeToEsp(disk, "/e2e-initrd.cpio", initrd);
}

/** What GRUB says of the disk that it came from, by {@link installGrubProbe}. */
export interface GrubProbe {
  /** Partitions, as GRUB names them, in ascending order: `gpt1 gpt2`. */
  readonly partitions: string;
  /** Partition that the EFI system partition's file system is found in, and the one that is named ROOT. */
  readonly esp: string;
  readonly root: string;
  /** Whether it can read the slots' kernels there. */
  readonly kernels: boolean;
}

const PROBE = `serial --unit=0 --speed=115200
terminal_output serial
set pager=0
echo "PROBE all"
ls
search --no-floppy --set=esp --fs-uuid F1A7-CA12
search --no-floppy --set=root --label ROOT
echo "PROBE esp=$esp"
echo "PROBE root=$root"
if [ -f ($esp)/flatcar/vmlinuz-a -a -f ($esp)/flatcar/vmlinuz-b ]; then echo "PROBE kernels"; fi
echo "PROBE end"
reboot
`;

/** Put GRUB into the BIOS boot partition, to say what it finds on the disk, and to restart. */
export function installGrubProbe(disk: string): void {
  installConfiguration(disk, PROBE);
}

/** Start what {@link installGrubProbe} has put on a disk, which stays as it is. @throws {Error} if it does not come up. */
export function probeByGrub(disk: string): GrubProbe {
  const child = spawnSync(findProgram(PC.qemu) ?? PC.qemu, [
    ...PC.machine,
    ...["-nodefaults", "-display", "none", "-serial", "stdio", "-monitor", "none", "-no-reboot"],
    ...["-drive", `file=${disk},if=none,id=system,format=raw,snapshot=on`],
    ...["-device", "virtio-blk-pci,drive=system"],
  ], { stdio: ["ignore", "pipe", "pipe"], encoding: "latin1", timeout: 120_000, killSignal: "SIGKILL" });
  const text = child.stdout.replaceAll("\r", "");
  if (!text.includes("PROBE end")) throw new Error(`GRUB did not come up:\n${text}${child.stderr}`);
  // A line of the terminal has 80 columns.
  const listed = (/PROBE all\n([^]*?)PROBE/.exec(text)?.[1] ?? "").replaceAll("\n", "");
  const value = (name: string): string => new RegExp(`^PROBE ${name}=(.*)$`, "m").exec(text)?.[1] ?? "";
  return {
    partitions: [...listed.matchAll(/\(hd0,(gpt\d+)\)/g)].map((match) => match[1] ?? "").sort().join(" "),
    esp: value("esp"),
    root: value("root"),
    kernels: text.includes("PROBE kernels"),
  };
}

function installConfiguration(disk: string, text: string): void {
  const work = mkdtempSync(join(tmpdir(), "flatcar-kexec-grub-"));
  try {
    writeFileSync(join(work, "memdisk.tar"), grubArchive(text));
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
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}
