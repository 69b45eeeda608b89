import { test } from "node:test";
import { runTriggers, TRIGGERS } from "./systemd_triggers.ts";
import { whyNoSystemd } from "./systemd_usr.ts";
import { whyNoMachine } from "./vm.ts";

// What only the drop-in makes a kexec; the whole matrix is in test/soak/systemd_matrix.ts.
const name = "under systemd 252, which has no kexec-force, logind's plain reboot goes through kexec as well";
const reason = whyNoMachine() ?? whyNoSystemd();
if (reason !== null) test(`${name} (${reason})`, { skip: reason }, () => {});
else test(name, () => runTriggers("bookworm", TRIGGERS.slice(0, 1)));
