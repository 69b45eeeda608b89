/**
 * Putting hardware and services at rest before the jump: performs what plugins asked for as data
 * (plugin/quiesce.ts), one action after the other, each within its time.
 *
 * A process that the kernel holds in an uninterruptible wait cannot be killed by anybody; against that stands the
 * time limit of the unit that runs commit, whose end drops the kernel.
 *
 * @module
 */
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { messageOf, systemErrorCode } from "../lib/errors.ts";
import type { PlannedAction } from "../plugin/quiesce.ts";

export interface QuiesceRun {
  /** Exit status; null if it could not be started or was killed. */
  readonly status: number | null;
  readonly stderr: string;
  /** Why it did not end by itself: `not found`, `timed out`; else null. */
  readonly failure: string | null;
}

/** The part of a machine that actions touch. */
export interface QuiesceMachine {
  /** Run a program with `input` on its standard input; killed after `seconds`. */
  run(program: string, args: readonly string[], input: string, seconds: number): QuiesceRun;
  exists(path: string): boolean;
  /** Whether a kernel module is loaded; `-` and `_` are the same in its name. */
  isModuleLoaded(name: string): boolean;
}

/** How one action went. */
export interface QuiesceResult {
  readonly action: PlannedAction;
  readonly outcome: "done" | "unneeded" | "failed";
  /** A sentence for the log. */
  readonly message: string;
}

/** systemctl's answer for a unit that is not loaded, as in LSB: "program is not installed". */
const NO_SUCH_UNIT = 5;

/**
 * Perform actions in order. After the first failure that must not be, the rest is left alone: the machine is going
 * to reboot through the firmware instead.
 *
 * @param log Told of each action as it ends.
 */
export function performActions(
  actions: readonly PlannedAction[],
  machine: QuiesceMachine,
  log: (result: QuiesceResult) => void = () => {},
): readonly QuiesceResult[] {
  const results: QuiesceResult[] = [];
  for (const action of actions) {
    const result = perform(action, machine);
    results.push(result);
    log(result);
    if (result.outcome === "failed" && action.onFailure === "refuse") break;
  }
  return results;
}

/** A sentence for each action that failed and must not. */
export function vetoesOf(results: readonly QuiesceResult[]): readonly string[] {
  return results.filter(({ action, outcome }) => outcome === "failed" && action.onFailure === "refuse")
    .map(({ message }) => message);
}

function perform(action: PlannedAction, machine: QuiesceMachine): QuiesceResult {
  const who = `plugin ${action.plugin}: ${action.summary}`;
  const done: QuiesceResult = { action, outcome: "done", message: `${who}: done (${action.reason})` };
  const unneeded = (why: string): QuiesceResult => ({
    action,
    outcome: "unneeded",
    message: `${who}: nothing to do, ${why}`,
  });
  const outcomeOf = (run: QuiesceRun): QuiesceResult => {
    if (run.failure === null && run.status === 0) return done;
    const why = run.failure ?? (run.stderr.trim().split("\n")[0] || `exit status ${run.status}`);
    return { action, outcome: "failed", message: `Cannot do what ${who} asks for: ${why}` };
  };
  const { step, timeLimit } = action;
  switch (step.kind) {
    case "unload-module":
      if (!machine.isModuleLoaded(step.module)) return unneeded("it is not loaded");
      return outcomeOf(machine.run("modprobe", ["--remove", "--", step.module], "", timeLimit));
    case "stop-unit": {
      const run = machine.run("systemctl", ["stop", "--", step.unit], "", timeLimit);
      if (run.failure === null && run.status === NO_SUCH_UNIT) return unneeded("there is no such unit");
      return outcomeOf(run);
    }
    case "unbind-pci": {
      const device = `/sys/bus/pci/devices/${step.address}`;
      if (!machine.exists(device)) return unneeded("there is no such device");
      if (!machine.exists(`${device}/driver`)) return unneeded("no driver holds it");
      return outcomeOf(machine.run("tee", [`${device}/driver/unbind`], step.address, timeLimit));
    }
    case "write-sysfs":
      if (!machine.exists(step.path)) {
        return {
          action,
          outcome: "failed",
          message: `Cannot do what ${who} asks for: there is no such attribute`,
        };
      }
      return outcomeOf(machine.run("tee", [step.path], step.value, timeLimit));
  }
}

/** This machine. */
export function liveQuiesceMachine(): QuiesceMachine {
  return {
    run(program, args, input, seconds) {
      const child = spawnSync(program, args, {
        input,
        stdio: ["pipe", "ignore", "pipe"],
        env: { PATH: "/usr/sbin:/usr/bin:/sbin:/bin" },
        timeout: seconds * 1000,
        killSignal: "SIGKILL",
        encoding: "utf8",
      });
      return {
        status: child.status,
        stderr: child.stderr ?? "",
        failure: failureOf(child.error, child.signal, program, seconds),
      };
    },
    exists: existsSync,
    // Built-in ones have a folder too, but no state.
    isModuleLoaded: (name) => existsSync(`/sys/module/${name.replaceAll("-", "_")}/initstate`),
  };
}

function failureOf(
  error: Error | undefined,
  signal: string | null,
  program: string,
  seconds: number,
): string | null {
  if (error !== undefined) {
    switch (systemErrorCode(error)) {
      case "ENOENT":
        return `${program} is not there`;
      case "ETIMEDOUT":
        return `it took longer than ${seconds} seconds`;
      default:
        return messageOf(error);
    }
  }
  return signal === null ? null : `${program} was killed by ${signal}`;
}
