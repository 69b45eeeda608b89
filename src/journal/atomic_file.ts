/**
 * Replace a file so that a power cut leaves the old content or the new, never a part of either.
 *
 * @module
 */
import * as nodeFs from "node:fs";
import { basename, dirname, join } from "node:path";
import { KexecError, messageOf } from "../lib/errors.ts";

/** The system calls that matter, so that a test can stop after any of them. */
export interface FileOperations {
  openSync(path: string, flags: number, mode?: number): number;
  writeSync(fd: number, data: Uint8Array, offset: number, length: number, position: number): number;
  fsyncSync(fd: number): void;
  closeSync(fd: number): void;
  renameSync(from: string, to: string): void;
}

const { O_CREAT, O_DIRECTORY, O_NOFOLLOW, O_RDONLY, O_TRUNC, O_WRONLY } = nodeFs.constants;

/** Write all of `data` at a byte position: write(2) may take less than it is given. */
export function writeFully(fs: FileOperations, fd: number, data: Uint8Array, position: number): void {
  let done = 0;
  while (done < data.length) done += fs.writeSync(fd, data, done, data.length - done, position + done);
}

/** Make a rename, a creation or a removal in a folder survive a power cut. */
export function syncFolder(fs: FileOperations, folder: string): void {
  const fd = fs.openSync(folder, O_RDONLY | O_DIRECTORY);
  try {
    fs.fsyncSync(fd);
  } finally {
    fs.closeSync(fd);
  }
}

/**
 * Put `content` at `path` atomically. The temporary file lies beside it under a fixed name, so that one left
 * behind by a power cut is used up by the next write; writers must hold the command lock.
 *
 * @throws {KexecError} `write-failed`
 */
export function replaceFile(
  path: string,
  content: string | Uint8Array,
  options: { readonly mode?: number; readonly fs?: FileOperations } = {},
): void {
  const fs = options.fs ?? nodeFs;
  const temporary = join(dirname(path), `.${basename(path)}.tmp`);
  const data = typeof content === "string" ? new TextEncoder().encode(content) : content;
  try {
    const fd = fs.openSync(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW, options.mode ?? 0o644);
    try {
      writeFully(fs, fd, data, 0);
      fs.fsyncSync(fd);
    } finally {
      fs.closeSync(fd);
    }
    fs.renameSync(temporary, path);
    syncFolder(fs, dirname(path));
  } catch (error) {
    throw new KexecError("write-failed", `Cannot write ${path}: ${messageOf(error)}`, { cause: error });
  }
}
