/**
 * Each fault once, on one machine that lives through all of them. Random ones in any number are in
 * test/soak/faults.ts; the power cut at every write is in power_cut_test.ts.
 *
 * @module
 */
import { test } from "node:test";
import { type Cycle, runCycles } from "./fault_cycles.ts";
import { FAULTS } from "./faults.ts";
import { whyNoMachine } from "./vm.ts";

/** Others have tests of their own: the arrival in kexec_cycle_test.ts, the cuts as said above. */
const CYCLES: readonly Cycle[] = [
  ...FAULTS.filter((fault) => fault.cut === undefined && fault.arrives === undefined)
    .map((fault): Cycle => ({ fault, tries: "spend" })),
  ...FAULTS.filter((fault) => fault.initrd === "panic").map((fault): Cycle => ({ fault, tries: "keep" })),
];

const name =
  "after each fault of a kexec no hand is needed: the old slot stays as it was, a good update gets in " +
  "through the firmware, and a bad one is given up";
const reason = whyNoMachine();
if (reason !== null) test(`${name} (${reason})`, { skip: reason }, () => {});
else test(name, () => runCycles(CYCLES, 1).then(() => {}));
