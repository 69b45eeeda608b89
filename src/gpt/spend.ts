/**
 * What has to be written to change one slot's tries, and in which order, so that a power cut at any point
 * leaves a disk that boots, in the old or the new state.
 *
 * The end is, byte for byte, what GRUB writes. The order is not GRUB's (backup, then primary, the header before
 * the table), because of two readers:
 *
 * - GRUB uses a copy whose header and table fit; while a valid primary header is there, the backup must agree
 *   with it. So header and table of the primary cannot change together, and while they disagree the backup
 *   decides, and must agree with that header.
 * - Linux reads the primary alone, unless `gpt` is on its command line (Documentation/admin-guide/
 *   kernel-parameters.txt, "gpt"). While the primary is invalid, a kernel that GRUB loads finds no partitions and
 *   reboots for ever. But where GRUB takes a slot with tries left, it writes both copies anew before that.
 *
 * Hence the rule: while the primary disagrees with itself, the backup must hold the state in which GRUB takes a
 * slot with tries left. For taking a try that is the old state: primary table, primary header, backup. For
 * giving one back it is the new state: backup, primary header, primary table. Each step is on the medium before
 * the next begins.
 *
 * A copy that is invalid to begin with is made good first, where the other one allows it:
 *
 * - Backup invalid: it is written in the old state before the primary is touched.
 * - Primary invalid: the backup decides until the primary is whole, so the primary goes first, table before
 *   header, whatever is being done. (GRUB begins with the backup here as well: a cut then leaves no valid copy.)
 *
 * @module
 */
import { encodeHeader, type GptHeader, tableSectors } from "./header.ts";
import type { Gpt } from "./read.ts";
import { type Headers, repairedHeaders, updatedHeaders } from "./repair.ts";
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

/** Which copy decides while the primary disagrees with itself: the backup in its old or its new state. */
type Order = "primary-first" | "backup-first";

function orderedSteps(
  gpt: Gpt,
  old: Headers,
  updated: Headers,
  table: Uint8Array,
  order: Order,
): WriteStep[] {
  const write = (structure: Structure, lba: bigint, bytes: Uint8Array): WriteStep => ({
    kind: "write",
    structure,
    offset: Number(lba * BigInt(gpt.sectorSize)),
    bytes,
  });
  const primaryHeader = ({ primary }: Headers): WriteStep[] => [
    write("primary header", primary.myLba, encodeHeader(primary)),
    BARRIER,
  ];
  const primaryTable = ({ primary }: Headers, entries: Uint8Array): WriteStep[] => [
    write("primary table", primary.entriesLba, entries),
    BARRIER,
  ];
  // Nothing depends on the order within the backup: the primary is valid whenever it is written.
  const bothOfBackup = ({ backup }: Headers, entries: Uint8Array): WriteStep[] => [
    write("backup header", backup.myLba, encodeHeader(backup)),
    write("backup table", backup.entriesLba, entries),
    BARRIER,
  ];
  if (order === "backup-first" && gpt.primary === "valid") {
    return [...bothOfBackup(updated, table), ...primaryHeader(updated), ...primaryTable(updated, table)];
  }
  return [
    // The old primary header differs only where the disk has grown: it then points to the new backup.
    ...(gpt.backup === "invalid" ? [...bothOfBackup(old, gpt.table), ...primaryHeader(old)] : []),
    ...primaryTable(updated, table),
    ...primaryHeader(updated),
    ...bothOfBackup(updated, table),
  ];
}

function stepsFor(gpt: Gpt, table: Uint8Array, order: Order): Steps {
  if (gpt.readError !== null) {
    return { kind: "refused", reason: `the disk has read errors: ${gpt.readError}` };
  }
  const old = repairedHeaders(gpt);
  const updated = updatedHeaders(gpt, table);
  if (!updated.ok) return { kind: "refused", reason: updated.reason };
  if (old === null) return { kind: "refused", reason: "no valid GPT header" };
  const { primary, backup } = updated.headers;
  const reason = obstacle(gpt, [
    placeOfHeader("backup header", backup),
    placeOfTable("backup table", backup, gpt.sectorSize),
    placeOfHeader("primary header", primary),
    placeOfTable("primary table", primary, gpt.sectorSize),
  ]);
  if (reason !== null) return { kind: "refused", reason };
  return { kind: "write", steps: orderedSteps(gpt, old, updated.headers, table, order), table };
}

function planTries(gpt: Gpt, slot: SlotState, tries: number, order: Order): SpendPlan {
  const table = withTries(gpt.table, gpt.entrySize, slot.partition, tries);
  const planned = stepsFor(gpt, table, order);
  if (planned.kind === "refused") return planned;
  const after = slotsOf(gpt).map((other) => other.partition === slot.partition ? { ...other, tries } : other);
  return { ...planned, triesAfter: tries, nextAfter: nextOf(after) };
}

/** Taking one try of a slot of this GPT, as GRUB does when it boots the slot. */
export function planSpend(gpt: Gpt, slot: SlotState): SpendPlan {
  if (slot.tries === 0) return { kind: "nothing", triesAfter: 0 };
  return planTries(gpt, slot, triesAfter(slot), "primary-first");
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
  const plan = planTries(gpt, slot, 1, "backup-first");
  if (plan.kind === "write" && plan.nextAfter?.partition !== slot.partition) {
    return refuse(`GRUB would still take partition ${plan.nextAfter?.partition ?? "none"}`);
  }
  return plan;
}
