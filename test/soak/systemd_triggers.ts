/**
 * All ways to ask for a reboot, each by kexec, under a real systemd:
 * `deno task soak systemd_triggers [trixie|bookworm|forky]`. About a minute and a half for each.
 *
 * @module
 */
import process from "node:process";
import { messageOf } from "../../src/lib/errors.ts";
import { runTriggers, TRIGGERS } from "../e2e/systemd_triggers.ts";
import { systemdSuite } from "../e2e/systemd_usr.ts";

try {
  const suite = systemdSuite(process.argv[2] ?? "trixie");
  await runTriggers(suite, TRIGGERS);
  for (const { name } of TRIGGERS) console.log(`by kexec: ${name}`);
} catch (error) {
  console.error(messageOf(error));
  process.exitCode = 1;
}
