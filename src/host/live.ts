/**
 * A host that is really there: this machine, or a directory tree and a disk image that stand for one.
 *
 * @module
 */
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import {
  closeSync,
  constants,
  fstatSync,
  openSync,
  readdirSync,
  readlinkSync,
  readSync,
  statSync,
} from "node:fs";
import { resolve } from "node:path";
import { KexecError, messageOf } from "../lib/errors.ts";
import {
  type Arch,
  type BlockReader,
  type CommandOutcome,
  DEFAULT_READ_LIMIT,
  type FileStatus,
  type Host,
  type Observed,
} from "./host.ts";
import { type Namespace, resolveIn } from "./namespace.ts";
import { failed, fromSystemError, observe } from "./system_failure.ts";

export interface HostOptions {
  /** Directory that stands for `/`; default: this machine's. Commands are run only without it. */
  readonly root?: string;
  /** Directory that stands for `/boot`. */
  readonly boot?: string;
  /** Directory that stands for `/oem`. */
  readonly oem?: string;
  /** Block device or image file to use as the boot disk: a path of this machine, also with `root`. */
  readonly disk?: string;
  /** Default: this machine's. */
  readonly arch?: Arch;
  /** Logical sector size of image files, bytes; default 512. Devices know their own. */
  readonly sectorSize?: number;
}

/** Programs are looked for where Flatcar has them; the caller's PATH has no say. */
const PROGRAM_PATH = "/usr/sbin:/usr/bin:/sbin:/bin";
const COMMAND_SECONDS = 5;
const COMMAND_OUTPUT_LIMIT = 1 << 20;
const CHUNK = 1 << 16;
const DIGEST_CHUNK = 1 << 20;
/** Nonblocking, so that a FIFO where a file should be cannot hang us. */
const OPEN_FLAGS = constants.O_RDONLY | constants.O_NONBLOCK;

/**
 * The host that the options name.
 *
 * @throws {KexecError} `usage` if this machine is neither x86_64 nor aarch64 and no `arch` is given.
 */
export function createHost(options: HostOptions = {}): Host {
  return new FileHost(options);
}

function machineArch(): Arch {
  switch (process.arch) {
    case "x64":
      return "x86_64";
    case "arm64":
      return "aarch64";
    default:
      throw new KexecError(
        "usage",
        `Cannot tell the architecture: this machine is ${process.arch}, expected x86_64 or aarch64`,
        { hint: "name the host's with --arch" },
      );
  }
}

function namespaceOf(options: HostOptions): Namespace {
  return {
    root: resolve(options.root ?? "/"),
    mounts: {
      ...(options.boot === undefined ? {} : { "/boot": resolve(options.boot) }),
      ...(options.oem === undefined ? {} : { "/oem": resolve(options.oem) }),
    },
  };
}

/**
 * Where a path of the host lies on this machine, for the one command that writes to a disk of a tree: there
 * `/dev/vda` is a file of the tree, not this machine's disk.
 */
export function realPathOf(options: HostOptions, path: string): string {
  return path === options.disk ? path : resolveIn(namespaceOf(options), path);
}

/** `major:minor` of a Linux device number as stat(2) gives it. */
function deviceName(dev: number): string {
  const value = BigInt(dev);
  const major = ((value >> 8n) & 0xfffn) | ((value >> 32n) & ~0xfffn);
  const minor = (value & 0xffn) | ((value >> 12n) & ~0xffn);
  return `${major}:${minor}`;
}

function byCodeUnit(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/** Fill `target` from `position`, as far as the file goes; the number of bytes read. */
function readInto(fd: number, target: Uint8Array, position: number): number {
  let filled = 0;
  while (filled < target.length) {
    const count = readSync(fd, target, filled, target.length - filled, position + filled);
    if (count === 0) break;
    filled += count;
  }
  return filled;
}

class FileHost implements Host {
  readonly arch: Arch;
  readonly diskOverride: string | null;
  readonly #namespace: Namespace;
  readonly #isTree: boolean;
  readonly #sectorSize: number;
  #scratch: Uint8Array | null = null;

  constructor(options: HostOptions) {
    this.arch = options.arch ?? machineArch();
    this.diskOverride = options.disk ?? null;
    this.#isTree = options.root !== undefined && resolve(options.root) !== "/";
    this.#sectorSize = options.sectorSize ?? 512;
    this.#namespace = namespaceOf(options);
  }

  #real(path: string, followLast = true): string {
    return path === this.diskOverride ? path : resolveIn(this.#namespace, path, followLast);
  }

  /** Open a regular file, do something with it, close it. */
  #withFile<T>(path: string, action: (fd: number, size: number) => Observed<T>): Observed<T> {
    return observe(path, () => {
      const fd = openSync(this.#real(path), OPEN_FLAGS);
      try {
        const status = fstatSync(fd);
        if (status.isDirectory()) return failed("wrong-type", path, "is a directory, not a file");
        if (!status.isFile()) return failed("wrong-type", path, "is not a regular file");
        return action(fd, status.size);
      } finally {
        closeSync(fd);
      }
    });
  }

  read(path: string, limit: number = DEFAULT_READ_LIMIT): Observed<Uint8Array> {
    return this.#withFile(path, (fd, size) => {
      if (size > limit) return failed("too-large", path, `is ${size} bytes, at most ${limit} are read`);
      // Files of proc and sysfs do not know their size: read until they end.
      this.#scratch ??= new Uint8Array(CHUNK);
      const parts: Uint8Array[] = [];
      let total = 0;
      for (;;) {
        const count = readSync(fd, this.#scratch, 0, CHUNK, null);
        if (count === 0) break;
        total += count;
        if (total > limit) return failed("too-large", path, `has more than the ${limit} bytes that are read`);
        parts.push(this.#scratch.slice(0, count));
      }
      const [first] = parts;
      if (parts.length === 1 && first !== undefined) return { ok: true, value: first };
      const value = new Uint8Array(total);
      let offset = 0;
      for (const part of parts) {
        value.set(part, offset);
        offset += part.length;
      }
      return { ok: true, value };
    });
  }

  readRange(path: string, offset: number, length: number): Observed<Uint8Array> {
    return this.#withFile(path, (fd) => {
      const bytes = new Uint8Array(length);
      const count = readInto(fd, bytes, offset);
      return { ok: true, value: count === length ? bytes : bytes.slice(0, count) };
    });
  }

  status(path: string): Observed<FileStatus> {
    return observe(path, () => {
      const status = statSync(this.#real(path));
      const kind = status.isFile()
        ? "file"
        : status.isDirectory()
        ? "directory"
        : status.isBlockDevice()
        ? "block"
        : status.isCharacterDevice()
        ? "character"
        : "other";
      return {
        ok: true,
        value: {
          kind,
          size: kind === "file" ? status.size : 0,
          mode: status.mode & 0o7777,
          uid: status.uid,
          gid: status.gid,
          device: deviceName(status.dev),
        },
      };
    });
  }

  link(path: string): Observed<string> {
    return observe(path, () => ({ ok: true, value: readlinkSync(this.#real(path, false)) }));
  }

  list(path: string): Observed<readonly string[]> {
    return observe(path, () => ({ ok: true, value: readdirSync(this.#real(path)).sort(byCodeUnit) }));
  }

  digest(path: string): Observed<string> {
    return this.#withFile(path, (fd) => {
      const hash = createHash("sha256");
      const chunk = new Uint8Array(DIGEST_CHUNK);
      for (let count = readSync(fd, chunk); count > 0; count = readSync(fd, chunk)) {
        hash.update(chunk.subarray(0, count));
      }
      return { ok: true, value: hash.digest("hex") };
    });
  }

  block(path: string): Observed<BlockReader> {
    return observe(path, () => {
      const real = this.#real(path);
      const status = statSync(real);
      if (status.isFile()) {
        return { ok: true, value: blockReader(path, real, this.#sectorSize, status.size) };
      }
      if (!status.isBlockDevice()) {
        return failed("wrong-type", path, "is neither a block device nor a disk image");
      }
      // sysfs of this machine, also for --disk with a tree: the device is this machine's.
      const sysfs = `/sys/dev/block/${deviceName(status.rdev)}`;
      const size = attribute(`${sysfs}/size`);
      // A partition has no queue of its own; its disk's is one up.
      const sectorSize = attribute(`${sysfs}/queue/logical_block_size`) ??
        attribute(`${sysfs}/../queue/logical_block_size`);
      if (size === null || sectorSize === null) {
        return failed("io", path, `its size and sector size cannot be read below ${sysfs}`);
      }
      return { ok: true, value: blockReader(path, real, sectorSize, size * 512) };
    });
  }

  command(argv: readonly [string, ...string[]]): Observed<CommandOutcome> {
    const [program, ...rest] = argv;
    if (this.#isTree) return failed("missing", program, "programs are not run for a directory tree");
    const child = spawnSync(program, rest, {
      env: { LC_ALL: "C", PATH: PROGRAM_PATH },
      cwd: "/",
      stdio: ["ignore", "pipe", "pipe"],
      timeout: COMMAND_SECONDS * 1000,
      killSignal: "SIGKILL",
      maxBuffer: COMMAND_OUTPUT_LIMIT,
      encoding: "utf8",
    });
    if (child.error !== undefined) {
      const outcome = fromSystemError(program, child.error);
      return outcome.failure.kind === "missing" ? failed("missing", program, "no such program") : outcome;
    }
    if (child.status === null) return failed("io", program, `was ended by ${child.signal}`);
    return { ok: true, value: { status: child.status, stdout: child.stdout, stderr: child.stderr } };
  }
}

/** A number in a one-line file, or null. */
function attribute(path: string): number | null {
  try {
    const fd = openSync(path, OPEN_FLAGS);
    try {
      const bytes = new Uint8Array(64);
      const text = new TextDecoder().decode(bytes.subarray(0, readSync(fd, bytes))).trim();
      return /^[0-9]+$/.test(text) ? Number(text) : null;
    } finally {
      closeSync(fd);
    }
  } catch {
    return null;
  }
}

function blockReader(path: string, real: string, sectorSize: number, size: number): BlockReader {
  return {
    path,
    sectorSize,
    size,
    read(offset, length): Observed<Uint8Array> {
      if (!Number.isSafeInteger(offset) || offset < 0 || length < 0 || offset + length > size) {
        return failed(
          "io",
          path,
          `bytes ${offset} to ${offset + length} are wanted, but it ends at byte ${size}`,
        );
      }
      try {
        const fd = openSync(real, OPEN_FLAGS);
        try {
          const bytes = new Uint8Array(length);
          const count = readInto(fd, bytes, offset);
          if (count === length) return { ok: true, value: bytes };
          return failed("io", path, `only ${count} of ${length} bytes could be read at byte ${offset}`);
        } finally {
          closeSync(fd);
        }
      } catch (error) {
        const outcome = fromSystemError(path, error);
        if (outcome.failure.kind !== "io") return outcome;
        return failed("io", path, `reading ${length} bytes at byte ${offset}: ${messageOf(error)}`);
      }
    },
  };
}
