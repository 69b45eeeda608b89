/**
 * An update that waits for its reboot, as update-engine leaves it.
 *
 * @module
 */
import { closeSync, constants, existsSync, openSync } from "node:fs";
import { join } from "node:path";
import { KexecError, messageOf } from "../lib/errors.ts";
import { REBOOT_REQUIRED } from "./units.ts";

/**
 * While it is there update-engine takes an update as installed and waiting for its reboot, and does not make the
 * running slot the first choice again (update_engine `kUpdateCompletedMarker`).
 */
const UPDATE_COMPLETED = "/run/update_engine_autoupdate_completed";

/**
 * Say again that an update waits for its reboot. A try that was given back is lost without it: 45 s after its
 * start update-engine raises the running slot over the one that is to be tried. To be called before it starts.
 *
 * @returns The files that were made.
 * @throws {KexecError} `write-failed`
 */
export function stageUpdateAgain(root = "/"): readonly string[] {
  return [UPDATE_COMPLETED, REBOOT_REQUIRED].filter((path) => {
    const real = join(root, path);
    if (existsSync(real)) return false;
    try {
      const { O_CREAT, O_NOFOLLOW, O_WRONLY } = constants;
      closeSync(openSync(real, O_WRONLY | O_CREAT | O_NOFOLLOW, 0o644));
      return true;
    } catch (error) {
      throw new KexecError("write-failed", `Cannot write ${path}: ${messageOf(error)}`, { cause: error });
    }
  });
}
