import { EFI_VENDOR, readEfiVariable } from "../host/efi_variables.ts";
import { u16 } from "../lib/bytes.ts";
import { type Complaint, defineCheck } from "./check.ts";

/** Bits of OsIndications (UEFI 2.10 §8.5.4): boot to the firmware's setup; a capsule file waits. */
const BOOT_TO_FW_UI = 0x01;
const FILE_CAPSULE_DELIVERY = 0x04;

export const firmwareRequestPending = defineCheck({
  id: "firmware-request-pending",
  defaultLevel: "refuse",
  title: "something waits for the firmware",
  reads: "the EFI variables OsIndications and BootNext",
  examine({ host, facts }) {
    if (!facts.firmware.efi) return null;
    const complaints: Complaint[] = [];
    const hint = "take an ordinary reboot: flatcar-kexec reboot --cold";
    const indications = readEfiVariable(host, "OsIndications", EFI_VENDOR.global)?.[0] ?? 0;
    if ((indications & BOOT_TO_FW_UI) !== 0) {
      complaints.push({
        message:
          "The firmware's setup is asked for at the next boot (OsIndications bit 0), and a kexec would pass it by",
        hint,
        origin: "OsIndications",
      });
    }
    if ((indications & FILE_CAPSULE_DELIVERY) !== 0) {
      complaints.push({
        message:
          "A firmware update waits for the next boot (OsIndications bit 2), and a kexec would pass it by",
        hint,
        origin: "OsIndications",
      });
    }
    const next = readEfiVariable(host, "BootNext", EFI_VENDOR.global);
    if (next?.length === 2) {
      const entry = u16(next, 0).toString(16).toUpperCase().padStart(4, "0");
      complaints.push({
        message:
          `Another boot entry is asked for at the next boot (BootNext is ${entry}), and a kexec would pass it by`,
        hint: `${hint}; or withdraw it with: efibootmgr --delete-bootnext`,
        origin: "BootNext",
      });
    }
    return complaints;
  },
});
