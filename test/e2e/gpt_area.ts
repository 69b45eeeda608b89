/**
 * The two ends of a test machine's disk, where its partition table lies, without all that is between them.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import { statSync } from "node:fs";
import { brokenSectorStates, type CutState, cutStates, MemoryDisk } from "../gpt/memory_disk.ts";
import { type Boots, boots } from "../gpt/outcome.ts";
import { strictFaults } from "../gpt/strict_reader.ts";
import { readBytes, writeBytes } from "./disk.ts";
import { type LogEntry, SECTOR, type SectorRange, touches } from "./write_log.ts";

/** MBR, header and table; table and header of the backup. Sectors. */
const HEAD = 34;
const TAIL = 33;

export class GptArea {
  /** Sectors of the disk. */
  readonly sectors: number;
  readonly ranges: readonly [SectorRange, SectorRange];
  /** As large as the disk. Only its ends are ever touched, so only they take memory. */
  readonly #whole: Uint8Array;

  constructor(disk: string) {
    this.sectors = statSync(disk).size / SECTOR;
    this.#whole = new Uint8Array(this.sectors * SECTOR);
    this.ranges = [{ first: 0, last: HEAD - 1 }, { first: this.sectors - TAIL, last: this.sectors - 1 }];
  }

  /** Both ends of a disk, one right after the other. No Buffer, whose slices would share their bytes. */
  read(disk: string): Uint8Array {
    const ends = new Uint8Array((HEAD + TAIL) * SECTOR);
    ends.set(readBytes(disk, 0, HEAD * SECTOR), 0);
    ends.set(readBytes(disk, -TAIL * SECTOR, TAIL * SECTOR), HEAD * SECTOR);
    return ends;
  }

  write(disk: string, ends: Uint8Array): void {
    writeBytes(disk, 0, ends.subarray(0, HEAD * SECTOR));
    writeBytes(disk, (this.sectors - TAIL) * SECTOR, ends.subarray(HEAD * SECTOR));
  }

  includes(entry: LogEntry): boolean {
    return this.ranges.some((range) => touches(entry, range));
  }

  /** Do to the ends what a write did. A write of the kernel is a page, and may reach beyond them. */
  apply(ends: Uint8Array, entry: LogEntry): void {
    if (entry.kind !== "write") return;
    for (let at = 0; at < entry.bytes.length; at += SECTOR) {
      const place = this.#place(entry.sector + at / SECTOR);
      if (place !== null) ends.set(entry.bytes.subarray(at, at + SECTOR), place * SECTOR);
    }
  }

  #place(sector: number): number | null {
    if (sector < HEAD) return sector;
    return sector >= this.sectors - TAIL ? sector - (this.sectors - TAIL) + HEAD : null;
  }

  #expand(ends: Uint8Array): Uint8Array {
    this.#whole.set(ends.subarray(0, HEAD * SECTOR), 0);
    this.#whole.set(ends.subarray(HEAD * SECTOR), (this.sectors - TAIL) * SECTOR);
    return this.#whole;
  }

  /** What GRUB would make of a disk with these ends, by the independent model. */
  boots(ends: Uint8Array): Boots | string {
    return boots(this.#expand(ends), SECTOR);
  }

  faults(ends: Uint8Array): ReturnType<typeof strictFaults> {
    return strictFaults(this.#expand(ends), SECTOR);
  }

  /** Whether both copies hold the same table. */
  copiesAgree(ends: Uint8Array): boolean {
    const table = ends.subarray(2 * SECTOR, HEAD * SECTOR);
    return table.every((byte, at) => byte === ends[HEAD * SECTOR + at]);
  }

  /**
   * What was written to the ends between which flushes, sector by sector. A sector that is written as it was is
   * left out: whether it arrives makes no difference.
   */
  written(before: Uint8Array, entries: readonly LogEntry[]): MemoryDisk {
    const disk = new MemoryDisk(before, SECTOR);
    for (const entry of entries) {
      if (entry.kind === "flush") {
        disk.sync();
        continue;
      }
      for (let at = 0; at < entry.bytes.length; at += SECTOR) {
        const place = this.#place(entry.sector + at / SECTOR);
        const bytes = entry.bytes.subarray(at, at + SECTOR);
        if (place === null || bytes.equals(disk.bytes.subarray(place * SECTOR, (place + 1) * SECTOR))) {
          continue;
        }
        disk.write(place * SECTOR, bytes);
      }
    }
    return disk;
  }
}

/** Every different content that a power cut can have left, torn sectors included. */
export function tornStates(before: Uint8Array, disk: MemoryDisk): readonly CutState[] {
  const found = new Map<string, CutState>();
  for (const states of [cutStates(before, disk, () => 0), brokenSectorStates(before, disk)]) {
    for (const state of states) {
      const key = Buffer.from(state.bytes).toString("latin1");
      if (!found.has(key)) found.set(key, state);
    }
  }
  return [...found.values()];
}
