/**
 * What GRUB sees of this host's disks, answered from the mounted file systems: `($root)` is /boot, `($oem)` is
 * /oem, and `gptprio.next` answers what the GPT says.
 *
 * @module
 */
import type { GrubEnvironment, GrubFile } from "../grub/environment.ts";
import type { Gpt } from "../gpt/read.ts";
import { partitionByName, partitionsByType } from "../gpt/select.ts";
import { FLATCAR_GUID } from "../gpt/guid.ts";
import type { SlotState } from "../gpt/slot.ts";
import type { Host } from "../host/host.ts";

/** GRUB's name for the boot disk. The number is the firmware's; nothing on the command line depends on it. */
const DISK = "hd0";

export interface BootCase {
  /** What `gptprio.next` answers; null: there is no bootable slot. */
  readonly slot: SlotState | null;
  /** Whether the first-boot flag is there; null: look at the disk. */
  readonly firstBoot: boolean | null;
}

/** Files whose presence makes a boot the first. */
const FIRST_BOOT_FLAGS: readonly string[] = ["/flatcar/first_boot", "/coreos/first_boot"];

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
    file(device, path): GrubFile {
      const folder = folderOf(device);
      if (folder === null) return { kind: "missing" };
      if (device === root && boot.firstBoot !== null && FIRST_BOOT_FLAGS.includes(path)) {
        return boot.firstBoot && path === FIRST_BOOT_FLAGS[0]
          ? { kind: "file", bytes: () => ({ ok: true, value: new Uint8Array() }) }
          : { kind: "missing" };
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
  };
  return { environment, root };
}

function partitionDevice(gpt: Gpt | null, name: string, oemDevice: string | null): string | null {
  if (gpt === null) return name === "OEM" ? oemDevice : null;
  const partition = partitionByName(gpt, name);
  return partition === null ? null : `${DISK},gpt${partition.partition}`;
}

function look(host: Host, path: string): GrubFile {
  const status = host.status(path);
  if (!status.ok) {
    return status.failure.kind === "missing"
      ? { kind: "missing" }
      : { kind: "unreadable", reason: status.failure.message };
  }
  if (status.value.kind === "directory") return { kind: "directory" };
  return { kind: "file", bytes: () => host.read(path) };
}
