/**
 * `deno task build`: one self-contained binary for each architecture, in dist/.
 *
 * @module
 */
import { spawnSync } from "node:child_process";
import { mkdirSync, renameSync, statSync } from "node:fs";
import process from "node:process";
import { messageOf } from "../src/lib/errors.ts";
import { ARCHES, binaryFor, type BuildArch, bunFor, hostArch, ROOT } from "./bun.ts";

const TARGETS: Readonly<Record<BuildArch, string>> = {
  x86_64: "bun-linux-x64-baseline",
  aarch64: "bun-linux-arm64",
};

/** Build the binary for `arch` and return its path. The old one stays until the new one is whole. */
export function build(arch: BuildArch): string {
  const out = binaryFor(arch);
  const fresh = `${out}.new`;
  mkdirSync(`${ROOT}dist`, { recursive: true });
  const child = spawnSync(bunFor(hostArch()), [
    "build",
    "--compile",
    `--compile-executable-path=${bunFor(arch)}`,
    // What it is built for is written into the program too: process.arch is a constant in it.
    `--target=${TARGETS[arch]}`,
    "--minify",
    "--keep-names",
    "--bytecode",
    // A plan is over before compiled code has paid for being compiled; what runs long still gets there.
    "--compile-jit-policy=20",
    // A tool that root runs must not take settings or code from where it happens to be run.
    "--no-compile-autoload-dotenv",
    "--no-compile-autoload-bunfig",
    "--no-compile-autoload-tsconfig",
    "--no-compile-autoload-package-json",
    `--outfile=${fresh}`,
    "src/main.ts",
  ], { cwd: ROOT, stdio: ["ignore", "pipe", "pipe"], encoding: "utf8" });
  if (child.status !== 0) {
    throw new Error(
      `Cannot build ${out}: ${child.error?.message ?? `${child.stdout}${child.stderr}`.trim()}`,
    );
  }
  renameSync(fresh, out);
  return out;
}

if (import.meta.main) {
  const wanted = process.argv.slice(2);
  try {
    for (const arch of ARCHES) {
      if (wanted.length > 0 && !wanted.includes(arch)) continue;
      const path = build(arch);
      console.log(`${path.slice(ROOT.length)}  ${(statSync(path).size / 1e6).toFixed(1)} MB`);
    }
  } catch (error) {
    console.error(messageOf(error));
    process.exitCode = 1;
  }
}
