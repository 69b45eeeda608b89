import { test } from "node:test";
import { REFUSED } from "./systemd_cases.ts";
import { runCases } from "./systemd_matrix.ts";
import { whyNoSystemd } from "./systemd_usr.ts";
import { whyNoMachine } from "./vm.ts";

/** A boot each: these two show both ways out, nothing loaded and a veto by commit. All are in test/soak/systemd_matrix.ts. */
const SHOWN = REFUSED.slice(0, 2);

const name = "with a kernel loaded, --cold and a request for the firmware's setup each lead to an ordinary " +
  "reboot that says why, under systemd 257";
const reason = whyNoMachine() ?? whyNoSystemd();
if (reason !== null) test(`${name} (${reason})`, { skip: reason }, () => {});
else test(name, () => runCases("trixie", SHOWN).then(() => {}));
