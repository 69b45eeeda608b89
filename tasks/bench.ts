/**
 * `deno task bench`: build the program and measure it. The benchmark itself runs on Bun, whose
 * way to start a child costs least.
 *
 * @module
 */
import { spawnSync } from "node:child_process";
import process from "node:process";
import { messageOf } from "../src/lib/errors.ts";
import { build } from "./build.ts";
import { bunFor, hostArch, ROOT } from "./bun.ts";

try {
  build(hostArch());
  const child = spawnSync(bunFor(hostArch()), ["run", "bench/plan_bench.ts", ...process.argv.slice(2)], {
    cwd: ROOT,
    stdio: "inherit",
  });
  process.exitCode = child.status ?? 1;
} catch (error) {
  console.error(messageOf(error));
  process.exitCode = 1;
}
