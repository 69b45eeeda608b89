/**
 * Every way to reboot under a real systemd, and every way in which a kexec must not happen:
 * `bun run test/soak/systemd_matrix.ts [trixie|bookworm] [--write]`. With `--write` the table in
 * docs/systemd.md is written anew. About a minute for each case.
 *
 * @module
 */
import { readFileSync, writeFileSync } from "node:fs";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { CASES } from "../e2e/systemd_cases.ts";
import { runCases } from "../e2e/systemd_matrix.ts";
import { readMatrix, withResults, writeMatrix } from "../e2e/systemd_table.ts";
import { whyNoSystemd } from "../e2e/systemd_usr.ts";
import { whyNoMachine } from "../e2e/vm.ts";

const suite = process.argv[2] ?? "trixie";
if (suite !== "trixie" && suite !== "bookworm") throw new Error(`No such Debian here: '${suite}'`);
const reason = whyNoMachine() ?? whyNoSystemd();
if (reason !== null) throw new Error(`Cannot run machines: ${reason}`);
const only = process.argv.find((word) => word.startsWith("--only="))?.slice("--only=".length);
const cases = CASES.filter((one) => only === undefined || new RegExp(only).test(one.name));

const results = await runCases(suite, cases, (result) => {
  const way = result.kexec ? "kexec" : "firmware";
  console.log(`${way.padEnd(8)} ${result.seconds.toFixed(0).padStart(4)} s  ${result.name}: ${result.said}`);
});
if (process.argv.includes("--write")) {
  const path = fileURLToPath(new URL("../../docs/systemd.md", import.meta.url));
  const text = readFileSync(path, "utf8");
  writeFileSync(path, writeMatrix(text, withResults(readMatrix(text), suite, results)));
}
