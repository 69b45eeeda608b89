/**
 * Which slot GRUB takes next, and where partitions are.
 *
 * @module
 */
import { FLATCAR_GUID } from "./guid.ts";
import type { Gpt } from "./read.ts";
import { repairFault } from "./repair.ts";
import type { SlotState } from "./slot.ts";
import { type Partition, slotState } from "./table.ts";

/** Every entry that takes part in A/B selection, in the table's order. */
export function slotsOf(gpt: Gpt): readonly SlotState[] {
  return gpt.entries.filter((entry) => entry.type === FLATCAR_GUID.typeUsr).map(slotState);
}

/**
 * The slot that GRUB's `gptprio.next` takes: highest priority among those with tries left or marked
 * successful; of equals the first; priority 0 never. Null if there is none: GRUB then waits at its console.
 */
export function nextOf(slots: readonly SlotState[]): SlotState | null {
  let best: SlotState | null = null;
  for (const slot of slots) {
    const bootable = slot.tries > 0 || slot.successful;
    if (bootable && slot.priority > (best?.priority ?? 0)) best = slot;
  }
  return best;
}

/** {@link nextOf} the slots of a GPT; null as well if GRUB gives up before it looks ({@link repairFault}). */
export function nextSlot(gpt: Gpt): SlotState | null {
  return repairFault(gpt) === null ? nextOf(slotsOf(gpt)) : null;
}

/** What GRUB leaves in `tries` once it has taken this slot; it takes one even if the slot is successful. */
export function triesAfter(slot: SlotState): number {
  return Math.max(0, slot.tries - 1);
}

/** First partition with this unique GUID, either case, or null. */
export function partitionByUuid(gpt: Gpt, uuid: string): Partition | null {
  const wanted = uuid.toLowerCase();
  return gpt.entries.find((entry) => entry.partuuid === wanted) ?? null;
}

/** First partition with exactly this name, or null. */
export function partitionByName(gpt: Gpt, name: string): Partition | null {
  return gpt.entries.find((entry) => entry.name === name) ?? null;
}

/** All partitions of a type, either case, in the table's order. */
export function partitionsByType(gpt: Gpt, type: string): readonly Partition[] {
  const wanted = type.toLowerCase();
  return gpt.entries.filter((entry) => entry.type === wanted);
}

/** Where a partition lies on its disk, bytes. */
export interface ByteRange {
  readonly offset: number;
  readonly length: number;
}

/** The bytes of a partition, or null if the entry does not describe a place on this disk. */
export function byteRange(gpt: Gpt, partition: Partition): ByteRange | null {
  const { firstLba, lastLba } = partition;
  if (firstLba > lastLba || (gpt.diskSectors !== null && lastLba >= gpt.diskSectors)) return null;
  const size = BigInt(gpt.sectorSize);
  const end = (lastLba + 1n) * size;
  if (end > BigInt(Number.MAX_SAFE_INTEGER)) return null;
  return { offset: Number(firstLba * size), length: Number((lastLba - firstLba + 1n) * size) };
}
