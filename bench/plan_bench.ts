/**
 * What `plan` costs from start to exit on the sample host, side by side with a shell that does nothing and
 * with a script that does the least anybody would do by hand: show the partitions' attributes, read the OEM's
 * file and the command line. Medians over interleaved runs, so that a busy machine slows all of them alike.
 *
 * Run by `deno task bench [RUNS]`.
 *
 * @module
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import * as v from "valibot";
import { binaryFor, hostArch } from "../tasks/bun.ts";
import { writeSampleHost } from "../test/support/sample_host.ts";

const OutcomeSchema = v.object({
  exitCode: v.nullable(v.number()),
  resourceUsage: v.object({ maxRSS: v.number() }),
});

interface Measured {
  readonly milliseconds: number;
  /** Peak resident set. */
  readonly mib: number;
}

/** Bun's own spawn, which reports resource use (getrusage(2)); node:child_process does not. */
function measure(argv: readonly string[]): Measured {
  const bun: unknown = Reflect.get(globalThis, "Bun");
  if (
    typeof bun !== "object" || bun === null || !("spawnSync" in bun) || typeof bun.spawnSync !== "function"
  ) {
    throw new Error("Cannot measure: this runs on Bun only, see 'deno task bench'");
  }
  const options = {
    cmd: argv,
    stdio: ["ignore", "ignore", "ignore"],
    env: { PATH: process.env["PATH"] ?? "" },
  };
  const started = performance.now();
  const outcome: unknown = Reflect.apply(bun.spawnSync, bun, [options]);
  const milliseconds = performance.now() - started;
  const { exitCode, resourceUsage } = v.parse(OutcomeSchema, outcome);
  if (exitCode !== 0) {
    throw new Error(`Cannot measure: '${argv.join(" ")}' ended with ${exitCode ?? "a signal"}`);
  }
  return { milliseconds, mib: resourceUsage.maxRSS / 1048576 };
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
  const results = new Map<string, Measured[]>();
  for (let round = 0; round < runs + 3; round++) {
    for (const [name, argv] of Object.entries(contestants)) {
      const measured = measure(argv);
      // The first rounds only warm the page cache.
      if (round >= 3) results.set(name, [...(results.get(name) ?? []), measured]);
    }
  }
  const base = median((results.get("sh -c true") ?? []).map((entry) => entry.milliseconds));
  console.log(`${runs} runs each, medians`);
  console.log(`${"".padEnd(28)}${"ms".padStart(8)}${"ratio".padStart(8)}${"MiB".padStart(8)}`);
  for (const [name, measured] of results) {
    const ms = median(measured.map((entry) => entry.milliseconds));
    const mib = Math.max(...measured.map((entry) => entry.mib));
    console.log(
      `${name.padEnd(28)}${ms.toFixed(1).padStart(8)}${(ms / base).toFixed(1).padStart(8)}${
        mib.toFixed(1).padStart(8)
      }`,
    );
  }
} finally {
  rmSync(folder, { recursive: true, force: true });
}
