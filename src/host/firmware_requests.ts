import { u16 } from "../lib/bytes.ts";
import { EFI_VENDOR, readEfiVariable } from "./efi_variables.ts";
import type { Host } from "./host.ts";

/** Something that the firmware was asked to do at its next boot, and that a kexec would pass by. */
export interface FirmwareRequest {
  /** The EFI variable: `OsIndications`, `BootNext`. */
  readonly variable: string;
  /** A sentence without a full stop. */
  readonly message: string;
}

/** Bits of OsIndications (UEFI 2.10 §8.5.4): boot to the firmware's setup; a capsule file waits. */
const BOOT_TO_FW_UI = 0x01;
const FILE_CAPSULE_DELIVERY = 0x04;

/** None on a machine without EFI variables. */
export function firmwareRequests(host: Host): readonly FirmwareRequest[] {
  const requests: FirmwareRequest[] = [];
  const indications = readEfiVariable(host, "OsIndications", EFI_VENDOR.global)?.[0] ?? 0;
  if ((indications & BOOT_TO_FW_UI) !== 0) {
    requests.push({
      variable: "OsIndications",
      message:
        "The firmware's setup is asked for at the next boot (OsIndications bit 0), and a kexec would pass it by",
    });
  }
  if ((indications & FILE_CAPSULE_DELIVERY) !== 0) {
    requests.push({
      variable: "OsIndications",
      message:
        "A firmware update waits for the next boot (OsIndications bit 2), and a kexec would pass it by",
    });
  }
  const next = readEfiVariable(host, "BootNext", EFI_VENDOR.global);
  if (next?.length === 2) {
    const entry = u16(next, 0).toString(16).toUpperCase().padStart(4, "0");
    requests.push({
      variable: "BootNext",
      message:
        `Another boot entry is asked for at the next boot (BootNext is ${entry}), and a kexec would pass it by`,
    });
  }
  return requests;
}
