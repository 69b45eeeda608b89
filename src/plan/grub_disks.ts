/**
 * What GRUB sees of this host's disks, answered from the mounted file systems: `($root)` is /boot, `($oem)` is
 * /oem, and `gptprio.next` answers what the GPT says.
 *
 * @module
 */
import type { FirmwareQuery, GrubEnvironment, GrubFile } from "../grub/environment.ts";
import type { Gpt } from "../gpt/read.ts";
import { partitionByName, partitionByUuid, partitionsByType } from "../gpt/select.ts";
import { FLATCAR_GUID } from "../gpt/guid.ts";
import type { SlotState } from "../gpt/slot.ts";
import type { Host } from "../host/host.ts";
import { FIRST_BOOT_FLAGS } from "../kernel/first_boot.ts";

/** GRUB's name for the boot disk. The number is the firmware's; nothing on the command line depends on it. */
const DISK = "hd0";

export interface BootCase {
  /** What `gptprio.next` answers; null: there is no bootable slot. */
  readonly slot: SlotState | null;
  /** Whether the first-boot flag is there; null: look at the disk. */
  readonly firstBoot: boolean | null;
}

export interface GrubDisks {
  readonly environment: GrubEnvironment;
  /** GRUB's name of the EFI system partition: `hd0,gpt1`. */
  readonly root: string;
}

/**
 * @param gpt The boot disk's table; null where there is none to read: then the usual layout is assumed, so that
 * a plan can still be shown.
 */
export function grubDisks(host: Host, gpt: Gpt | null, boot: BootCase): GrubDisks {
  const esp = gpt === null ? 1 : partitionsByType(gpt, FLATCAR_GUID.typeEsp)[0]?.partition ?? 1;
  const oem = gpt === null ? 6 : partitionByName(gpt, "OEM")?.partition ?? null;
  const root = `${DISK},gpt${esp}`;
  const oemDevice = oem === null ? null : `${DISK},gpt${oem}`;
  const folderOf = (device: string): string | null =>
    device === root ? "/boot" : device === oemDevice ? "/oem" : null;

  const environment: GrubEnvironment = {
    bootDevice: root,
    file(device, path): GrubFile {
      const folder = folderOf(device);
      if (folder === null) return { kind: "missing" };
      if (device === root && boot.firstBoot !== null && FIRST_BOOT_FLAGS.includes(path)) {
        // Either: a configuration asks for the one of its time, or for both, and means the same by both.
        return boot.firstBoot ? { kind: "file", bytes: () => new Uint8Array() } : { kind: "missing" };
      }
      return look(host, folder + path);
    },
    search(by, value) {
      switch (by) {
        case "part-label":
          return partitionDevice(gpt, value, oemDevice);
        case "label":
          return value === "EFI-SYSTEM" ? root : value === "OEM" ? oemDevice : null;
        case "disk-uuid":
          return gpt !== null && gpt.diskGuid.toLowerCase() === value.toLowerCase() ? DISK : null;
        case "file":
          return look(host, `/boot${value}`).kind === "file"
            ? root
            : oemDevice !== null && look(host, `/oem${value}`).kind === "file"
            ? oemDevice
            : null;
        case "part-uuid":
          return gpt === null ? null : deviceOf(partitionByUuid(gpt, value));
        case "fs-uuid":
          return null;
      }
    },
    gptprioNext() {
      return boot.slot === null
        ? null
        : { device: `${DISK},gpt${boot.slot.partition}`, uuid: boot.slot.partuuid };
    },
    shortName(device, path) {
      const folder = folderOf(device);
      return folder === "/oem" ? `oem${path}` : folder === "/boot" ? `boot${path}` : `(${device})${path}`;
    },
    firmware(query) {
      return query.kind === "efi-variable" ? efiVariable(host, query) : null;
    },
  };
  return { environment, root };
}

function partitionDevice(gpt: Gpt | null, name: string, oemDevice: string | null): string | null {
  if (gpt === null) return name === "OEM" ? oemDevice : null;
  return deviceOf(partitionByName(gpt, name));
}

function deviceOf(partition: { readonly partition: number } | null): string | null {
  return partition === null ? null : `${DISK},gpt${partition.partition}`;
}

/** A file too large to be a script counts as one that nobody can read, rather than as an empty one. */
function look(host: Host, path: string): GrubFile {
  const status = host.status(path);
  if (!status.ok) {
    return status.failure.kind === "missing"
      ? { kind: "missing" }
      : { kind: "unreadable", reason: status.failure.message };
  }
  if (status.value.kind === "directory") return { kind: "directory" };
  const read = host.read(path);
  if (!read.ok) return { kind: "unreadable", reason: read.failure.message };
  return { kind: "file", bytes: () => read.value };
}

/** The first four bytes of an efivarfs file are the variable's attributes (kernel Documentation/filesystems/efivarfs.rst). */
function efiVariable(host: Host, query: Extract<FirmwareQuery, { kind: "efi-variable" }>): string | null {
  const read = host.read(`/sys/firmware/efi/efivars/${query.name}-${query.guid.toLowerCase()}`);
  if (!read.ok || read.value.length < 4) return null;
  const value = read.value.subarray(4);
  if (!query.bytes) return new TextDecoder("latin1").decode(value);
  return [...value].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}
