/**
 * The disk of GRUB's own GPT tests: 1 MiB, an ESP and a BIOS boot partition.
 *
 * @module
 */
import { BIOS_TYPE, ESP_TYPE, gptImage } from "../support/gpt_image.ts";

export const SECTORS = 0x800;
export const BACKUP_LBA = 0x7ff;
export const BACKUP_TABLE_LBA = 0x7df;

export function upstreamImage(table: { entrySize?: number; entryCount?: number } = {}): Uint8Array {
  return gptImage({
    ...table,
    sectors: SECTORS,
    diskGuid: "69c131ad-67d6-46c6-93c4-124c755256ac",
    entries: [
      {
        number: 1,
        type: ESP_TYPE,
        uuid: "a0f1792e-b4ce-4136-bcf2-1afc133c2828",
        first: 34,
        last: 0x3f,
        name: "EFI SYSTEM",
      },
      {
        number: 2,
        type: BIOS_TYPE,
        uuid: "876c898d-1b40-4727-a161-edf9b5486674",
        first: 0x40,
        last: 0x7f,
        attributes: 4n,
        name: "BIOS BOOT",
      },
    ],
  });
}
