import { dirname } from "node:path";
import process from "node:process";
import type { Host } from "../host/host.ts";
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
    const binary = ownPath();
    const settings = { binary, kexecProgram: config.kexec.program };
    const fault = othersMayReplace(openHost({}), binary);
    if (fault !== null && args["dry-run"] !== true) throw fault;
    const decide = (): InstallPlan => {
      const plan = planEnable(unitFiles(), settings);
      return fault === null ? plan : { ...plan, notes: [...plan.notes, fault.message] };
    };
    return await install("enable", decide, args, terminal);
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

/**
 * Why the units, which root runs, must not name this program: somebody else can put another in its place. Null if only
 * root can: file and folders are root's and not writable by others, but for folders like /tmp, whose sticky bit keeps
 * root's entries root's.
 */
export function othersMayReplace(host: Pick<Host, "status">, binary: string): KexecError | null {
  const STICKY = 0o1000;
  for (let path = binary;; path = dirname(path)) {
    const status = host.status(path);
    const problem = !status.ok
      ? status.failure.message
      : status.value.uid !== 0
      ? `${path} belongs to user ${status.value.uid}, expected root (0)`
      : (status.value.mode & 0o022) !== 0 && !(path !== binary && (status.value.mode & STICKY) !== 0)
      ? `${path} can be written by others: mode ${
        (status.value.mode & 0o7777).toString(8)
      }, expected no more than 755`
      : null;
    if (problem !== null) {
      return new KexecError(
        "usage",
        `Cannot enable: the units would have root run ${binary}, but ${problem}`,
        {
          hint: `install -D -o root -g root -m 0755 ${binary} /opt/bin/flatcar-kexec, and call that`,
        },
      );
    }
    if (path === "/") return null;
  }
}
