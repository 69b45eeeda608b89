/**
 * Initial RAM disks that end a kernel's life early.
 *
 * @module
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { newcArchive } from "../support/cpio.ts";
import { guestPrograms } from "./usr_image.ts";

/** What a hanging kernel prints last. */
export const HANGS = "E2E hangs";

/** The new kernel panics as soon as it has a user space, or hangs before it loads any driver. */
export function brokenInitrd(what: "panic" | "hang"): Uint8Array {
  const last = what === "panic" ? "echo c >/proc/sysrq-trigger" : "while :; do sleep 1000; done";
  const init = `#!/bin/sh
mount -t devtmpfs dev /dev
mount -t proc proc /proc
echo "E2E ${what}s" >/dev/ttyS0
${last}
`;
  return newcArchive([
    { path: "init", mode: 0o755, bytes: init },
    { path: "bin/busybox", mode: 0o755, bytes: readFileSync(join(guestPrograms(), "bin/busybox")) },
    ...["sh", "mount", "sleep"].map((name) => ({ path: `bin/${name}`, link: "busybox" })),
    { path: "dev", directory: true },
    { path: "proc", directory: true },
  ]);
}
