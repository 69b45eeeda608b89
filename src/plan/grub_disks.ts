/**
 * What GRUB sees of this host's disks, answered from the mounted file systems: `($root)` is /boot, `($oem)` is
 * /oem, and `gptprio.next` answers what the GPT says.
 *
 * @module
 */
import {
  type FirmwareQuery,
  type GrubAnswer,
  type GrubEnvironment,
  type GrubFile,
  MISSING,
  type SearchKind,
} from "../grub/environment.ts";
import type { Gpt } from "../gpt/read.ts";
import { partitionByUuid, partitionsByType } from "../gpt/select.ts";
import { FLATCAR_GUID } from "../gpt/guid.ts";
import { listPartitions } from "../host/block_devices.ts";
import type { SlotState } from "../gpt/slot.ts";
import type { Host } from "../host/host.ts";
import { FIRST_BOOT_FLAGS } from "../kernel/first_boot.ts";

/** GRUB's name for the boot disk. The number is the firmware's; nothing on the command line depends on it. */
const DISK = "hd0";

/** Disk GUID of an image that was never booted; Flatcar gives each disk one of its own at its first boot. */
const FRESH_DISK = "00000000-0000-0000-0000-000000000001";

export interface BootCase {
  /** What `gptprio.next` answers; null: there is no bootable slot. */
  readonly slot: SlotState | null;
  /** Whether the first-boot flag is there; null: look at the disk. */
  readonly firstBoot: boolean | null;
}

export interface GrubDisks {
  readonly environment: GrubEnvironment;
  /** Whether GRUB means the EFI system partition by that name: `hd0,gpt1`. */
  isBootPartition(device: string): boolean;
}

/**
 * @param gpt The boot disk's table; null where there is none to read: then the usual layout is assumed, so that
 * a plan can still be shown.
 */
export function grubDisks(host: Host, gpt: Gpt | null, boot: BootCase): GrubDisks {
  const esp = gpt === null ? 1 : partitionsByType(gpt, FLATCAR_GUID.typeEsp)[0]?.partition ?? 1;
  const oem = gpt === null ? 6 : onlyOem(gpt);
  const root = deviceOf(esp);
  const folderOf = (device: string): "/boot" | "/oem" | null => {
    const partition = partitionNumber(device);
    return partition === null ? null : partition === esp ? "/boot" : partition === oem ? "/oem" : null;
  };
  const fileOn = (device: string, path: string): GrubFile => {
    const folder = folderOf(device);
    if (folder !== null) return look(host, folder, path);
    const partition = partitionNumber(device);
    const isAbsent = gpt !== null && partition !== null &&
      !gpt.entries.some((entry) => entry.partition === partition);
    return device === "" || isAbsent ? { kind: "missing" } : {
      kind: "unreadable",
      reason: `(${device}) is neither the EFI system partition nor the OEM partition of the boot disk`,
    };
  };

  const environment: GrubEnvironment = {
    bootDevice: root,
    file(device, path): GrubFile {
      if (folderOf(device) === "/boot" && boot.firstBoot !== null && FIRST_BOOT_FLAGS.includes(path)) {
        // Either: a configuration asks for the one of its time, or for both, and means the same by both.
        return boot.firstBoot ? { kind: "file", bytes: () => new Uint8Array() } : { kind: "missing" };
      }
      return fileOn(device, path);
    },
    search(by, value, hint): GrubAnswer {
      const found = searchBootDisk(host, gpt, by, value);
      if (found !== null) return found;
      // A hint is looked at before all others, if it names a device and not a disk.
      if (by === "file" && hint !== null && fileOn(hint, value).kind === "file") {
        return { kind: "found", text: hint };
      }
      if (by === "label" && value === "EFI-SYSTEM") return { kind: "found", text: root };
      const isOem = value === "OEM" && (by === "label" || by === "part-label");
      // Whether another disk has one is for the check oem-ambiguous.
      if (isOem) return oem === null ? MISSING : { kind: "found", text: deviceOf(oem) };
      return {
        kind: "unknown",
        reason: `only GRUB sees all file systems and disks, and '${value}' may be on any`,
      };
    },
    gptprioNext(disk) {
      return boot.slot === null || disk !== DISK
        ? null
        : { device: `${DISK},gpt${boot.slot.partition}`, uuid: boot.slot.partuuid };
    },
    shortName(device, path) {
      const folder = folderOf(device);
      return folder === "/oem" ? `oem${path}` : folder === "/boot" ? `boot${path}` : `(${device})${path}`;
    },
    firmware(query) {
      return query.kind === "efi-variable"
        ? efiVariable(host, query)
        : { kind: "unknown", reason: "what SMBIOS tells is the firmware's to GRUB" };
    },
  };
  return { environment, isBootPartition: (device) => folderOf(device) === "/boot" };
}

/** Null if there is none, or if nobody can say which of several GRUB reads. */
function onlyOem(gpt: Gpt): number | null {
  const [first, ...more] = gpt.entries.filter((entry) => entry.name === "OEM");
  return more.length === 0 ? first?.partition ?? null : null;
}

/** What the partition table alone can answer; null: it cannot. */
function searchBootDisk(host: Host, gpt: Gpt | null, by: SearchKind, value: string): GrubAnswer | null {
  if (gpt === null) return null;
  switch (by) {
    case "part-label": {
      const found = partitionsNamed(host, gpt, value);
      if (found === "several") {
        return { kind: "unknown", reason: `more than one partition is named '${value}'` };
      }
      return found === null ? null : { kind: "found", text: deviceOf(found) };
    }
    case "part-uuid": {
      const partition = partitionByUuid(gpt, value);
      return partition === null ? null : { kind: "found", text: deviceOf(partition.partition) };
    }
    case "disk-uuid":
      if (gpt.diskGuid.toLowerCase() === value.toLowerCase()) return { kind: "found", text: DISK };
      // Old configurations ask for it at every boot; udev would show a second disk fresh from an image.
      return value === FRESH_DISK && !host.status(`/dev/disk/by-diskuuid/${FRESH_DISK}`).ok ? MISSING : null;
    case "label":
    case "fs-uuid":
    case "file":
      return null;
  }
}

/** The boot disk's partition of that name: its number, null if there is none. */
function partitionsNamed(host: Host, gpt: Gpt, name: string): number | "several" | null {
  const [first, ...more] = gpt.entries.filter((entry) => entry.name === name);
  if (more.length > 0) return "several";
  // Those named OEM on other disks are the check oem-ambiguous's, which can be allowed.
  const onAnyDisk = name === "OEM" ? 0 : listPartitions(host).filter(({ label }) => label === name).length;
  return onAnyDisk > 1 ? "several" : first?.partition ?? null;
}

function deviceOf(partition: number): string {
  return `${DISK},gpt${partition}`;
}

/**
 * The partition of the boot disk that a device's name means: `hd0,gpt6`, or `hd0,6` without the kind of table
 * (kern/partition.c, grub_partition_probe). Null for every other device.
 */
function partitionNumber(device: string): number | null {
  const digits = /^hd0,(?:gpt)?([1-9][0-9]{0,2})$/.exec(device)?.[1];
  return digits === undefined ? null : Number(digits);
}

/** A file too large to be a script counts as one that nobody can read, rather than as an empty one. */
function look(host: Host, folder: string, below: string): GrubFile {
  const path = folder + below;
  const elsewhere = leavesFileSystem(host, folder, below);
  if (elsewhere !== null) return { kind: "unreadable", reason: elsewhere };
  const status = host.status(path);
  if (!status.ok) {
    return status.failure.kind === "missing"
      ? { kind: "missing" }
      : { kind: "unreadable", reason: status.failure.message };
  }
  const top = host.status(folder);
  if (top.ok && top.value.device !== status.value.device) {
    return { kind: "unreadable", reason: `${path} lies on another file system than ${folder}` };
  }
  if (status.value.kind === "directory") return { kind: "directory" };
  const read = host.read(path);
  if (!read.ok) return { kind: "unreadable", reason: read.failure.message };
  return { kind: "file", bytes: () => read.value };
}

/** GRUB gives up at the eighth link of a path (fs/fshelp.c); Linux follows 40. */
const LINK_LIMIT = 7;

/**
 * Why a path is another file to GRUB than to Linux, or null: GRUB follows a link inside the file system that holds
 * it (fs/fshelp.c, find_file), where `/etc` is the OEM partition's own, and knows nothing that is mounted.
 */
function leavesFileSystem(host: Host, folder: string, below: string): string | null {
  const done: string[] = [];
  const todo = below.split("/").reverse();
  let links = 0;
  for (let part = todo.pop(); part !== undefined; part = todo.pop()) {
    if (part === "" || part === ".") continue;
    if (part === "..") {
      if (done.pop() === undefined) return `${folder}${below} leads out of ${folder}`;
      continue;
    }
    done.push(part);
    const path = `${folder}/${done.join("/")}`;
    const link = host.link(path);
    if (!link.ok) continue;
    const target = link.value;
    if (target.startsWith("/")) {
      return `${path} is a link to '${target}', which GRUB looks for on the same partition`;
    }
    if (++links > LINK_LIMIT) {
      return `${folder}${below} leads through more links than the ${LINK_LIMIT} that GRUB follows`;
    }
    done.pop();
    todo.push(...target.split("/").reverse());
  }
  return null;
}

/** The first four bytes of an efivarfs file are the variable's attributes (kernel Documentation/filesystems/efivarfs.rst). */
function efiVariable(host: Host, query: Extract<FirmwareQuery, { kind: "efi-variable" }>): GrubAnswer {
  const read = host.read(`/sys/firmware/efi/efivars/${query.name}-${query.guid.toLowerCase()}`);
  if (!read.ok) {
    return read.failure.kind === "missing" ? MISSING : { kind: "unknown", reason: read.failure.message };
  }
  if (read.value.length < 4) return MISSING;
  const value = read.value.subarray(4);
  const text = query.bytes
    ? [...value].map((byte) => byte.toString(16).padStart(2, "0")).join("")
    : new TextDecoder("latin1").decode(value);
  return { kind: "found", text };
}
