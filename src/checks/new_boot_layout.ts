import { EFI_VENDOR, readEfiVariable } from "../host/efi_variables.ts";
import type { Host } from "../host/host.ts";
import { defineCheck } from "./check.ts";

const ENTRIES = "/boot/loader/entries";
const UNIFIED = "/boot/EFI/Linux";

function filesEnding(host: Host, folder: string, end: string): readonly string[] {
  const names = host.list(folder);
  return names.ok ? names.value.filter((name) => name.toLowerCase().endsWith(end)) : [];
}

export const newBootLayout = defineCheck({
  id: "new-boot-layout",
  defaultLevel: "refuse",
  title: "this system may not boot by GRUB's configuration",
  reads: `${ENTRIES}, ${UNIFIED}, the EFI variable LoaderInfo`,
  examine({ host, facts }) {
    const hint = "take ordinary reboots: flatcar-kexec follows Flatcar's GRUB only";
    const loader = facts.firmware.efi ? readEfiVariable(host, "LoaderInfo", EFI_VENDOR.loader) : null;
    const name = loader === null ? "" : new TextDecoder("utf-16le").decode(loader).replace(/\0+$/, "");
    if (name.startsWith("systemd-boot")) {
      return { message: `This boot came from ${name}, expected GRUB`, hint, origin: "LoaderInfo" };
    }
    const entries = filesEnding(host, ENTRIES, ".conf");
    if (entries.length > 0) {
      return {
        message: `There are ${entries.length} boot loader entries in ${ENTRIES} (${
          entries[0]
        }), which Flatcar's GRUB does not read`,
        hint,
        origin: ENTRIES,
      };
    }
    const images = filesEnding(host, UNIFIED, ".efi");
    if (images.length === 0) return null;
    return {
      message: `There are ${images.length} unified kernel images in ${UNIFIED} (${
        images[0]
      }), which Flatcar's GRUB does not start`,
      hint,
      origin: UNIFIED,
    };
  },
});
