/**
 * How a first boot is asked for: flag files on the EFI system partition, which GRUB turns into a word that
 * Flatcar's initrd acts on. Hosts installed as CoreOS know the older names as well.
 *
 * @module
 */
import { keyOf } from "./cmdline.ts";

/** Paths on the EFI system partition. */
export const FIRST_BOOT_FLAGS: readonly string[] = ["/flatcar/first_boot", "/coreos/first_boot"];

const FIRST_BOOT_KEYS: readonly string[] = ["flatcar.first_boot", "coreos.first_boot"];

/** Whether a word of the command line makes the boot a first one. */
export function isFirstBootWord(word: string): boolean {
  return FIRST_BOOT_KEYS.includes(keyOf(word));
}
