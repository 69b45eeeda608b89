/**
 * `deno task bench [NAME] [ARGUMENTS…]`: build the program and measure it; without a name, what `plan` costs. The
 * benchmark itself runs on Bun, whose way to start a child costs least.
 *
 * @module
 */
import { spawnSync } from "node:child_process";
import process from "node:process";
import { messageOf } from "../src/lib/errors.ts";
import { provision } from "../test/support/debian.ts";
import { build } from "./build.ts";
import { bunFor, hostArch, ROOT } from "./bun.ts";

interface Benchmark {
  readonly program: string;
  /** Whether it needs what the end-to-end tests need: QEMU, GRUB. */
  readonly provisioned: boolean;
}

const BENCHMARKS: Readonly<Record<string, Benchmark>> = {
  plan: { program: "bench/plan_bench.ts", provisioned: false },
  grub: { program: "bench/grub_bench.ts", provisioned: true },
  reboot_time: { program: "bench/reboot_time/measure.ts", provisioned: true },
};

function main(args: readonly string[]): number {
  const [first = "plan", ...rest] = args;
  // A number of runs alone is for the default.
  const [name, ...more] = /^\d+$/.test(first) ? ["plan", ...args] : [first, ...rest];
  const benchmark = Object.entries(BENCHMARKS).find(([known]) => known === name)?.[1];
  if (benchmark === undefined) {
    console.error(`Cannot run '${name}': expected one of ${Object.keys(BENCHMARKS).join(", ")}`);
    return 2;
  }
  if (benchmark.provisioned) provision();
  build(hostArch());
  const child = spawnSync(bunFor(hostArch()), ["run", benchmark.program, ...more], {
    cwd: ROOT,
    stdio: "inherit",
  });
  return child.status ?? 1;
}

try {
  process.exitCode = main(process.argv.slice(2));
} catch (error) {
  console.error(messageOf(error));
  process.exitCode = 1;
}
