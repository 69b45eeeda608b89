/**
 * Bun as it comes from the npm registry, run by path: nothing is installed outside node_modules.
 *
 * @module
 */
import { existsSync } from "node:fs";
import process from "node:process";
import { fileURLToPath } from "node:url";

/** Architectures that the binary is built for, as the kernel names them. */
export const ARCHES = ["x86_64", "aarch64"] as const;
export type BuildArch = (typeof ARCHES)[number];

/** The repository's root, with a slash at its end. */
export const ROOT: string = fileURLToPath(new URL("../", import.meta.url));

/** Runtime that goes into the binary for an architecture. */
export function bunFor(arch: BuildArch): string {
  // Baseline: plain x86-64-v2, so that old servers run it as well.
  const name = arch === "x86_64" ? "bun-linux-x64-baseline" : "bun-linux-aarch64";
  const path = `${ROOT}node_modules/@oven/${name}/bin/bun`;
  if (!existsSync(path)) {
    throw new Error(`Cannot find Bun: '${path}' does not exist; 'npx --yes deno install' puts it there`);
  }
  return path;
}

/** The architecture of this machine. */
export function hostArch(): BuildArch {
  if (process.platform === "linux" && process.arch === "x64") return "x86_64";
  if (process.platform === "linux" && process.arch === "arm64") return "aarch64";
  throw new Error(
    `Cannot build on ${process.platform}/${process.arch}: expected linux/x64 or linux/arm64, as Bun is taken from npm for these`,
  );
}

export function binaryFor(arch: BuildArch): string {
  return `${ROOT}dist/flatcar-kexec-${arch}`;
}
