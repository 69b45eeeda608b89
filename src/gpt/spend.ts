/**
 * What has to be written to change one slot's tries, and in which order, so that a power cut at any point
 * leaves a table that GRUB reads as the old or the new state.
 *
 * The end is, byte for byte, what GRUB writes. The order is GRUB's too (backup, then primary) while the primary
 * is valid. GRUB keeps that order also when only the backup is valid; a cut then leaves no valid copy at all,
 * so here the invalid copy is always made good first. Why each barrier is where it is:
 *
 * - Primary valid: until the primary header changes, the old primary decides, whatever the backup holds. Once
 *   it has, the primary table no longer fits it and the new backup decides, so all of the backup must be on
 *   the disk before. A new primary table under the old header would leave no valid copy (the backup is out of
 *   sync with that header), so the header must be on the disk before the table.
 * - Primary header invalid: the backup decides until the primary header is there, so the primary table goes
 *   first, then the header; the backup follows.
 * - Primary header valid, its table not: any change to either header puts the two out of sync while no valid
 *   primary table exists. The old table is therefore put back first.
 *
 * @module
 */
import { encodeHeader, type GptHeader, tableSectors } from "./header.ts";
import type { Gpt } from "./read.ts";
import { updatedHeaders } from "./repair.ts";
import { nextOf, slotsOf, triesAfter } from "./select.ts";
import type { SlotState } from "./slot.ts";
import { withTries } from "./table.ts";

export type Structure = "primary header" | "primary table" | "backup header" | "backup table";

/** Make the disk hold `bytes` at byte `offset`; or wait until everything before is on the disk. */
export type WriteStep =
  | {
    readonly kind: "write";
    readonly structure: Structure;
    readonly offset: number;
    readonly bytes: Uint8Array;
  }
  | { readonly kind: "barrier" };

export type SpendPlan =
  /** No tries are left to take: nothing is written, existing damage included. */
  | { readonly kind: "nothing"; readonly triesAfter: number }
  | {
    readonly kind: "write";
    readonly triesAfter: number;
    readonly steps: readonly WriteStep[];
    /** The entry table that the disk will hold. */
    readonly table: Uint8Array;
    /** What GRUB takes after this one: null means that it would wait at its console. */
    readonly nextAfter: SlotState | null;
  }
  /** It cannot be written safely, though GRUB might still write. */
  | { readonly kind: "refused"; readonly reason: string };

/** `unfit`: the slot is not one that lost its last try. */
export type GiveBackPlan = SpendPlan | { readonly kind: "unfit"; readonly reason: string };

type Steps =
  | { readonly kind: "write"; readonly steps: readonly WriteStep[]; readonly table: Uint8Array }
  | { readonly kind: "refused"; readonly reason: string };

const BARRIER: WriteStep = { kind: "barrier" };

/** Sectors `first` to `last`, both included. */
interface Place {
  readonly structure: Structure;
  readonly first: bigint;
  readonly last: bigint;
}

function placeOfHeader(structure: Structure, header: GptHeader): Place {
  return { structure, first: header.myLba, last: header.myLba };
}

function placeOfTable(structure: Structure, header: GptHeader, sectorSize: number): Place {
  const last = header.entriesLba + tableSectors(header, sectorSize) - 1n;
  return { structure, first: header.entriesLba, last };
}

/** A reason not to write there: GRUB does not look whether a partition lies in the way, we do. */
function obstacle(gpt: Gpt, places: readonly Place[]): string | null {
  for (const place of places) {
    if (gpt.diskSectors !== null && place.last >= gpt.diskSectors) {
      return `the ${place.structure} ends in sector ${place.last}, beyond the end of the disk (${gpt.diskSectors} sectors); ` +
        "without a second copy a power cut could leave none";
    }
    if ((place.last + 1n) * BigInt(gpt.sectorSize) > BigInt(Number.MAX_SAFE_INTEGER)) {
      return `the ${place.structure} lies beyond 2^53 bytes`;
    }
    const over = gpt.entries.find((entry) => entry.firstLba <= place.last && entry.lastLba >= place.first);
    if (over !== undefined) {
      return `partition ${over.partition} (sectors ${over.firstLba} to ${over.lastLba}) overlaps the ` +
        `${place.structure} (sectors ${place.first} to ${place.last})`;
    }
  }
  return null;
}

function stepsFor(gpt: Gpt, table: Uint8Array): Steps {
  if (gpt.readError !== null) {
    return { kind: "refused", reason: `the disk has read errors: ${gpt.readError}` };
  }
  const updated = updatedHeaders(gpt, table);
  if (!updated.ok) return { kind: "refused", reason: updated.reason };
  const { primary, backup } = updated.headers;
  const damaged = gpt.primary === "invalid" ? gpt.headers.primary : null;
  const places = [
    placeOfHeader("backup header", backup),
    placeOfTable("backup table", backup, gpt.sectorSize),
    placeOfHeader("primary header", primary),
    placeOfTable("primary table", primary, gpt.sectorSize),
    ...(damaged === null ? [] : [placeOfTable("primary table", damaged, gpt.sectorSize)]),
  ];
  const reason = obstacle(gpt, places);
  if (reason !== null) return { kind: "refused", reason };

  const at = (lba: bigint): number => Number(lba * BigInt(gpt.sectorSize));
  const header = (structure: Structure, value: GptHeader): WriteStep => ({
    kind: "write",
    structure,
    offset: at(value.myLba),
    bytes: encodeHeader(value),
  });
  const entries = (structure: Structure, value: GptHeader, bytes: Uint8Array): WriteStep => ({
    kind: "write",
    structure,
    offset: at(value.entriesLba),
    bytes,
  });
  const backupSteps = [header("backup header", backup), entries("backup table", backup, table), BARRIER];
  const primaryHeader = [header("primary header", primary), BARRIER];
  const primaryTable = [entries("primary table", primary, table), BARRIER];
  const steps = gpt.primary === "invalid" && damaged === null
    ? [...primaryTable, ...primaryHeader, ...backupSteps]
    : [
      ...(damaged === null ? [] : [entries("primary table", damaged, gpt.table), BARRIER]),
      ...backupSteps,
      ...primaryHeader,
      ...primaryTable,
    ];
  return { kind: "write", steps, table };
}

function planTries(gpt: Gpt, slot: SlotState, tries: number): SpendPlan {
  const table = withTries(gpt.table, gpt.entrySize, slot.partition, tries);
  const planned = stepsFor(gpt, table);
  if (planned.kind === "refused") return planned;
  const after = slotsOf(gpt).map((other) => other.partition === slot.partition ? { ...other, tries } : other);
  return { ...planned, triesAfter: tries, nextAfter: nextOf(after) };
}

/** Taking one try of a slot of this GPT, as GRUB does when it boots the slot. */
export function planSpend(gpt: Gpt, slot: SlotState): SpendPlan {
  if (slot.tries === 0) return { kind: "nothing", triesAfter: 0 };
  return planTries(gpt, slot, triesAfter(slot));
}

/**
 * Giving a slot one try again after a kexec lost it. Only for a slot that has spent its last try, was never
 * successful and has the highest priority, and only if GRUB would then take it.
 */
export function planGiveBack(gpt: Gpt, slot: SlotState): GiveBackPlan {
  const refuse = (why: string): GiveBackPlan => ({
    kind: "unfit",
    reason: `partition ${slot.partition} has priority ${slot.priority}, tries ${slot.tries}, successful ` +
      `${slot.successful ? 1 : 0}: ${why}`,
  });
  if (slot.tries !== 0) return refuse("a try is given back only where none is left");
  if (slot.successful) return refuse("a successful slot needs no try");
  const others = slotsOf(gpt).filter((other) => other.partition !== slot.partition);
  const rival = others.find((other) => other.priority > slot.priority);
  if (slot.priority === 0 || rival !== undefined) {
    const higher = rival === undefined ? "it has none" : `partition ${rival.partition} has more`;
    return refuse(`only the slot of highest priority gets its try back, and ${higher}`);
  }
  const plan = planTries(gpt, slot, 1);
  if (plan.kind === "write" && plan.nextAfter?.partition !== slot.partition) {
    return refuse(`GRUB would still take partition ${plan.nextAfter?.partition ?? "none"}`);
  }
  return plan;
}
