import process from "node:process";
import { withCommandLock } from "../journal/command_lock.ts";
import { EXIT, type ExitCode, KexecError } from "../lib/errors.ts";
import { systemdControl } from "../systemd/control.ts";
import { showChanges, unitFiles } from "../systemd/files.ts";
import { applyPlan, type InstallPlan, planDisable, planEnable, showAction } from "../systemd/install.ts";
import { type Command, command, defineArgs } from "./command.ts";
import { openHost, OUTPUT_ARGS } from "./host_options.ts";
import { requireRoot } from "./live_ports.ts";
import { configOf } from "./plan_host.ts";
import type { Terminal } from "./terminal.ts";

const INSTALL_ARGS = defineArgs({
  "dry-run": { type: "boolean", description: "show what would change, as a diff, and change nothing" },
  ...OUTPUT_ARGS,
});

type InstallArguments = Readonly<Record<"dry-run" | "json" | "quiet", boolean | undefined>>;

export const enable: Command = command({
  name: "enable",
  description:
    "Install the systemd units: every reboot after an update goes through kexec where that is safe",
  args: INSTALL_ARGS,
  async run({ args, terminal }) {
    const { config } = await configOf(openHost({}), {});
    const settings = { binary: ownPath(), kexecProgram: config.kexec.program };
    return await install("enable", () => planEnable(unitFiles(), settings), args, terminal);
  },
});

export const disable: Command = command({
  name: "disable",
  description:
    "Remove the systemd units; a kernel that is loaded stays loaded ('flatcar-kexec unload' drops it)",
  args: INSTALL_ARGS,
  async run({ args, terminal }) {
    return await install("disable", () => planDisable(unitFiles()), args, terminal);
  },
});

async function install(
  name: "enable" | "disable",
  decide: () => InstallPlan,
  args: InstallArguments,
  terminal: Terminal,
): Promise<ExitCode> {
  const isDry = args["dry-run"] === true;
  if (!isDry) requireRoot(name);
  const plan = isDry ? decide() : await withCommandLock(name, () => {
    const decided = decide();
    applyPlan(decided, unitFiles(), systemdControl());
    return decided;
  });
  if (args.json === true) {
    terminal.out(`${
      JSON.stringify({
        version: 1,
        dryRun: isDry,
        changes: plan.changes.map(({ kind, path }) => ({ kind, path })),
        actions: [...plan.before, ...plan.after].map(showAction),
        notes: plan.notes,
      })
    }\n`);
    return EXIT.done;
  }
  if (args.quiet === true) return EXIT.done;
  if (isDry) {
    terminal.out(showChanges(plan.changes));
    for (const action of [...plan.before, ...plan.after]) terminal.out(`# ${showAction(action)}\n`);
  } else {
    terminal.out(
      plan.changes.length === 0
        ? `Nothing to change: flatcar-kexec is ${name}d already\n`
        : `${
          name === "enable" ? "Enabled" : "Disabled"
        }: ${plan.changes.length} files changed in /etc/systemd/system\n`,
    );
  }
  for (const note of plan.notes) terminal.err(`flatcar-kexec: ${note}\n`);
  return EXIT.done;
}

/** Path of this program for the units, which start it long after the folder it was called from is forgotten. */
function ownPath(): string {
  if (/(?:^|\/)flatcar-kexec[^/]*$/.test(process.execPath)) return process.execPath;
  throw new KexecError(
    "usage",
    `Cannot enable: running under ${process.execPath}, expected the built binary`,
    {
      hint: "build it with 'npx --yes deno task build' and call /opt/bin/flatcar-kexec enable",
    },
  );
}
