/**
 * One command at a time changes anything. The lock goes with its holder's life, so a killed command leaves
 * nothing to clean up; the file's text only says who it is.
 *
 * flock(2) asks for a descriptor, be it only for reading: nobody but root may open the file, or any user could keep
 * every command from running.
 *
 * @module
 */
import {
  closeSync,
  constants,
  fchmodSync,
  ftruncateSync,
  mkdirSync,
  openSync,
  readFileSync,
  writeSync,
} from "node:fs";
import { join } from "node:path";
import * as v from "valibot";
import { KexecError, messageOf, systemErrorCode } from "../lib/errors.ts";
import { lockDescriptor } from "../lib/flock.ts";
import { RUN_FOLDER } from "./load_record.ts";

/** Who holds the lock. */
export interface LockHolder {
  /** `load`, `reboot`, … */
  readonly command: string;
  readonly pid: number;
  /** ISO 8601, UTC. */
  readonly since: string;
}

const holderSchema = v.object({
  command: v.string(),
  pid: v.number(),
  since: v.pipe(v.string(), v.isoTimestamp()),
});

export interface CommandLock {
  /** Let go; further calls do nothing. */
  release(): void;
}

export interface LockOptions {
  readonly runFolder?: string;
  /** Seconds to wait for another holder; 0 does not wait. */
  readonly wait?: number;
  readonly now?: () => Date;
}

const { O_CREAT, O_NOFOLLOW, O_RDWR } = constants;

/**
 * Take the lock, or say who has it.
 *
 * @throws {KexecError} `lock-held` (exit code 75); `needs-root` where the file may not be made; `write-failed`
 */
export function takeCommandLock(command: string, options: LockOptions = {}): CommandLock {
  const path = join(options.runFolder ?? RUN_FOLDER, "lock");
  const fd = openLock(command, path);
  try {
    if (!lockDescriptor(fd, options.wait ?? 0)) {
      throw new KexecError("lock-held", `Cannot run "${command}": ${describeHolder(path)}`, {
        hint: "Try again once it has ended",
      });
    }
    const now = options.now?.() ?? new Date();
    writeHolder(fd, { command, pid: process.pid, since: now.toISOString() });
  } catch (error) {
    closeSync(fd);
    throw error;
  }
  let held = true;
  return {
    release() {
      if (!held) return;
      held = false;
      // Whoever takes it next may be one that leaves no name.
      writeHolder(fd, null);
      closeSync(fd);
    },
  };
}

/** Only words for people: a /run that is full must not stop a command. */
function writeHolder(fd: number, holder: LockHolder | null): void {
  try {
    ftruncateSync(fd);
    if (holder !== null) writeSync(fd, JSON.stringify(holder) + "\n", 0);
  } catch {
    // The lock itself is what counts.
  }
}

/** Run something under the lock. A promise keeps the lock until it is settled. */
export async function withCommandLock<T>(
  command: string,
  action: () => T | Promise<T>,
  options: LockOptions = {},
): Promise<T> {
  const lock = takeCommandLock(command, options);
  try {
    return await action();
  } finally {
    lock.release();
  }
}

function openLock(command: string, path: string): number {
  try {
    mkdirSync(join(path, ".."), { recursive: true, mode: 0o755 });
    const fd = openSync(path, O_RDWR | O_CREAT | O_NOFOLLOW, 0o600);
    // One that was there may be of an earlier version, which let everybody read it.
    fchmodSync(fd, 0o600);
    return fd;
  } catch (error) {
    const code = systemErrorCode(error);
    if (code === "EACCES" || code === "EPERM") {
      throw new KexecError("needs-root", `Cannot run "${command}": ${path} may be opened by root only`, {
        cause: error,
        hint: "Run it with sudo",
      });
    }
    throw new KexecError("write-failed", `Cannot open ${path}: ${messageOf(error)}`, { cause: error });
  }
}

function describeHolder(path: string): string {
  try {
    const holder = v.parse(holderSchema, JSON.parse(readFileSync(path, "utf8")));
    return `"${holder.command}" (process ${holder.pid}) has held the lock ${path} since ${holder.since}`;
  } catch {
    return `another command holds the lock ${path}`;
  }
}
