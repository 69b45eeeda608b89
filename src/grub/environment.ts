/**
 * What a GRUB script can see of the machine: files, devices, slots, firmware. An interface, so that the same
 * interpreter runs on a live host, on a recorded one and in a test.
 *
 * @module
 */

export type GrubFile =
  | { readonly kind: "file"; bytes(): Uint8Array }
  | { readonly kind: "directory" }
  | { readonly kind: "missing" }
  /** There may be something, but nobody can say what; deciding by it is a refusal. */
  | { readonly kind: "unreadable"; readonly reason: string };

export type SearchKind = "part-label" | "part-uuid" | "fs-uuid" | "label" | "file" | "disk-uuid";

export type FirmwareQuery =
  /** `getenv`: an EFI variable as GRUB would print it. */
  | { readonly kind: "efi-variable"; readonly name: string; readonly guid: string; readonly bytes: boolean }
  /** `smbios`: all arguments but `--set`. */
  | { readonly kind: "smbios"; readonly args: readonly string[] };

/** What the machine answers to a search or a question to its firmware. */
export type GrubAnswer =
  | { readonly kind: "found"; readonly text: string }
  | { readonly kind: "missing" }
  /** GRUB would know; deciding by it is a refusal. */
  | { readonly kind: "unknown"; readonly reason: string };

export const MISSING: GrubAnswer = { kind: "missing" };

export interface GrubEnvironment {
  /** Device that holds GRUB's own files, the EFI system partition: `hd0,gpt1`. */
  readonly bootDevice: string;
  /** `device` without parentheses; `path` begins with `/`. */
  file(device: string, path: string): GrubFile;
  /** Name of the device found. `hint` is what `--hint` gave. */
  search(kind: SearchKind, value: string, hint: string | null): GrubAnswer;
  /** What `gptprio.next` would choose on a disk, taking no try: null if no slot is bootable. */
  gptprioNext(disk: string): { readonly device: string; readonly uuid: string } | null;
  /** How origins and diagnostics call a file: `oem/grub.cfg`. */
  shortName(device: string, path: string): string;
  firmware(query: FirmwareQuery): GrubAnswer;
}

/** A machine with nothing in it: for running a file on its own. */
export function emptyEnvironment(overrides: Partial<GrubEnvironment> = {}): GrubEnvironment {
  return {
    bootDevice: "hd0,gpt1",
    file: () => ({ kind: "missing" }),
    search: () => MISSING,
    gptprioNext: () => null,
    shortName: (device, path) => `(${device})${path}`,
    firmware: () => MISSING,
    ...overrides,
  };
}
