/**
 * GRUB's repair of a GPT with one bad copy, in memory, and its update of both headers for a changed table.
 *
 * @module
 */
import { crc32 } from "./crc32.ts";
import {
  checkBackupPlaces,
  checkPrimaryPlaces,
  type GptHeader,
  HEADER_BYTES,
  PRIMARY_LBA,
  tableSectors,
} from "./header.ts";
import type { Gpt } from "./read.ts";

/** Where GRUB puts the table of a primary that it rebuilds. */
const PRIMARY_TABLE_LBA = 2n;

export interface Headers {
  readonly primary: GptHeader;
  readonly backup: GptHeader;
}

export type Updated =
  | { readonly ok: true; readonly headers: Headers }
  | { readonly ok: false; readonly reason: string };

function backupOf(primary: GptHeader, alternateLba: bigint, sectorSize: number): Headers {
  const moved = { ...primary, alternateLba };
  return {
    primary: moved,
    backup: {
      ...primary,
      myLba: alternateLba,
      alternateLba: PRIMARY_LBA,
      entriesLba: BigInt.asUintN(64, alternateLba - tableSectors(primary, sectorSize)),
    },
  };
}

/**
 * Both headers, the missing one made from the other. Where the disk has grown past a valid primary's backup
 * and no valid backup is there, the backup goes to the new end; the last usable sector stays. Null if neither
 * copy is valid.
 */
export function repairedHeaders(gpt: Gpt): Headers | null {
  const { primary, backup } = gpt.headers;
  if (gpt.primary === "valid" && primary !== null) {
    if (gpt.backup === "valid" && backup !== null) return { primary, backup };
    const last = gpt.diskSectors === null ? null : gpt.diskSectors - 1n;
    const alternate = last !== null && last > primary.alternateLba ? last : primary.alternateLba;
    return backupOf(primary, alternate, gpt.sectorSize);
  }
  if (backup === null) return null;
  return {
    primary: {
      ...backup,
      myLba: PRIMARY_LBA,
      alternateLba: backup.myLba,
      entriesLba: PRIMARY_TABLE_LBA,
    },
    backup,
  };
}

/** Both headers as GRUB would write them with this table: repaired if need be, 92 bytes long, in sync. */
export function updatedHeaders(gpt: Gpt, table: Uint8Array): Updated {
  const base = repairedHeaders(gpt);
  if (base === null) return { ok: false, reason: "no valid GPT header" };
  const common = { headerSize: HEADER_BYTES, entriesCrc: crc32(table) };
  const primary = { ...base.primary, ...common };
  const backup = { ...base.backup, ...common };
  const primaryFault = checkPrimaryPlaces(primary, gpt.sectorSize);
  if (primaryFault !== null) {
    return { ok: false, reason: `Generated invalid GPT primary header: ${primaryFault}` };
  }
  const backupFault = checkBackupPlaces(backup, gpt.sectorSize, primary);
  if (backupFault !== null) {
    return { ok: false, reason: `Generated invalid GPT backup header: ${backupFault}` };
  }
  return { ok: true, headers: { primary, backup } };
}

/**
 * Why GRUB cannot repair this GPT, null if it can or need not. It tries before it looks for a slot, so a
 * failure leaves it without one even if nothing would have been written.
 */
export function repairFault(gpt: Gpt): string | null {
  if (gpt.primary === "valid" && gpt.backup === "valid") return null;
  const updated = updatedHeaders(gpt, gpt.table);
  return updated.ok ? null : updated.reason;
}
