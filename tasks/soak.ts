/**
 * `deno task soak [NAME [ARGUMENTS…]]`: a long test out of test/soak, on Bun. Without a name, which there are.
 *
 * @module
 */
import { spawnSync } from "node:child_process";
import { readdirSync } from "node:fs";
import process from "node:process";
import { messageOf } from "../src/lib/errors.ts";
import { provision } from "../test/support/debian.ts";
import { build } from "./build.ts";
import { bunFor, hostArch, ROOT } from "./bun.ts";

const names = readdirSync(`${ROOT}test/soak`).filter((name) => name.endsWith(".ts")).map((name) =>
  name.slice(0, -3)
);
const [name, ...rest] = process.argv.slice(2);
if (name === undefined || !names.includes(name)) {
  console.error(
    `${name === undefined ? "" : `Cannot run '${name}': `}expected one of ${names.sort().join(", ")}`,
  );
  process.exitCode = 2;
} else {
  try {
    provision();
    build(hostArch());
    const child = spawnSync(bunFor(hostArch()), ["run", `test/soak/${name}.ts`, ...rest], {
      cwd: ROOT,
      stdio: "inherit",
    });
    process.exitCode = child.status ?? 1;
  } catch (error) {
    console.error(messageOf(error));
    process.exitCode = 1;
  }
}
