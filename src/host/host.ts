/**
 * What the rest of the program may ask of a machine. Three things answer: the live host, a directory tree
 * plus disk image, and a recorded snapshot; whoever asks cannot tell which.
 *
 * Reading only, and synchronous: a decision is a function of what was read. Paths are the host's own
 * absolute paths (`/proc/cmdline`, `/boot/flatcar/vmlinuz-a`, `/oem/grub.cfg`), wherever they really lie.
 *
 * @module
 */

export type Arch = "x86_64" | "aarch64";

/** Why something could not be observed. `message` names the path and the reason. */
export interface Failure {
  readonly kind: "missing" | "permission" | "wrong-type" | "too-large" | "io" | "not-recorded";
  readonly message: string;
}

export type Observed<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly failure: Failure };

export interface FileStatus {
  readonly kind: "file" | "directory" | "block" | "character" | "other";
  /** Bytes; 0 for what has no size. */
  readonly size: number;
  /** Permission bits, 0o7777. */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  /** `major:minor` of the file system the file is on. */
  readonly device: string;
}

/** What a command printed. Only commands that change nothing are ever run through a host. */
export interface CommandOutcome {
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Random access to a block device or an image of one. */
export interface BlockReader {
  readonly path: string;
  /** Logical sector size in bytes: 512 or 4096. */
  readonly sectorSize: number;
  /** Bytes. */
  readonly size: number;
  /** Exactly `length` bytes from byte `offset`, or a failure. */
  read(offset: number, length: number): Observed<Uint8Array>;
}

export interface Host {
  readonly arch: Arch;
  /** The disk named by the user (`--disk`), or null: then it is looked for under /usr. */
  readonly diskOverride: string | null;
  /** A whole file, links followed. `limit` in bytes, 1 MiB unless told; more is a failure. */
  read(path: string, limit?: number): Observed<Uint8Array>;
  /** Up to `length` bytes from byte `offset`; fewer at the end of the file. */
  readRange(path: string, offset: number, length: number): Observed<Uint8Array>;
  /** Status of what the path leads to, links followed. */
  status(path: string): Observed<FileStatus>;
  /** Target of a symbolic link, as written. */
  link(path: string): Observed<string>;
  /** Names in a directory, sorted by code unit. */
  list(path: string): Observed<readonly string[]>;
  /** SHA-256 of a file, 64 lower-case hex digits. */
  digest(path: string): Observed<string>;
  /** A block device or disk image. */
  block(path: string): Observed<BlockReader>;
  /** Run a program that only reports; absent programs are `missing`. */
  command(argv: readonly [string, ...string[]]): Observed<CommandOutcome>;
}

/** Longest file that `read` takes without being told otherwise, bytes. */
export const DEFAULT_READ_LIMIT = 1 << 20;
