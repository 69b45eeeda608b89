/**
 * Advisory locks that the kernel drops when their holder dies.
 *
 * JavaScript has no flock(2), but such a lock belongs to the open file description, which a child inherits
 * and shares: flock(1) of util-linux takes it on our descriptor, exits, and we go on holding it.
 *
 * @module
 */
import { spawnSync } from "node:child_process";
import { KexecError } from "./errors.ts";

const FLOCK = "/usr/bin/flock";
/** Exit status that we ask flock(1) to give when somebody else holds the lock. */
const HELD_ELSEWHERE = 99;

/**
 * Take an exclusive lock on an open descriptor; closing it drops the lock.
 *
 * @param seconds How long to wait for another holder; 0 does not wait.
 * @returns false if somebody else still holds it.
 * @throws {KexecError} `internal` if flock(1) is missing or fails.
 */
export function lockDescriptor(fd: number, seconds = 0): boolean {
  const patience = seconds > 0 ? ["--timeout", String(seconds)] : ["--nonblock"];
  const child = spawnSync(FLOCK, [
    "--exclusive",
    ...patience,
    "--conflict-exit-code",
    String(HELD_ELSEWHERE),
    "3",
  ], {
    stdio: ["ignore", "ignore", "pipe", fd],
    env: {},
  });
  if (child.status === 0) return true;
  if (child.status === HELD_ELSEWHERE) return false;
  const reason = child.error?.message ?? (child.stderr.toString().trim() || `exit status ${child.status}`);
  throw new KexecError("internal", `Cannot take a lock: ${FLOCK} failed: ${reason}`, {
    hint: "flock(1) is part of util-linux and of every Flatcar image",
  });
}
