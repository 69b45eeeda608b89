/**
 * `deno task demo`: the main job on a sample host made of files. Nothing here needs root, and nothing outside
 * a temporary folder is written.
 *
 * @module
 */
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { messageOf } from "../src/lib/errors.ts";
import { writeSampleHost } from "../test/support/sample_host.ts";
import { build } from "./build.ts";
import { hostArch } from "./bun.ts";

const paint = (code: string, text: string): string =>
  process.stdout.isTTY && process.env["NO_COLOR"] === undefined ? `\x1b[${code}m${text}\x1b[0m` : text;

function say(text: string): void {
  console.log(`\n${paint("1", text)}`);
}

/** Run the program, its output going straight to ours. The folder's name is shortened in what is shown. */
function show(binary: string, args: readonly string[], expected: number): void {
  const shown = args.map((word) => word.startsWith("/") ? "HOST" : word).join(" ");
  console.log(`${paint("2", `$ flatcar-kexec ${shown}`)}\n`);
  const child = spawnSync(binary, args, { stdio: "inherit", env: environment() });
  if (child.status !== expected) {
    throw new Error(
      `flatcar-kexec ${shown} ended with ${child.status ?? child.signal}, expected ${expected}`,
    );
  }
}

/** What a program that root runs should get, and what a terminal needs. */
function environment(): Record<string, string> {
  const names = ["TERM", "NO_COLOR", "COLUMNS", "LANG"];
  const given = Object.fromEntries(
    names.map((name) => [name, process.env[name]]).filter((pair): pair is [string, string] =>
      pair[1] !== undefined
    ),
  );
  // For people also where it goes through a pipe.
  return { COLUMNS: "80", ...given };
}

const folder = mkdtempSync(join(tmpdir(), "flatcar-kexec-demo-"));
try {
  const binary = build(hostArch());
  const host = writeSampleHost(folder);
  say("A Flatcar host runs from USR-A. An update lies in USR-B and waits for a reboot.");
  show(binary, ["slots", ...host.args], 0);
  say("What a kexec would boot: slot, kernel and command line as the host's own GRUB would have them.");
  show(binary, ["plan", ...host.args], 0);
  say("The jump would take USR-B's only try, as GRUB does. Here we take it by hand.");
  show(binary, ["slots", "--spend", ...host.args], 0);
  say("USR-B has no try left and never proved itself: the next boot is USR-A again, as GRUB would have it.");
  show(binary, ["plan", ...host.args], 0);
  say("The same in a virtual machine, with real kernels and a real kexec:");
  console.log("  npx --yes deno task demo:vm");
} catch (error) {
  console.error(`The demo failed: ${messageOf(error)}`);
  process.exitCode = 1;
} finally {
  rmSync(folder, { recursive: true, force: true });
}
