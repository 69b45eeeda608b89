import { DEFAULT_CONFIG } from "../config/config.ts";
import { withCommandLock } from "../journal/command_lock.ts";
import { commitLoaded, type CommitOutcome, noteFailedCommit } from "../kexec/commit.ts";
import { liveMounter } from "../kexec/late_mounts.ts";
import { liveQuiesceMachine, performActions, vetoesOf } from "../kexec/quiesce.ts";
import { chooseSyscall } from "../kernel/syscall.ts";
import { committedEntry, skippedEntry } from "../journal/journal_entry.ts";
import { EXIT, type ExitCode, KexecError } from "../lib/errors.ts";
import { type SystemdControl, systemdControl } from "../systemd/control.ts";
import { journaldSink } from "../systemd/journald.ts";
import { jumpIsKexec } from "../systemd/jump.ts";
import { COMMIT_UNIT } from "../systemd/units.ts";
import { readAttribute } from "../host/text.ts";
import { command } from "./command.ts";
import { openHost, OUTPUT_ARGS } from "./host_options.ts";
import { type LivePorts, livePorts, requireRoot } from "./live_ports.ts";
import type { Severity } from "./terminal.ts";

/** Seconds to wait for another command: the shutdown waits for us, and others get killed by it. */
const PATIENCE = 10;

export const commit = command({
  name: "commit",
  description: "Used by the unit in kexec.target: re-check, spend the try",
  args: {
    ...OUTPUT_ARGS,
    failed: {
      type: "string",
      valueHint: "RESULT",
      description: "used by the unit after a commit that failed: why, as systemd has it",
    },
  },
  async run({ args, terminal }) {
    requireRoot("commit");
    const host = openHost({});
    const say = (text: string, severity?: Severity): void => {
      if (args.quiet !== true) terminal.err(`${text}\n`, severity);
    };
    if (args.failed !== undefined) return noteFailure(args.failed, livePorts(host, DEFAULT_CONFIG), say);
    requireShutdown(systemdControl());
    // The configuration is not asked: /oem is unmounted by now, and what counts is how the kernel was loaded.
    const ports = livePorts(host, DEFAULT_CONFIG);
    const outcome = await withCommandLock("commit", () =>
      commitLoaded({
        host,
        machine: ports.machine,
        store: ports.store,
        mounter: liveMounter(),
        jumpIsKexec,
        quiesce: (record) =>
          vetoesOf(
            performActions(
              record.quiesce,
              liveQuiesceMachine(),
              ({ message }) => say(message, "warning"),
            ),
          ),
        bootId: readAttribute(host, "/proc/sys/kernel/random/boot_id"),
        fallback: { program: DEFAULT_CONFIG.kexec.program, syscall: chooseSyscall("auto", host.arch) },
        now: ports.now,
      }), { wait: PATIENCE });
    const { exit, sentence } = report(outcome);
    const journal = journaldSink();
    if (outcome.kind === "committed") journal.send(committedEntry(outcome.record, outcome.triesAfter));
    if (outcome.kind === "vetoed") journal.send(skippedEntry(outcome.event));
    if (args.json === true) {
      terminal.out(`${JSON.stringify({ version: 1, outcome: outcome.kind, message: sentence })}\n`);
    } else say(`flatcar-kexec: ${sentence}`);
    return exit;
  },
});

/**
 * Called by hand, commit would take the try and nothing would jump. Where systemd cannot be asked, it is believed.
 *
 * @throws {KexecError} `state-invalid`: nothing is changed.
 */
export function requireShutdown(control: Pick<SystemdControl, "isStopping">): void {
  if (control.isStopping() !== false) return;
  throw new KexecError(
    "state-invalid",
    "Cannot commit: no reboot is under way, and a try is taken only right before the jump",
    { hint: `${COMMIT_UNIT} calls it during a reboot: 'flatcar-kexec reboot' asks for one` },
  );
}

function noteFailure(result: string, ports: LivePorts, say: (text: string) => void): ExitCode {
  const event = noteFailedCommit(ports, failureSentence(result));
  if (event !== null) {
    say(`flatcar-kexec: no kexec, ordinary reboot: ${event.reason}`);
    ports.journal.send(skippedEntry(event));
  }
  return EXIT.done;
}

/**
 * @param result `$SERVICE_RESULT $EXIT_STATUS` of systemd.exec(5): `exit-code 1`, `signal KILL`, `timeout TERM`.
 * There is no status where a command before commit was what failed.
 */
export function failureSentence(result: string): string {
  const [how = "", status] = result.trim().split(/\s+/);
  switch (how) {
    case "exit-code":
      return status === undefined
        ? `${COMMIT_UNIT} failed before it came to commit`
        : `${COMMIT_UNIT} ended with exit status ${status}`;
    case "signal":
    case "core-dump":
      return `${COMMIT_UNIT} was killed${status === undefined ? "" : ` by signal ${status}`}`;
    case "timeout":
      return `${COMMIT_UNIT} ran out of time`;
    default:
      return `${COMMIT_UNIT} did not end well: systemd says "${how}"`;
  }
}

function report(outcome: CommitOutcome): { readonly exit: ExitCode; readonly sentence: string } {
  switch (outcome.kind) {
    case "nothing-loaded":
      return { exit: EXIT.done, sentence: outcome.note ?? "no kernel of ours is loaded: nothing to commit" };
    case "firmware":
      return { exit: EXIT.done, sentence: `kernel dropped, no try taken: ${outcome.reason}` };
    case "vetoed":
      return { exit: EXIT.refused, sentence: `no kexec, ordinary reboot: ${outcome.reasons.join("; ")}` };
    case "committed": {
      const { slot, kernel } = outcome.record;
      const tries = outcome.triesAfter === slot.tries
        ? "no try taken"
        : `one try taken, ${outcome.triesAfter} left`;
      return {
        exit: EXIT.done,
        sentence: `committed to ${slot.label} with kernel ${kernel.version ?? kernel.path}: ${tries}`,
      };
    }
  }
}
