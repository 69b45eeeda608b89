/**
 * Which disk GRUB boots this machine from: the one under /usr, unless the user names another.
 *
 * @module
 */
import {
  deviceByNumber,
  devicePath,
  listPartitions,
  type Partition,
  partitionUnder,
} from "./block_devices.ts";
import type { Host } from "./host.ts";
import { type Mount, readMounts } from "./mounts.ts";
import { exists, readText } from "./text.ts";

export interface BootDisk {
  /** Device node or image file: `/dev/nvme0n1`. */
  readonly path: string;
  /** Kernel name, `nvme0n1`; null for a disk that the user named. */
  readonly name: string | null;
  /** Partition of the running /usr; null where unknown, as under an installer that runs from memory. */
  readonly running: {
    /** Counted from 1; null where only the command line tells. */
    readonly partition: number | null;
    /** Lower case. */
    readonly partuuid: string;
  } | null;
}

export type BootDiskResult =
  | { readonly ok: true; readonly disk: BootDisk }
  | {
    readonly ok: false;
    /** `not-flatcar`: not a Flatcar system installed on a disk. `disk-unreadable`: perhaps one, but sysfs does not tell. */
    readonly id: "not-flatcar" | "disk-unreadable";
    readonly message: string;
    readonly hint: string;
  };

/** Flatcar's update-engine and mount units take this file to mean: not running from a disk (PXE). */
const NOUPDATE = "/usr/.noupdate";
const DISK_HINT = "name the disk with --disk";

type RunningUsr =
  | { readonly kind: "found"; readonly partition: Partition }
  | { readonly kind: "cmdline"; readonly partuuid: string }
  | { readonly kind: "none"; readonly reason: string };

/** Value of the last `verity.usr=` or `mount.usr=` that names a partition by UUID; initrds take the last. */
function usrOfCmdline(host: Host): string | null {
  const text = readText(host, "/proc/cmdline");
  if (!text.ok) return null;
  let found: string | null = null;
  for (const word of text.value.trim().split(/\s+/)) {
    const match = /^(?:verity|mount)\.usr=PARTUUID=([0-9a-fA-F-]{36})$/.exec(word);
    if (match?.[1] !== undefined) found = match[1].toLowerCase();
  }
  return found;
}

/** Kernel name of the device a mount is of, or null for mounts that are of none. */
function mountedDevice(host: Host, mount: Mount): string | null {
  if (!mount.device.startsWith("0:")) {
    const name = deviceByNumber(host, mount.device);
    if (name !== null) return name;
  }
  if (!mount.source.startsWith("/dev/")) return null;
  // btrfs has a number of its own; its source is a node, or a link to one (/dev/mapper/usr).
  const link = host.link(mount.source);
  return (link.ok ? link.value : mount.source.slice("/dev/".length)).split("/").pop() ?? null;
}

/** The partition mounted at a point, the last mount first: extensions put an overlay over /usr. */
export function partitionAt(host: Host, mounts: readonly Mount[], point: string): Partition | null {
  for (const mount of mounts.filter((candidate) => candidate.point === point).reverse()) {
    const name = mountedDevice(host, mount);
    const partition = name === null ? null : partitionUnder(host, name);
    if (partition !== null) return partition;
  }
  return null;
}

function runningUsr(host: Host): RunningUsr {
  const mounts = readMounts(host);
  const partition = partitionAt(host, mounts, "/usr");
  if (partition !== null) return { kind: "found", partition };
  const partuuid = usrOfCmdline(host);
  if (partuuid === null) {
    const reason = mounts.some((mount) => mount.point === "/usr")
      ? "/usr is not on a partition of a disk"
      : "/usr is not a mount of its own";
    return { kind: "none", reason };
  }
  const same = listPartitions(host).filter((candidate) => candidate.partuuid === partuuid);
  const [only] = same;
  if (only !== undefined && same.length === 1) return { kind: "found", partition: only };
  return { kind: "cmdline", partuuid };
}

/**
 * Find the boot disk and the partition of the running /usr: from the mount table through device-mapper to the
 * partition, compared with the `verity.usr=` of the running command line.
 */
export function findBootDisk(host: Host): BootDiskResult {
  if (host.diskOverride !== null) return namedDisk(host, host.diskOverride);
  if (exists(host, NOUPDATE)) {
    return {
      ok: false,
      id: "not-flatcar",
      message:
        `Cannot find the boot disk: ${NOUPDATE} exists, so this system runs from memory (PXE) or a container`,
      hint: "to boot an installed system from here, name its disk with --disk",
    };
  }
  const usr = runningUsr(host);
  switch (usr.kind) {
    case "none":
      return {
        ok: false,
        id: "not-flatcar",
        message:
          `Cannot find the boot disk: ${usr.reason}, and the kernel command line names no /usr partition`,
        hint: `this is not an installed Flatcar system; for another's disk, ${DISK_HINT}`,
      };
    case "cmdline":
      return {
        ok: false,
        id: "disk-unreadable",
        message:
          `Cannot find the boot disk: the kernel command line names /usr as partition ${usr.partuuid}, ` +
          "but no partition, or more than one, in /sys/class/block has that UUID",
        hint: DISK_HINT,
      };
    case "found":
      return fromPartition(host, usr.partition);
  }
}

function namedDisk(host: Host, path: string): BootDiskResult {
  const usr = runningUsr(host);
  if (usr.kind === "none") return { ok: true, disk: { path, name: null, running: null } };
  if (usr.kind === "cmdline") {
    return { ok: true, disk: { path, name: null, running: { partition: null, partuuid: usr.partuuid } } };
  }
  // Every installation has the same partition UUIDs, so a second disk's must not pass for the running ones.
  const { partuuid, number, disk } = usr.partition;
  const link = host.link(path);
  const name = (link.ok ? link.value : path).split("/").pop();
  if (partuuid === null || (path.startsWith("/dev/") && disk !== null && name !== disk)) {
    return { ok: true, disk: { path, name: null, running: null } };
  }
  return { ok: true, disk: { path, name: null, running: { partition: number, partuuid } } };
}

function fromPartition(host: Host, partition: Partition): BootDiskResult {
  const { disk, number } = partition;
  if (disk === null) {
    return {
      ok: false,
      id: "disk-unreadable",
      message: `Cannot find the boot disk: /sys/class/block/${partition.name} does not lead to a whole disk`,
      hint: DISK_HINT,
    };
  }
  const claimed = usrOfCmdline(host);
  if (claimed !== null && partition.partuuid !== null && claimed !== partition.partuuid) {
    return {
      ok: false,
      id: "not-flatcar",
      message:
        `Cannot trust the boot disk: /usr is on ${partition.name} with partition UUID ${partition.partuuid}, ` +
        `but the kernel command line names ${claimed}`,
      hint: "take an ordinary reboot: this system was not started the way Flatcar starts",
    };
  }
  const partuuid = partition.partuuid ?? claimed;
  return {
    ok: true,
    disk: {
      path: devicePath(host, disk),
      name: disk,
      running: partuuid === null ? null : { partition: number, partuuid },
    },
  };
}
