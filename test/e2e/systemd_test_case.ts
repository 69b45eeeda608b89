import { test } from "node:test";
import { systemdRoot, type SystemdSuite, systemdUsr, whyNoSystemd } from "./systemd_usr.ts";
import { type Machine, type MachineOptions, whyNoMachine, withMachine } from "./vm.ts";

/** A test with a machine that has a real systemd userland. */
export function systemdTest(
  name: string,
  suite: SystemdSuite,
  options: MachineOptions,
  action: (machine: Machine) => Promise<void>,
): void {
  const reason = whyNoMachine() ?? whyNoSystemd();
  if (reason !== null) {
    test(`${name} (${reason})`, { skip: reason }, () => {});
    return;
  }
  test(name, async () => {
    const fill = systemdRoot(suite);
    await withMachine({
      limit: 600,
      ...options,
      usr: systemdUsr(suite),
      root: (tree) => {
        fill(tree);
        options.root?.(tree);
      },
    }, action);
  });
}
