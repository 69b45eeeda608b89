/**
 * What firmware and GRUB do at power on, by an independent and much simpler reading of the rules than the
 * program's: Debian's GRUB has no gptprio, so sgdisk reads the attributes and cgpt takes the try.
 *
 * @module
 */
import { run } from "../support/debian.ts";
import { sampleCmdline } from "../support/sample_host.ts";
import type { Board } from "./board.ts";
import { readCounters, readFromEsp, setCounters, type SlotName } from "./disk.ts";

export interface FirmwareChoice {
  readonly slot: SlotName;
  /** The kernel, copied out of the EFI system partition. */
  readonly kernel: string;
  readonly cmdline: string;
}

/** Choose a slot, take its try, and give what GRUB passes. @throws {Error} where GRUB would stop and ask. */
export function bootThroughFirmware(
  disk: string,
  kernelFile: string,
  usrhash: (kernel: string) => string,
  { arch, oem }: Board,
): FirmwareChoice {
  let best: SlotName | null = null;
  for (const slot of ["a", "b"] as const) {
    const [priority, tries, successful] = readCounters(disk, slot);
    if (tries === 0 && successful === 0) continue;
    if (priority > (best === null ? 0 : readCounters(disk, best)[0])) best = slot;
  }
  if (best === null) throw new Error("GRUB finds no slot to boot: the machine hangs at its console");
  const [priority, tries, successful] = readCounters(disk, best);
  if (tries > 0) {
    // GRUB writes both copies anew, a damaged one from the other; cgpt wants to be asked for that.
    run("cgpt", ["repair", disk]);
    setCounters(disk, best, [priority, tries - 1, successful]);
  }
  readFromEsp(disk, `/flatcar/vmlinuz-${best}`, kernelFile);
  const cmdline = sampleCmdline({
    arch,
    slot: best,
    usrhash: usrhash(kernelFile),
    oemId: oem.id,
    append: oem.append,
  }).replace(/console=tty(S|AMA)0,115200n8 console=tty0/, oem.console);
  return { slot: best, kernel: kernelFile, cmdline };
}
