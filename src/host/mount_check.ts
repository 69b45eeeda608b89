import { listPartitions, type Partition } from "./block_devices.ts";
import { type BootDisk, partitionAt } from "./boot_disk.ts";
import type { Host } from "./host.ts";
import { readMounts } from "./mounts.ts";

/** Whether /boot and /oem are what GRUB reads: partitions of the boot disk. */
export interface MountFacts {
  /** Partition mounted on /boot, null if none is or it cannot be told. */
  readonly boot: Partition | null;
  /** Partition mounted on /oem, or on /usr/share/oem as older releases have it. */
  readonly oem: Partition | null;
  /**
   * All partitions named `OEM`, on whatever disk: GRUB looks for one by that name over all disks
   * (`search --part-label OEM`) and takes the first.
   */
  readonly oemPartitions: readonly Partition[];
  /** Partitions that are not where they should be, as sentences. */
  readonly problems: readonly string[];
}

/** Compare what is mounted with the boot disk. Nothing is known, and nothing wrong, for a disk that the user named. */
export function checkMounts(host: Host, disk: BootDisk): MountFacts {
  if (disk.name === null) return { boot: null, oem: null, oemPartitions: [], problems: [] };
  const mounts = readMounts(host);
  const boot = partitionAt(host, mounts, "/boot");
  const oem = partitionAt(host, mounts, "/oem") ?? partitionAt(host, mounts, "/usr/share/oem");
  const oemPartitions = listPartitions(host).filter((partition) => partition.label === "OEM");
  const problems: string[] = [];
  if (boot !== null && boot.disk !== disk.name) {
    problems.push(`/boot is mounted from ${boot.name}, but the boot disk is ${disk.name}`);
  }
  if (oem !== null && oem.disk !== disk.name) {
    problems.push(`/oem is mounted from ${oem.name}, but the boot disk is ${disk.name}`);
  }
  const elsewhere = oemPartitions.filter((partition) => partition.disk !== disk.name);
  if (elsewhere.length > 0) {
    const names = elsewhere.map((partition) => partition.name).join(", ");
    problems.push(
      `there is a partition named OEM on another disk than ${disk.name}: ${names}; GRUB may read its grub.cfg`,
    );
  }
  return { boot, oem, oemPartitions, problems };
}
