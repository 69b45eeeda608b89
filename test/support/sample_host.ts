/**
 * A whole Flatcar host as files: a sparse disk image with both slots, the EFI system and OEM partitions'
 * trees, and those parts of /proc, /sys and /usr that a plan reads. For tests, the demo and the benchmark.
 *
 * @module
 */
import { createHash } from "node:crypto";
import {
  chmodSync,
  closeSync,
  ftruncateSync,
  mkdirSync,
  openSync,
  rmSync,
  symlinkSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { dirname, join } from "node:path";
import {
  BIOS_TYPE,
  type Counters,
  counters,
  DATA_TYPE,
  ESP_TYPE,
  gptPieces,
  USR_A,
  USR_B,
  USR_TYPE,
} from "./gpt_image.ts";
import { makeArm64Image, makeBzImage } from "./make_kernel.ts";
import { grubArchive } from "./sample_grub_cfg.ts";

export type SlotName = "a" | "b";

export interface SampleHostOptions {
  readonly arch?: "x86_64" | "aarch64";
  /** Default: efi. */
  readonly platform?: "pc" | "efi";
  /** The slot that the host runs from; default: a. */
  readonly running?: SlotName;
  /** Default: 1 0 1, a slot that has proven itself. */
  readonly a?: Counters;
  /** Default: 2 1 0, as update-engine leaves an update that waits for its reboot. */
  readonly b?: Counters;
  /** Text of the OEM's grub.cfg; null for none. */
  readonly oemConfig?: string | null;
  /** Value that the OEM's file gives `oem_id`, for the running command line. */
  readonly oemId?: string | null;
  readonly firstBoot?: boolean;
  /** Instead of the command line that GRUB would have passed to the running slot. */
  readonly cmdline?: string;
  /** Text of grub.cfg, if not the sample's own. */
  readonly grubConfig?: string;
  /** Folder of the kernels and of GRUB on the EFI system partition; default: flatcar. */
  readonly bootFolder?: "flatcar" | "coreos";
  /** Of the disk; default: one of its own, as every disk has it after its first boot. */
  readonly diskGuid?: string;
  /** Kernel name of the disk; default: vda. */
  readonly diskName?: "vda" | "sda" | "nvme0n1" | "xvda" | "mmcblk0";
  /** More files, by path below the root, or other content for those that are there; null: no such file. */
  readonly files?: Readonly<Record<string, string | Uint8Array | null>>;
  /** More symbolic links: target by path below the root. */
  readonly links?: Readonly<Record<string, string>>;
}

export interface SampleHost {
  /** What stands for `/`: `--root`. */
  readonly root: string;
  /** The image, which is also the disk's node in the tree: `/dev/vda`. */
  readonly disk: string;
  readonly arch: "x86_64" | "aarch64";
  readonly usrhash: Readonly<Record<SlotName, string>>;
  /** The running command line, without a line end. */
  readonly cmdline: string;
  /** Options for the program. */
  readonly args: readonly string[];
}

/** Where Flatcar's build puts the verity superblock in a USR partition, bytes. */
const HASH_OFFSET = 1065345024;
const MIB = 2048; // sectors
const KERNELS: Readonly<Record<SlotName, string>> = { a: "6.12.95-flatcar", b: "6.12.103-flatcar" };
const SECTOR = 512;
const DISK_GUID = "5a3c1f7e-9d0b-4c55-8f6a-2f5b8f3c9a10";
/** Where sysfs keeps a disk, and the major number of its nodes. */
const DISKS = {
  vda: { path: "devices/pci0000:00/0000:00:04.0/virtio1/block/vda", major: 254 },
  sda: { path: "devices/pci0000:00/0000:00:17.0/ata1/host0/target0:0:0/0:0:0:0/block/sda", major: 8 },
  nvme0n1: { path: "devices/pci0000:00/0000:00:04.0/nvme/nvme0/nvme0n1", major: 259 },
  xvda: { path: "devices/vbd-51712/block/xvda", major: 202 },
  mmcblk0: {
    path: "devices/platform/emmc2bus/fe340000.mmc/mmc_host/mmc0/mmc0:aaaa/block/mmcblk0",
    major: 179,
  },
} as const;

const PARTITIONS = [
  {
    number: 1,
    type: ESP_TYPE,
    uuid: "d5a1d1b8-60e3-4f1c-8c4e-000000000001",
    name: "EFI-SYSTEM",
    size: 128 * MIB,
  },
  {
    number: 2,
    type: BIOS_TYPE,
    uuid: "d5a1d1b8-60e3-4f1c-8c4e-000000000002",
    name: "BIOS-BOOT",
    size: 2 * MIB,
  },
  { number: 3, type: USR_TYPE, uuid: USR_A, name: "USR-A", size: 1024 * MIB },
  { number: 4, type: USR_TYPE, uuid: USR_B, name: "USR-B", size: 1024 * MIB },
  { number: 6, type: DATA_TYPE, uuid: "d5a1d1b8-60e3-4f1c-8c4e-000000000006", name: "OEM", size: 128 * MIB },
  {
    number: 9,
    type: "3884dd41-8582-4404-b9a8-e9b84f2df50e",
    uuid: "d5a1d1b8-60e3-4f1c-8c4e-000000000009",
    name: "ROOT",
    size: 64 * MIB,
  },
] as const;

/** The top of a verity tree, and the root hash over it. The blocks under it are not there: nothing reads them. */
function verityTop(slot: SlotName): { readonly bytes: Uint8Array; readonly rootHash: string } {
  const salt = createHash("sha256").update(`sample salt ${slot}`).digest();
  const bytes = Buffer.alloc(2 * 4096);
  bytes.write("verity\0\0", 0, "latin1");
  bytes.writeUInt32LE(1, 8);
  bytes.writeUInt32LE(1, 12);
  bytes.write("sha256", 32, "latin1");
  bytes.writeUInt32LE(4096, 64);
  bytes.writeUInt32LE(4096, 68);
  bytes.writeBigUInt64LE(BigInt(HASH_OFFSET / 4096), 72);
  bytes.writeUInt16LE(salt.length, 80);
  salt.copy(bytes, 88);
  const top = bytes.subarray(4096);
  for (let hash = 0; hash < 16; hash++) {
    createHash("sha256").update(`sample ${slot} ${hash}`).digest().copy(top, hash * 32);
  }
  return { bytes, rootHash: createHash("sha256").update(salt).update(top).digest("hex") };
}

function writeDisk(
  path: string,
  diskGuid: string,
  a: Counters,
  b: Counters,
  tops: readonly Uint8Array[],
): void {
  let next = MIB;
  const entries = PARTITIONS.map(({ size, ...partition }) => {
    const first = next;
    next += size;
    const attributes = partition.number === 3 ? counters(...a) : partition.number === 4 ? counters(...b) : 0n;
    return { ...partition, first, last: next - 1, attributes };
  });
  const sectors = next + MIB;
  const fd = openSync(path, "w");
  try {
    ftruncateSync(fd, sectors * SECTOR);
    for (const { offset, bytes } of gptPieces({ sectors, entries, diskGuid })) {
      writeSync(fd, bytes, 0, bytes.length, offset);
    }
    for (const [index, top] of tops.entries()) {
      const entry = entries.find((candidate) => candidate.number === 3 + index);
      if (entry !== undefined) writeSync(fd, top, 0, top.length, entry.first * SECTOR + HASH_OFFSET);
    }
  } finally {
    closeSync(fd);
  }
}

/** What GRUB passes to the kernel of a slot by the sample's configuration. */
export function sampleCmdline(
  options: {
    readonly arch: "x86_64" | "aarch64";
    readonly slot: SlotName;
    readonly usrhash: string;
    readonly firstBoot?: boolean;
    readonly oemId?: string | null;
    /** `linux_append` of the OEM's file. */
    readonly append?: string;
  },
): string {
  const arm = options.arch === "aarch64";
  return [
    `BOOT_IMAGE=/flatcar/vmlinuz-${options.slot}`,
    "mount.usr=/dev/mapper/usr",
    `verity.usr=PARTUUID=${options.slot === "a" ? USR_A : USR_B}`,
    "rootflags=rw mount.usrflags=ro consoleblank=0 root=LABEL=ROOT",
    arm ? "console=ttyAMA0,115200n8 console=tty0" : "console=ttyS0,115200n8 console=tty0",
    options.firstBoot === true ? "flatcar.first_boot=detected" : "",
    arm ? "acpi=force" : "",
    typeof options.oemId === "string" ? `flatcar.oem.id=${options.oemId}` : "",
    options.append ?? "",
    `verity.usrhash=${options.usrhash}`,
  ].filter((word) => word !== "").join(" ");
}

const OEM_CONFIG = `# Sample OEM settings
set oem_id="qemu"
set linux_append="flatcar.autologin"
`;

/** Make a sample host in a folder that is there and empty. */
export function writeSampleHost(folder: string, options: SampleHostOptions = {}): SampleHost {
  const arch = options.arch ?? "x86_64";
  const platform = options.platform ?? "efi";
  const running = options.running ?? "a";
  const bootFolder = options.bootFolder ?? "flatcar";
  const diskName = options.diskName ?? "vda";
  const { path: bus, major } = DISKS[diskName];
  const partitionName = (number: number): string =>
    `${diskName}${/[0-9]$/.test(diskName) ? "p" : ""}${number}`;
  const oemConfig = options.oemConfig === undefined ? OEM_CONFIG : options.oemConfig;
  const oemId = options.oemId === undefined
    ? (options.oemConfig === undefined ? "qemu" : null)
    : options.oemId;
  const tops = { a: verityTop("a"), b: verityTop("b") };
  const usrhash = { a: tops.a.rootHash, b: tops.b.rootHash };
  const cmdline = options.cmdline ?? (arch === "x86_64" ? "rootflags=rw mount.usrflags=ro " : "") +
      sampleCmdline({
        arch,
        slot: running,
        usrhash: usrhash[running],
        oemId,
        ...(options.oemConfig === undefined ? { append: "flatcar.autologin" } : {}),
      });

  const put = (path: string, content: string | Uint8Array): void => {
    const real = join(folder, path);
    mkdirSync(dirname(real), { recursive: true });
    writeFileSync(real, content);
  };
  const link = (path: string, target: string): void => {
    const real = join(folder, path);
    mkdirSync(dirname(real), { recursive: true });
    symlinkSync(target, real);
  };

  // The partitions' files.
  for (const slot of ["a", "b"] as const) {
    const image = arch === "x86_64"
      ? makeBzImage({ version: KERNELS[slot], usrhash: usrhash[slot] })
      : makeArm64Image({ usrhash: usrhash[slot] });
    put(`boot/${bootFolder}/vmlinuz-${slot}`, image);
  }
  put(`boot/${bootFolder}/grub/grub.cfg.tar`, grubArchive(options.grubConfig));
  if (options.firstBoot === true) put(`boot/${bootFolder}/first_boot`, "");
  mkdirSync(join(folder, "oem"), { recursive: true });
  if (oemConfig !== null) put("oem/grub.cfg", oemConfig);

  // What the kernel tells.
  put("proc/cmdline", `${cmdline}\n`);
  put("proc/filesystems", "nodev\tsysfs\nnodev\tproc\n\text4\n\tbtrfs\n\tvfat\n");
  put("proc/modules", "virtio_blk 28672 3 - Live 0x0000000000000000\n");
  put(
    "proc/meminfo",
    "MemTotal:        4016128 kB\nMemFree:         2916352 kB\nMemAvailable:    3512320 kB\n",
  );
  put("proc/sys/kernel/osrelease", `${KERNELS[running]}\n`);
  put("proc/sys/kernel/kexec_load_disabled", "0\n");
  put("proc/sys/kernel/random/boot_id", "0b3f8a52-5d0e-4b4f-9a75-2d3a6f1c7e88\n");
  put(
    "proc/self/mountinfo",
    [
      `21 1 ${major}:9 / / rw,relatime shared:1 - ext4 /dev/${partitionName(9)} rw`,
      "22 21 0:20 / /proc rw - proc proc rw",
      "23 21 0:21 / /sys rw - sysfs sysfs rw",
      "30 21 253:0 / /usr ro,relatime shared:2 - btrfs /dev/mapper/usr ro",
      `31 21 ${major}:1 / /boot rw,relatime shared:3 - vfat /dev/${partitionName(1)} rw,umask=0077`,
      `32 21 ${major}:6 / /oem rw,nodev,relatime shared:4 - btrfs /dev/${partitionName(6)} rw`,
      "",
    ].join("\n"),
  );
  put("sys/kernel/kexec_loaded", "0\n");
  put("sys/kernel/security/lockdown", "[none] integrity confidentiality\n");
  for (const name of ["online", "possible", "present"]) put(`sys/devices/system/cpu/${name}`, "0-3\n");
  const dmi = { sys_vendor: "QEMU", product_name: "Standard PC (Q35 + ICH9, 2009)", chassis_asset_tag: "" };
  for (const [name, value] of Object.entries(dmi)) put(`sys/class/dmi/id/${name}`, `${value}\n`);
  if (platform === "efi") {
    mkdirSync(join(folder, "sys/firmware/efi/efivars"), { recursive: true });
    put("sys/firmware/efi/fw_platform_size", "64\n");
    const flag = (value: number): Uint8Array => Uint8Array.of(6, 0, 0, 0, value);
    put("sys/firmware/efi/efivars/SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c", flag(0));
    put("sys/firmware/efi/efivars/SetupMode-8be4df61-93ca-11d2-aa0d-00e098032b8c", flag(1));
  }
  put("sys/firmware/acpi/tables/FACP", "FACP");

  // Block devices.
  put(`sys/${bus}/uevent`, `MAJOR=${major}\nMINOR=0\nDEVNAME=${diskName}\nDEVTYPE=disk\n`);
  put(`sys/${bus}/queue/logical_block_size`, "512\n");
  link(`sys/class/block/${diskName}`, `../../${bus}`);
  link(`sys/dev/block/${major}:0`, `../../${bus}`);
  for (const { number, uuid, name } of PARTITIONS) {
    const node = partitionName(number);
    put(
      `sys/${bus}/${node}/uevent`,
      `MAJOR=${major}\nMINOR=${number}\nDEVNAME=${node}\nDEVTYPE=partition\nPARTN=${number}\nPARTNAME=${name}\nPARTUUID=${uuid}\n`,
    );
    put(`sys/${bus}/${node}/partition`, `${number}\n`);
    link(`sys/class/block/${node}`, `../../${bus}/${node}`);
    link(`sys/dev/block/${major}:${number}`, `../../${bus}/${node}`);
  }
  put("sys/devices/virtual/block/dm-0/uevent", "MAJOR=253\nMINOR=0\nDEVNAME=dm-0\nDEVTYPE=disk\n");
  put("sys/devices/virtual/block/dm-0/dm/name", "usr\n");
  const under = partitionName(running === "a" ? 3 : 4);
  link(`sys/devices/virtual/block/dm-0/slaves/${under}`, `../../../../../${bus}/${under}`);
  link("sys/class/block/dm-0", "../../devices/virtual/block/dm-0");
  link("sys/dev/block/253:0", "../../devices/virtual/block/dm-0");
  link("dev/mapper/usr", "../dm-0");
  const disk = join(folder, "dev", diskName);
  writeDisk(disk, options.diskGuid ?? DISK_GUID, options.a ?? [1, 0, 1], options.b ?? [2, 1, 0], [
    tops.a.bytes,
    tops.b.bytes,
  ]);

  // The operating system.
  put(
    "usr/lib/os-release",
    'NAME="Flatcar Container Linux by Kinvolk"\nID=flatcar\nID_LIKE=coreos\nVERSION_ID=4459.2.1\n' +
      'PRETTY_NAME="Flatcar Container Linux by Kinvolk 4459.2.1 (Oklo)"\nFLATCAR_BOARD="' +
      (arch === "x86_64" ? "amd64-usr" : "arm64-usr") + '"\n',
  );
  put("usr/sbin/kexec", "");
  chmodSync(join(folder, "usr/sbin/kexec"), 0o755);

  for (const [path, content] of Object.entries(options.files ?? {})) {
    if (content === null) rmSync(join(folder, path), { recursive: true, force: true });
    else put(path, content);
  }
  for (const [path, target] of Object.entries(options.links ?? {})) link(path, target);

  return { root: folder, disk, arch, usrhash, cmdline, args: ["--root", folder, "--arch", arch] };
}
