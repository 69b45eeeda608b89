/**
 * Every way to reboot under a real systemd, and every way in which a kexec must not happen:
 * `bun run test/soak/systemd_matrix.ts [trixie|bookworm|forky] [--only=REGEX] [--lean] [--write]`. With
 * `--write` the table in docs/systemd.md is written anew, with `--lean` the machine boots without udev, which takes
 * half of the time. About a minute for each case.
 *
 * @module
 */
import { readFileSync, writeFileSync } from "node:fs";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { CASES } from "../e2e/systemd_cases.ts";
import { type CaseResult, runCases } from "../e2e/systemd_matrix.ts";
import { readMatrix, withResults, writeMatrix } from "../e2e/systemd_table.ts";
import { systemdSuite, whyNoSystemd } from "../e2e/systemd_usr.ts";
import { whyNoMachine } from "../e2e/vm.ts";

const suite = systemdSuite(process.argv[2] ?? "trixie");
const reason = whyNoMachine() ?? whyNoSystemd();
if (reason !== null) throw new Error(`Cannot run machines: ${reason}`);
const only = process.argv.find((word) => word.startsWith("--only="))?.slice("--only=".length);
const cases = CASES.filter((one) => only === undefined || new RegExp(only).test(one.name));

await runCases(suite, cases, (result) => {
  const way = result.kexec ? "kexec" : "firmware";
  console.log(`${way.padEnd(8)} ${result.seconds.toFixed(0).padStart(4)} s  ${result.name}: ${result.said}`);
  // At once: what a long run has found stays found.
  if (process.argv.includes("--write")) writeRow(result);
}, process.argv.includes("--lean"));

function writeRow(result: CaseResult): void {
  const path = fileURLToPath(new URL("../../docs/systemd.md", import.meta.url));
  const text = readFileSync(path, "utf8");
  writeFileSync(path, writeMatrix(text, withResults(readMatrix(text), suite, [result])));
}
