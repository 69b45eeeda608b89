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

/** Names by which GRUB, and the mounts of /boot and /oem, tell the partitions of a disk apart. */
const NAMED_ONCE = ["EFI-SYSTEM", "OEM"] as const;

/** Compare what is mounted with the boot disk. Nothing is known, and nothing wrong, for a disk that the user named. */
export function checkMounts(host: Host, disk: BootDisk): MountFacts {
  if (disk.name === null) return { boot: null, oem: null, oemPartitions: [], problems: [] };
  const mounts = readMounts(host);
  const boot = partitionAt(host, mounts, "/boot");
  const oem = partitionAt(host, mounts, "/oem") ?? partitionAt(host, mounts, "/usr/share/oem");
  const partitions = listPartitions(host);
  const oemPartitions = partitions.filter((partition) => partition.label === "OEM");
  const problems: string[] = [];
  if (boot !== null && boot.disk !== disk.name) {
    problems.push(`/boot is mounted from ${boot.name}, but the boot disk is ${disk.name}`);
  }
  if (oem !== null && oem.disk !== disk.name) {
    problems.push(`/oem is mounted from ${oem.name}, but the boot disk is ${disk.name}`);
  }
  for (const label of NAMED_ONCE) {
    const [first, ...more] = partitions.filter((one) => one.disk === disk.name && one.label === label);
    if (first === undefined || more.length === 0) continue;
    const names = [first, ...more].map((partition) => partition.name).join(", ");
    problems.push(`more than one partition of ${disk.name} is named ${label}: ${names}; GRUB may read any`);
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
