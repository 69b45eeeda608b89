import { firmwareRequests } from "../host/firmware_requests.ts";
import { defineCheck } from "./check.ts";

export const firmwareRequestPending = defineCheck({
  id: "firmware-request-pending",
  defaultLevel: "refuse",
  title: "something waits for the firmware",
  reads: "the EFI variables OsIndications and BootNext",
  examine({ host, facts }) {
    if (!facts.firmware.efi) return null;
    const hint = "take an ordinary reboot: flatcar-kexec reboot --cold";
    return firmwareRequests(host).map(({ variable, message }) => ({
      message,
      hint: variable === "BootNext" ? `${hint}; or withdraw it with: efibootmgr --delete-bootnext` : hint,
      origin: variable,
    }));
  },
});
