/**
 * The word that `load` puts on the command line and GRUB never writes: it tells a boot by kexec from one by GRUB.
 *
 * @module
 */
import { lastValue } from "./cmdline.ts";

export const MARKER_KEY = "flatcar.kexec";

/** Id on a command line, null if there is none; the last one counts, as with the kernel's own words. */
export function markerOf(cmdline: string): string | null {
  return lastValue(cmdline, MARKER_KEY);
}
