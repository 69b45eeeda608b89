import type { Host } from "./host.ts";

/** GUIDs of EFI variables' vendors (UEFI 2.10 §3.3; systemd's "Boot Loader Interface"). */
export const EFI_VENDOR = {
  global: "8be4df61-93ca-11d2-aa0d-00e098032b8c",
  loader: "4a67b082-0a4c-41cf-b6c7-440b29bb8c4f",
} as const;

/** Folder in which efivarfs shows the variables. */
export const EFI_VARIABLES = "/sys/firmware/efi/efivars";

/** Data of an EFI variable, without the four bytes of attributes that efivarfs puts first; null if there is none. */
export function readEfiVariable(host: Host, name: string, vendor: string): Uint8Array | null {
  const bytes = host.read(`${EFI_VARIABLES}/${name}-${vendor}`, 1 << 16);
  return bytes.ok && bytes.value.length >= 4 ? bytes.value.subarray(4) : null;
}

/** A variable of one byte that is 0 or 1, null if it is absent or anything else. */
export function readEfiFlag(host: Host, name: string): boolean | null {
  const [value, ...rest] = readEfiVariable(host, name, EFI_VENDOR.global) ?? [];
  if (rest.length > 0) return null;
  return value === 1 ? true : value === 0 ? false : null;
}
