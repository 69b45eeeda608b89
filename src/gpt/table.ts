/**
 * The GPT entry table (UEFI 2.10 §5.3.3) and the attribute bits in which Flatcar keeps a slot's counters.
 *
 * @module
 */
import { decodeGuid, isNilGuid } from "./guid.ts";
import type { SlotState } from "./slot.ts";

/** A used entry of the table: one whose type is not all zeros. */
export interface Partition {
  /** Partition number, counted from 1. */
  readonly partition: number;
  /** Type GUID, lower case. */
  readonly type: string;
  /** Unique GUID, lower case. */
  readonly partuuid: string;
  /** First logical sector. */
  readonly firstLba: bigint;
  /** Last logical sector, itself part of the partition. */
  readonly lastLba: bigint;
  /** All 64 bits. */
  readonly attributes: bigint;
  readonly name: string;
}

/** Bytes of an entry that mean anything; longer entries carry nobody's bytes behind them. */
const ENTRY_BYTES = 128;
const AT = { type: 0, unique: 16, first: 32, last: 40, attributes: 48, name: 56 } as const;
const NAME_UNITS = 36;

const PRIORITY_SHIFT = 48n;
const TRIES_SHIFT = 52n;
const SUCCESSFUL_BIT = 1n << 56n;
const COUNTER_MASK = 0xfn;

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

function decodeName(view: DataView, offset: number): string {
  let name = "";
  for (let unit = 0; unit < NAME_UNITS; unit++) {
    const code = view.getUint16(offset + 2 * unit, true);
    if (code === 0) break;
    name += String.fromCharCode(code);
  }
  return name.toWellFormed();
}

/** All used entries, in the table's order. A rest shorter than an entry is ignored. */
export function decodeTable(table: Uint8Array, entrySize: number): readonly Partition[] {
  const view = viewOf(table);
  const found: Partition[] = [];
  for (let index = 0, offset = 0; offset + ENTRY_BYTES <= table.length; index++, offset += entrySize) {
    if (isNilGuid(table, offset + AT.type)) continue;
    found.push({
      partition: index + 1,
      type: decodeGuid(table, offset + AT.type),
      partuuid: decodeGuid(table, offset + AT.unique),
      firstLba: view.getBigUint64(offset + AT.first, true),
      lastLba: view.getBigUint64(offset + AT.last, true),
      attributes: view.getBigUint64(offset + AT.attributes, true),
      name: decodeName(view, offset + AT.name),
    });
  }
  return found;
}

/** The counters in an entry's attributes. */
export function slotState(entry: Partition): SlotState {
  return {
    partition: entry.partition,
    partuuid: entry.partuuid,
    label: entry.name,
    priority: Number((entry.attributes >> PRIORITY_SHIFT) & COUNTER_MASK),
    tries: Number((entry.attributes >> TRIES_SHIFT) & COUNTER_MASK),
    successful: (entry.attributes & SUCCESSFUL_BIT) !== 0n,
  };
}

/** A copy of the table with one partition's tries set to 0..15 and every other bit as it was. */
export function withTries(
  table: Uint8Array,
  entrySize: number,
  partition: number,
  tries: number,
): Uint8Array {
  if (!Number.isInteger(tries) || tries < 0 || tries > 15) {
    throw new RangeError(`tries out of range: ${tries}`);
  }
  const changed = table.slice();
  const view = viewOf(changed);
  const at = (partition - 1) * entrySize + AT.attributes;
  const rest = view.getBigUint64(at, true) & ~(COUNTER_MASK << TRIES_SHIFT);
  view.setBigUint64(at, rest | (BigInt(tries) << TRIES_SHIFT), true);
  return changed;
}
