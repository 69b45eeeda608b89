/**
 * What a disk would boot by the independent model, and whether that is the state before a spend, the one after
 * it, or neither.
 *
 * @module
 */
import {
  backupValid,
  modelChoice,
  type ModelDisk,
  ModelError,
  modelRead,
  modelRepair,
  primaryValid,
} from "./model.ts";

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
    const disk = diskOf(bytes, sectorSize);
    const gpt = modelRead(disk);
    const [primary, backup] = [primaryValid(gpt), backupValid(gpt)];
    modelRepair(disk, gpt);
    const slot = modelChoice(gpt);
    return {
      primary,
      backup,
      partition: slot === null ? null : slot.index + 1,
      tries: slot?.tries ?? null,
      table: gpt.entries,
    };
  } catch (error) {
    if (error instanceof ModelError) return error.message;
    throw error;
  }
}

export interface Outcome {
  /** `old` or `new` if GRUB sees exactly that table, choice included; else a sentence. */
  readonly state: string;
  /**
   * Whether Linux, loaded by GRUB from that state, finds partitions: it reads the primary alone, which GRUB has
   * written anew if it took a try.
   */
  readonly linuxFindsDisk: boolean;
}

/** Judge states between two others. */
export function judge(
  before: Uint8Array,
  after: Uint8Array,
  sectorSize: number,
): (state: Uint8Array) => Outcome {
  const references = [["old", boots(before, sectorSize)], ["new", boots(after, sectorSize)]] as const;
  return (bytes) => {
    const now = boots(bytes, sectorSize);
    if (typeof now === "string") return { state: `GRUB: ${now}`, linuxFindsDisk: false };
    const linuxFindsDisk = now.primary || (now.tries ?? 0) > 0;
    for (const [state, reference] of references) {
      const same = typeof reference === "object" && now.table.equals(reference.table) &&
        now.partition === reference.partition && now.tries === reference.tries;
      if (same) return { state, linuxFindsDisk };
    }
    return { state: `neither: GRUB takes ${now.partition ?? "no slot"}`, linuxFindsDisk };
  };
}
