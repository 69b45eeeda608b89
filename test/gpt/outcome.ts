/**
 * What a disk would boot by the independent model, and whether that is the state before a spend, the one after
 * it, or neither.
 *
 * @module
 */
import { backupValid, modelChoice, type ModelDisk, ModelError, modelRead, primaryValid } from "./model.ts";

export interface Boots {
  readonly primary: boolean;
  readonly backup: boolean;
  /** Partition number, null if GRUB finds no bootable slot. */
  readonly partition: number | null;
  readonly tries: number | null;
  readonly table: Buffer;
}

export function diskOf(bytes: Uint8Array, sectorSize: number): ModelDisk {
  return { bytes, sectorSize, sectors: BigInt(Math.floor(bytes.length / sectorSize)) };
}

/** What GRUB makes of it; GRUB's error text if it finds no valid GPT. */
export function boots(bytes: Uint8Array, sectorSize: number): Boots | string {
  try {
    const gpt = modelRead(diskOf(bytes, sectorSize));
    const slot = modelChoice(gpt);
    return {
      primary: primaryValid(gpt),
      backup: backupValid(gpt),
      partition: slot === null ? null : slot.index + 1,
      tries: slot?.tries ?? null,
      table: gpt.entries,
    };
  } catch (error) {
    if (error instanceof ModelError) return error.message;
    throw error;
  }
}

/** `old` or `new` if GRUB sees exactly that table, choice included; else a sentence. */
export function oldOrNew(
  state: Uint8Array,
  before: Uint8Array,
  after: Uint8Array,
  sectorSize: number,
): string {
  const [now, old, fresh] = [state, before, after].map((bytes) => boots(bytes, sectorSize));
  if (typeof old !== "object" || typeof fresh !== "object") return "the test's own disk is unreadable";
  if (typeof now !== "object") return `GRUB: ${now ?? ""}`;
  for (const [name, reference] of [["old", old], ["new", fresh]] as const) {
    const same = now.table.equals(reference.table) && now.partition === reference.partition &&
      now.tries === reference.tries;
    if (same) return name;
  }
  return `neither state: GRUB takes ${now.partition ?? "no slot"}`;
}
