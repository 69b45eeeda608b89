import { u16 } from "../lib/bytes.ts";
import { EFI_VENDOR, readEfiVariable } from "../host/efi_variables.ts";
import type { Host } from "../host/host.ts";
import { defineCheck } from "./check.ts";

/** Device path nodes of messaging devices that are a network (UEFI 2.10 §10.3.4): MAC, IPv4, IPv6, URI, Wi-Fi. */
const MESSAGING = 3;
const NETWORK_SUBTYPES: readonly number[] = [11, 12, 13, 24, 28];
const END = 0x7f;

/** Number of the boot entry that firmware started, and whether its device path is a network's; null if unknown. */
function bootedEntry(host: Host): { readonly name: string; readonly isNetwork: boolean } | null {
  const current = readEfiVariable(host, "BootCurrent", EFI_VENDOR.global);
  if (current?.length !== 2) return null;
  const name = `Boot${u16(current, 0).toString(16).toUpperCase().padStart(4, "0")}`;
  const option = readEfiVariable(host, name, EFI_VENDOR.global);
  if (option === null || option.length < 8) return null;
  // Attributes, length of the device path, description ended by a zero character, device path.
  let offset = 6;
  while (offset + 2 <= option.length && u16(option, offset) !== 0) offset += 2;
  offset += 2;
  const end = Math.min(option.length, offset + u16(option, 4));
  while (offset + 4 <= end) {
    const type = option[offset] ?? END;
    const length = u16(option, offset + 2);
    if (type === MESSAGING && NETWORK_SUBTYPES.includes(option[offset + 1] ?? 0)) {
      return { name, isNetwork: true };
    }
    if (type === END || length < 4) break;
    offset += length;
  }
  return { name, isNetwork: false };
}

export const netbootConfig = defineCheck({
  id: "netboot-config",
  defaultLevel: "refuse",
  title: "GRUB may have taken its configuration from the network",
  reads: "BootCurrent and its boot entry in the EFI variables",
  examine({ host, facts, running, parity }) {
    // A line that comes out the same was made from this host's own files.
    if (!facts.firmware.efi || running === null || parity.verdict === "match") return null;
    const entry = bootedEntry(host);
    if (entry === null || !entry.isNetwork) return null;
    return {
      message:
        `The firmware started this boot from the network (${entry.name}), where Flatcar's GRUB asks a server ` +
        "for its configuration, and the running command line is not what the host's own files give",
      hint: "put the disk before the network in the firmware's boot order, or take ordinary reboots",
      origin: entry.name,
    };
  },
});
