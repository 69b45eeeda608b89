import { test } from "node:test";
import { runTriggers, TRIGGERS } from "./systemd_triggers.ts";
import { whyNoSystemd } from "./systemd_usr.ts";
import { whyNoMachine } from "./vm.ts";

// A boot each; all six are in test/soak/systemd_triggers.ts.
const name = "once enabled, logind's plain reboot and kured's signal go through kexec under systemd 257";
const reason = whyNoMachine() ?? whyNoSystemd();
if (reason !== null) test(`${name} (${reason})`, { skip: reason }, () => {});
else test(name, () => runTriggers("trixie", TRIGGERS.slice(0, 2)));
