/**
 * Writing to a whole disk, or an image of one.
 *
 * The disk's own node is used while its partitions are mounted, as cgpt and sgdisk do. That is coherent: the
 * sectors of a GPT belong to no partition, so no other cache holds them. The kernel keeps its view of the
 * partitions (no BLKRRPART: it would fail with mounted partitions, and no partition changes). An exclusive
 * flock on the node keeps udev away meanwhile (systemd, "Locking Block Device Access").
 *
 * @module
 */
import {
  type BigIntStats,
  closeSync,
  constants,
  fstatSync,
  fsyncSync,
  openSync,
  readFileSync,
  readSync,
  writeSync,
} from "node:fs";
import type { BlockReader, Observed } from "../host/host.ts";
import { KexecError, messageOf, systemErrorCode } from "../lib/errors.ts";
import { lockDescriptor } from "../lib/flock.ts";

/** A disk that can be written. Failures of `write` and `sync` are thrown. */
export interface BlockDevice extends BlockReader {
  /** Write whole logical sectors: `offset` and length are multiples of `sectorSize`. */
  write(offset: number, bytes: Uint8Array): void;
  /** Return once everything written is on the medium. */
  sync(): void;
}

export interface OpenDisk extends BlockDevice {
  /** Close, and by that let go of the lock. */
  close(): void;
}

export interface OpenDiskOptions {
  /** Sector size of an image file, bytes; a block device has its own. 512 unless told. */
  readonly sectorSize?: 512 | 4096;
  /** How long to wait for somebody else's lock, seconds; 5 unless told. */
  readonly lockSeconds?: number;
}

/** The kernel counts block devices in these units whatever their sector size, bytes. */
const SYSFS_UNIT = 512;
const DEFAULT_LOCK_SECONDS = 5;

interface Geometry {
  readonly sectorSize: number;
  readonly size: number;
}

function deviceNumber(rdev: bigint): string {
  const major = ((rdev >> 8n) & 0xfffn) | ((rdev >> 32n) & ~0xfffn);
  const minor = (rdev & 0xffn) | ((rdev >> 12n) & ~0xffn);
  return `${major}:${minor & 0xffffffffn}`;
}

function unreadable(path: string, why: string, hint?: string): KexecError {
  return new KexecError(
    "disk-unreadable",
    `Cannot open ${path} for writing: ${why}`,
    hint === undefined ? {} : { hint },
  );
}

function sysfsNumber(folder: string, name: string, path: string): number {
  let text: string;
  try {
    text = readFileSync(`${folder}/${name}`, "utf8").trim();
  } catch (error) {
    const why = systemErrorCode(error) === "ENOENT"
      ? `${folder}/${name} is missing, so it is not a whole disk`
      : messageOf(error);
    throw unreadable(path, why, "name the disk itself, not one of its partitions");
  }
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value < 0) {
    throw unreadable(path, `${folder}/${name} holds "${text}", not a number`);
  }
  return value;
}

function geometryOf(path: string, status: BigIntStats, imageSectorSize: number): Geometry {
  if (status.isFile()) return { sectorSize: imageSectorSize, size: Number(status.size) };
  if (!status.isBlockDevice()) throw unreadable(path, "it is neither a block device nor an image file");
  const folder = `/sys/dev/block/${deviceNumber(status.rdev)}`;
  const sectorSize = sysfsNumber(folder, "queue/logical_block_size", path);
  return { sectorSize, size: sysfsNumber(folder, "size", path) * SYSFS_UNIT };
}

function openFailure(path: string, error: unknown): KexecError {
  switch (systemErrorCode(error)) {
    case "EACCES":
    case "EPERM":
      return new KexecError(
        "needs-root",
        `Cannot open ${path} for writing: permission denied, or it is read-only`,
        {
          cause: error,
          hint: "writing to a disk needs root, and a disk that is not write-protected",
        },
      );
    case "EROFS":
      return new KexecError("write-failed", `Cannot open ${path} for writing: it is read-only`, {
        cause: error,
      });
    case "ENOENT":
      return unreadable(path, "there is no such file");
    default:
      return unreadable(path, messageOf(error));
  }
}

class FileDisk implements OpenDisk {
  readonly path: string;
  readonly sectorSize: number;
  readonly size: number;
  readonly #fd: number;

  constructor(path: string, fd: number, geometry: Geometry) {
    this.path = path;
    this.#fd = fd;
    this.sectorSize = geometry.sectorSize;
    this.size = geometry.size;
  }

  read(offset: number, length: number): Observed<Uint8Array> {
    const fail = (why: string): Observed<Uint8Array> => ({
      ok: false,
      failure: {
        kind: "io",
        message: `Cannot read ${length} bytes at byte ${offset} of ${this.path}: ${why}`,
      },
    });
    if (offset < 0 || length < 0 || offset + length > this.size) return fail(`it has ${this.size} bytes`);
    const bytes = new Uint8Array(length);
    for (let done = 0; done < length;) {
      let count: number;
      try {
        count = readSync(this.#fd, bytes, done, length - done, offset + done);
      } catch (error) {
        return fail(messageOf(error));
      }
      if (count === 0) return fail(`it ends after ${done} of them`);
      done += count;
    }
    return { ok: true, value: bytes };
  }

  write(offset: number, bytes: Uint8Array): void {
    const at = `${bytes.length} bytes at byte ${offset} of ${this.path}`;
    if (offset % this.sectorSize !== 0 || bytes.length % this.sectorSize !== 0) {
      throw new KexecError("internal", `Cannot write ${at}: not whole sectors of ${this.sectorSize} bytes`);
    }
    // A write past the end would make an image file longer.
    if (offset < 0 || offset + bytes.length > this.size) {
      throw new KexecError("write-failed", `Cannot write ${at}: it has ${this.size} bytes`);
    }
    for (let done = 0; done < bytes.length;) {
      try {
        done += writeSync(this.#fd, bytes, done, bytes.length - done, offset + done);
      } catch (error) {
        throw new KexecError("write-failed", `Cannot write ${at}: ${messageOf(error)}`, { cause: error });
      }
    }
  }

  sync(): void {
    try {
      fsyncSync(this.#fd);
    } catch (error) {
      throw new KexecError("write-failed", `Cannot flush ${this.path}: ${messageOf(error)}`, {
        cause: error,
      });
    }
  }

  close(): void {
    closeSync(this.#fd);
  }
}

/**
 * Open a whole disk, or an image file, for writing, and lock it.
 *
 * @throws {KexecError} `needs-root`, `disk-unreadable`, `write-failed` (read-only), `lock-held`.
 */
export function openDisk(path: string, options: OpenDiskOptions = {}): OpenDisk {
  const seconds = options.lockSeconds ?? DEFAULT_LOCK_SECONDS;
  let fd: number;
  try {
    fd = openSync(path, constants.O_RDWR);
  } catch (error) {
    throw openFailure(path, error);
  }
  try {
    const disk = new FileDisk(
      path,
      fd,
      geometryOf(path, fstatSync(fd, { bigint: true }), options.sectorSize ?? 512),
    );
    if (!lockDescriptor(fd, seconds)) {
      throw new KexecError(
        "lock-held",
        `Cannot write to ${path}: somebody else has locked it for ${seconds} s or more`,
        {
          hint: "see who with: lslocks; then try again",
        },
      );
    }
    return disk;
  } catch (error) {
    closeSync(fd);
    throw error;
  }
}

/** {@link openDisk}, and close whatever happens. */
export function withDisk<T>(path: string, options: OpenDiskOptions, use: (disk: BlockDevice) => T): T {
  const disk = openDisk(path, options);
  try {
    return use(disk);
  } finally {
    disk.close();
  }
}
