/**
 * Loop devices: real block devices with sectors of any size, where the machine allows them.
 *
 * @module
 */
import { spawnSync } from "node:child_process";
import { truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { findProgram } from "./debian.ts";
import { withTempFolder } from "./temp_folder.ts";

export interface LoopOptions {
  readonly sectorSize?: 512 | 4096;
  readonly readOnly?: boolean;
}

function losetup(args: readonly string[]): string {
  const program = findProgram("losetup");
  if (program === null) throw new Error("losetup is not installed");
  const child = spawnSync(program, args, { encoding: "utf8" });
  if (child.status !== 0) throw new Error(`losetup ${args.join(" ")}: ${child.stderr.trim()}`);
  return child.stdout.trim();
}

/** Run `use` with a block device that holds these bytes; the image file shows what reached it. */
export function withLoopDevice<T>(
  image: Uint8Array,
  options: LoopOptions,
  use: (device: string, file: string) => T,
): T {
  return withTempFolder((folder) => {
    const file = join(folder, "disk.img");
    writeFileSync(file, image);
    const device = losetup([
      "--find",
      "--show",
      "--sector-size",
      String(options.sectorSize ?? 512),
      ...(options.readOnly === true ? ["--read-only"] : []),
      file,
    ]);
    try {
      return use(device, file);
    } finally {
      losetup(["--detach", device]);
    }
  });
}

/** Why there are no loop devices here, or null. */
export function noLoopDevices(): string | null {
  if (process.getuid?.() !== 0) return "loop devices need root";
  try {
    return withTempFolder((folder) => {
      const file = join(folder, "probe.img");
      writeFileSync(file, "");
      truncateSync(file, 1 << 20);
      const device = losetup(["--find", "--show", "--sector-size", "4096", file]);
      losetup(["--detach", device]);
      return null;
    });
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}
