/**
 * `deno task test [unit|e2e] [PATH…]`: all tests, with all the set-up they need. The last line of output is
 * always `N passed, N failed, N skipped`.
 *
 * Unit tests run on Bun, which ships, and once more on Deno, so that both stay possible. End-to-end tests
 * take the built binary into virtual machines, two at a time.
 *
 * @module
 */
import { spawn } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import process from "node:process";
import { provision } from "../test/support/debian.ts";
import { messageOf } from "../src/lib/errors.ts";
import { build } from "./build.ts";
import { ARCHES, bunFor, hostArch, ROOT } from "./bun.ts";
import { add, type Counts, NONE, readJunit, summary } from "./junit.ts";

const REPORTS = `${ROOT}.cache/reports`;
/** Against a hang only: a busy machine is many times slower than an idle one. */
const UNIT_SECONDS = 900;
/** How long each file of end-to-end tests took last time, for the order of the next. */
const SECONDS = `${REPORTS}/seconds.json`;
/** Files known to take longest, for a first run. */
const LONGEST = ["systemd_triggers", "failure", "systemd_update", "kexec_cycle"];
/** Longest a file of end-to-end tests may take; each machine has a shorter limit of its own. */
const E2E_SECONDS = 1500;

interface Finished {
  readonly status: number | null;
  readonly output: string;
  readonly seconds: number;
}

/** Run a program, keep what it says, end it after `limit` seconds. */
function runProgram(program: string, args: readonly string[], limit: number): Promise<Finished> {
  return new Promise((resolve) => {
    const started = performance.now();
    const child = spawn(program, args, {
      cwd: ROOT,
      stdio: ["ignore", "pipe", "pipe"],
      env: { ...process.env, NO_COLOR: "1" },
    });
    const parts: string[] = [];
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding("utf8").on("data", (text: string) => void parts.push(text));
    }
    const timer = setTimeout(() => {
      parts.push(`\nended after ${limit} s\n`);
      child.kill("SIGKILL");
    }, limit * 1000);
    child.on("error", (error) => parts.push(error.message));
    child.on("close", (status) => {
      clearTimeout(timer);
      resolve({ status, output: parts.join(""), seconds: (performance.now() - started) / 1000 });
    });
  });
}

/** A run's counts. A runner that ends badly without a failed test to show for it is a failure itself. */
async function suite(
  title: string,
  program: string,
  args: readonly string[],
  report: string,
  limit: number,
): Promise<Counts> {
  rmSync(report, { force: true });
  const run = await runProgram(program, args, limit);
  const counted = existsSync(report) ? readJunit(readFileSync(report, "utf8")) : NONE;
  const crashed = run.status !== 0 && counted.failed === 0;
  const counts = crashed ? add(counted, { ...NONE, failed: 1 }) : counted;
  if (counts.failed > 0) console.log(`\n${run.output.trimEnd()}\n`);
  if (crashed) {
    console.log(`${title}: the runner ended with ${run.status ?? "a signal"}, counted as a failure`);
  }
  console.log(`${title}: ${summary(counts)} in ${run.seconds.toFixed(1)} s`);
  return counts;
}

/** Test files below a folder, as `./test/…`, sorted. */
function testFiles(folder: string, without: readonly string[] = []): readonly string[] {
  return readdirSync(`${ROOT}${folder}`, { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith("_test.ts") && !without.some((skip) => name.startsWith(`${skip}/`)))
    .map((name) => `./${folder}/${name}`)
    .sort();
}

async function unit(files: readonly string[]): Promise<Counts> {
  if (files.length === 0) return NONE;
  const bunReport = `${REPORTS}/unit-bun.xml`;
  const onBun = await suite(
    "unit tests on Bun",
    bunFor(hostArch()),
    [
      "test",
      "--timeout=30000",
      "--reporter=junit",
      `--reporter-outfile=${bunReport}`,
      ...files,
    ],
    bunReport,
    UNIT_SECONDS,
  );
  const denoReport = `${REPORTS}/unit-deno.xml`;
  // Types are `deno task check`'s business.
  const onDeno = await suite(
    "unit tests on Deno",
    process.execPath,
    [
      "test",
      "--no-check",
      "--allow-all",
      `--junit-path=${denoReport}`,
      ...files,
    ],
    denoReport,
    UNIT_SECONDS,
  );
  return add(onBun, onDeno);
}

/** Seconds that each file took last time, by path. */
function readSeconds(): Record<string, number> {
  if (!existsSync(SECONDS)) return {};
  const value: unknown = JSON.parse(readFileSync(SECONDS, "utf8"));
  const entries = typeof value === "object" && value !== null ? Object.entries(value) : [];
  return Object.fromEntries(
    entries.filter((entry): entry is [string, number] => typeof entry[1] === "number"),
  );
}

async function e2e(files: readonly string[]): Promise<Counts> {
  const known = readSeconds();
  const expected = (file: string): number =>
    known[file] ?? (LONGEST.some((name) => file.includes(name)) ? 600 : 60);
  // The longest first, so that the lanes end together.
  const queue = [...files].sort((a, b) => expected(b) - expected(a));
  let counts = NONE;
  const lane = async (): Promise<void> => {
    for (let file = queue.shift(); file !== undefined; file = queue.shift()) {
      const name = file.slice(file.lastIndexOf("/") + 1);
      const report = `${REPORTS}/${name}.xml`;
      const args = [
        "test",
        `--timeout=${E2E_SECONDS * 1000}`,
        "--reporter=junit",
        `--reporter-outfile=${report}`,
        file,
      ];
      const started = performance.now();
      const outcome = await suite(name, bunFor(hostArch()), args, report, E2E_SECONDS);
      known[file] = Math.round((performance.now() - started) / 1000);
      counts = add(counts, outcome);
    }
  };
  const lanes = Math.min(2, availableParallelism());
  await Promise.all(Array.from({ length: lanes }, lane));
  writeFileSync(SECONDS, JSON.stringify(known));
  return counts;
}

/** Nothing where the build goes well. Unit tests are worth running even where it does not. */
function buildAll(): Counts {
  try {
    for (const arch of ARCHES) build(arch);
    return NONE;
  } catch (error) {
    console.log(`${messageOf(error)}\nbuild: failed`);
    return { ...NONE, failed: 1 };
  }
}

async function main(args: readonly string[]): Promise<Counts> {
  const [what = "all", ...paths] = args;
  if (!["all", "unit", "e2e"].includes(what)) {
    console.error(`Cannot test '${what}': expected unit, e2e or nothing`);
    return { ...NONE, failed: 1 };
  }
  mkdirSync(REPORTS, { recursive: true });
  if (what !== "unit") provision();
  let counts = buildAll();
  const named = (files: readonly string[]): readonly string[] =>
    paths.length === 0 ? files : files.filter((file) => paths.some((path) => file.includes(path)));
  if (what !== "e2e") counts = add(counts, await unit(named(testFiles("test", ["e2e", "soak"]))));
  if (what !== "unit") counts = add(counts, await e2e(named(testFiles("test/e2e"))));
  return counts;
}

/** By convention the reason stands at the end of a test's name, in parentheses; tests that share one are counted. */
function printSkipped(names: readonly string[]): void {
  const byReason = Map.groupBy(
    new Set(names),
    (name) => /\(([^()]*(?:\([^()]*\)[^()]*)*)\)$/.exec(name)?.[1] ?? name,
  );
  if (byReason.size > 0) console.log("\nSkipped:");
  for (const [reason, sharing] of byReason) {
    console.log(sharing.length === 1 ? `  ${sharing[0]}` : `  ${sharing.length} tests: ${reason}`);
  }
}

let counts: Counts;
try {
  counts = await main(process.argv.slice(2));
} catch (error) {
  console.error(messageOf(error));
  counts = { ...NONE, failed: 1 };
}
printSkipped(counts.skipped);
console.log(summary(counts));
process.exitCode = counts.failed > 0 ? 1 : 0;
