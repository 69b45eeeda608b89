/**
 * A disk in memory that remembers what was written between which barriers, and can say what any power cut would
 * have left.
 *
 * @module
 */
import type { BlockDevice } from "../../src/gpt/block_device.ts";
import type { Observed } from "../../src/host/host.ts";

/** One sector as a write changed it. */
export interface SectorWrite {
  readonly sector: number;
  readonly bytes: Uint8Array;
}

export class MemoryDisk implements BlockDevice {
  readonly path = "memory";
  readonly sectorSize: number;
  readonly size: number;
  readonly bytes: Uint8Array;
  /** Sectors written, one list for each barrier; the last one is what no barrier has followed yet. */
  readonly epochs: SectorWrite[][] = [[]];
  /** Called before each access; throw to make it fail. */
  onRead: (sector: number, sectors: number) => string | null = () => null;
  onWrite: (sector: number, sectors: number) => void = () => {};
  onSync: () => void = () => {};
  reads = 0;

  constructor(bytes: Uint8Array, sectorSize: number, size = bytes.length) {
    this.bytes = bytes.slice();
    this.sectorSize = sectorSize;
    this.size = size;
  }

  read(offset: number, length: number): Observed<Uint8Array> {
    this.reads++;
    const fault = this.onRead(Math.floor(offset / this.sectorSize), Math.ceil(length / this.sectorSize));
    if (fault !== null) return { ok: false, failure: { kind: "io", message: `memory: ${fault}` } };
    if (offset + length > this.size) {
      return { ok: false, failure: { kind: "io", message: "memory: too far" } };
    }
    return { ok: true, value: this.bytes.slice(offset, offset + length) };
  }

  write(offset: number, bytes: Uint8Array): void {
    if (offset % this.sectorSize !== 0 || bytes.length % this.sectorSize !== 0 || bytes.length === 0) {
      throw new Error(`not whole sectors: ${bytes.length} bytes at ${offset}`);
    }
    if (offset + bytes.length > this.size) throw new Error("beyond the end");
    this.onWrite(offset / this.sectorSize, bytes.length / this.sectorSize);
    for (let at = 0; at < bytes.length; at += this.sectorSize) {
      const sector = (offset + at) / this.sectorSize;
      this.epochs.at(-1)?.push({ sector, bytes: bytes.slice(at, at + this.sectorSize) });
    }
    this.bytes.set(bytes, offset);
  }

  sync(): void {
    this.onSync();
    this.epochs.push([]);
  }
}

/** A state in which a power cut can leave the disk. */
export interface CutState {
  /** `2:101`: in the third epoch, its first and third sector had reached the medium. */
  readonly name: string;
  readonly bytes: Uint8Array;
}

function applied(base: Uint8Array, writes: readonly SectorWrite[], sectorSize: number): Uint8Array {
  const bytes = base.slice();
  for (const write of writes) bytes.set(write.bytes, write.sector * sectorSize);
  return bytes;
}

function epochsWritten(disk: MemoryDisk): readonly (readonly SectorWrite[])[] {
  return disk.epochs.filter((epoch) => epoch.length > 0);
}

export interface CutOptions {
  /** All subsets of an epoch of up to so many sectors; 8 unless told. */
  readonly exhaustive?: number;
  /** Random subsets of a larger one; 64 unless told. */
  readonly samples?: number;
  /** Of a larger one, every n-th beginning and end; 1 unless told. */
  readonly stride?: number;
}

/**
 * Every state a power cut can leave: all epochs before are there, and of one epoch any subset of its sectors, in
 * whatever order the medium took them. Of large epochs a selection.
 */
export function* cutStates(
  before: Uint8Array,
  disk: MemoryDisk,
  random: () => number,
  options: CutOptions = {},
): Generator<CutState> {
  const { exhaustive = 8, samples = 64, stride = 1 } = options;
  let base = before;
  for (const [index, epoch] of epochsWritten(disk).entries()) {
    const masks: boolean[][] = [];
    if (epoch.length <= exhaustive) {
      for (let bits = 0; bits < 1 << epoch.length; bits++) {
        masks.push(epoch.map((_, at) => (bits >> at & 1) === 1));
      }
    } else {
      for (let cut = 0; cut <= epoch.length; cut += stride) {
        masks.push(epoch.map((_, at) => at < cut), epoch.map((_, at) => at >= cut));
      }
      for (let sample = 0; sample < samples; sample++) masks.push(epoch.map(() => random() < 0.5));
    }
    for (const mask of masks) {
      const name = `${index}:${mask.map((on) => on ? "1" : "0").join("")}`;
      yield { name, bytes: applied(base, epoch.filter((_, at) => mask[at]), disk.sectorSize) };
    }
    base = applied(base, epoch, disk.sectorSize);
  }
}

/** {@link cutStates}, each content of the disk once: for tests that start a program for each. */
export function distinctCutStates(before: Uint8Array, disk: MemoryDisk): readonly CutState[] {
  const found: CutState[] = [];
  for (const state of cutStates(before, disk, () => 0)) {
    if (!found.some((other) => Buffer.compare(other.bytes, state.bytes) === 0)) found.push(state);
  }
  return found;
}

/**
 * Worse than a sector that is old or new: the cut comes in the middle of one, which then holds its new first
 * half and old second half, or rubbish. The sectors of its epoch before it are there.
 */
export function* brokenSectorStates(before: Uint8Array, disk: MemoryDisk): Generator<CutState> {
  const size = disk.sectorSize;
  let base = before;
  for (const [index, epoch] of epochsWritten(disk).entries()) {
    for (const [at, write] of epoch.entries()) {
      const bytes = applied(base, epoch.slice(0, at), size);
      const offset = write.sector * size;
      for (const cut of [8, 20, 60, size / 2]) {
        const half = bytes.slice();
        half.set(write.bytes.subarray(0, cut), offset);
        yield { name: `${index}:${at} cut after byte ${cut}`, bytes: half };
      }
      const rubbish = bytes.slice();
      rubbish.fill(0xa5, offset, offset + size);
      yield { name: `${index}:${at} rubbish`, bytes: rubbish };
    }
    base = applied(base, epoch, size);
  }
}
