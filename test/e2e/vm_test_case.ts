/**
 * Tests that need a virtual machine, and are skipped, with the reason in their name, where there can be none.
 *
 * @module
 */
import { test } from "node:test";
import { type Machine, type MachineOptions, whyNoMachine, withMachine } from "./vm.ts";

export function vmTest(
  name: string,
  options: MachineOptions,
  action: (machine: Machine) => Promise<void>,
): void {
  const reason = whyNoMachine(options.board);
  if (reason !== null) test(`${name} (${reason})`, { skip: reason }, () => {});
  else test(name, () => withMachine(options, action));
}
