/**
 * What `plan` costs from start to exit on the sample host, side by side with a shell that does nothing and
 * with a script that does the least anybody would do by hand: show the partitions' attributes, read the OEM's
 * file and the command line. Medians over interleaved runs, so that a busy machine slows all of them alike.
 *
 * Run by `deno task bench [RUNS]`.
 *
 * @module
 */
import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { binaryFor, hostArch } from "../tasks/bun.ts";
import { writeSampleHost } from "../test/support/sample_host.ts";

const ENVIRONMENT = { PATH: process.env["PATH"] ?? "" };

function measure(argv: readonly string[]): number {
  const [program = "", ...args] = argv;
  const started = performance.now();
  const child = spawnSync(program, args, { stdio: "ignore", env: ENVIRONMENT });
  const milliseconds = performance.now() - started;
  if (child.status !== 0) throw new Error(`Cannot measure: '${argv.join(" ")}' ended with ${child.status}`);
  return milliseconds;
}

/** By GNU time, which is small: the peak of a child starts with that of the process it was forked from. */
function peakMemory(argv: readonly string[]): number | null {
  if (!existsSync("/usr/bin/time")) return null;
  const child = spawnSync("/usr/bin/time", ["--format=%M", ...argv], {
    stdio: ["ignore", "ignore", "pipe"],
    env: ENVIRONMENT,
    encoding: "utf8",
  });
  return Number(child.stderr.trim().split("\n").at(-1)) / 1024;
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? NaN;
}

const runs = Number(process.argv[2] ?? 100);
const folder = mkdtempSync(join(tmpdir(), "flatcar-kexec-bench-"));
try {
  const host = writeSampleHost(folder);
  const binary = binaryFor(hostArch());
  const byHand = 'cgpt show -i 3 "$0"; cgpt show -i 4 "$0"; cat "$1/oem/grub.cfg" "$1/proc/cmdline"';
  const contestants: Readonly<Record<string, readonly string[]>> = {
    "sh -c true": ["sh", "-c", "true"],
    "by hand (cgpt show, cat)": ["sh", "-c", byHand, host.disk, host.root],
    "flatcar-kexec --version": [binary, "--version"],
    "flatcar-kexec slots": [binary, "slots", ...host.args],
    "flatcar-kexec plan": [binary, "plan", ...host.args],
    "flatcar-kexec plan --json": [binary, "plan", "--json", ...host.args],
  };
  const results = new Map<string, number[]>();
  for (let round = 0; round < runs + 3; round++) {
    for (const [name, argv] of Object.entries(contestants)) {
      const milliseconds = measure(argv);
      // The first rounds only warm the page cache.
      if (round >= 3) results.set(name, [...(results.get(name) ?? []), milliseconds]);
    }
  }
  const base = median(results.get("sh -c true") ?? []);
  console.log(`${runs} runs each, medians; memory is the peak of one run`);
  console.log(`${"".padEnd(28)}${"ms".padStart(8)}${"ratio".padStart(8)}${"MiB".padStart(8)}`);
  for (const [name, argv] of Object.entries(contestants)) {
    const ms = median(results.get(name) ?? []);
    const memory = peakMemory(argv)?.toFixed(1) ?? "-";
    console.log(
      `${name.padEnd(28)}${ms.toFixed(1).padStart(8)}${(ms / base).toFixed(1).padStart(8)}${
        memory.padStart(8)
      }`,
    );
  }
} finally {
  rmSync(folder, { recursive: true, force: true });
}
