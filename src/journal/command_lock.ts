/**
 * One command at a time changes anything. The lock goes with its holder's life, so a killed command leaves
 * nothing to clean up; the file's text only says who it was.
 *
 * @module
 */
import { closeSync, constants, ftruncateSync, mkdirSync, openSync, readFileSync, writeSync } from "node:fs";
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
    const holder: LockHolder = { command, pid: process.pid, since: now.toISOString() };
    ftruncateSync(fd);
    writeSync(fd, JSON.stringify(holder) + "\n", 0);
  } catch (error) {
    closeSync(fd);
    throw error;
  }
  let held = true;
  return {
    release() {
      if (held) closeSync(fd);
      held = false;
    },
  };
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
    return openSync(path, O_RDWR | O_CREAT | O_NOFOLLOW, 0o644);
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
