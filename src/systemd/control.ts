/**
 * What we ask of systemd. An interface, so that a test can stand in; the live one runs systemctl and busctl,
 * with an environment of our own.
 *
 * @module
 */
import { spawnSync } from "node:child_process";
import { CHILD_ENVIRONMENT } from "../lib/child_environment.ts";
import { KexecError, systemErrorCode } from "../lib/errors.ts";

export interface RebootOptions {
  /** Do not wait for, or be stopped by, inhibitors such as a running package manager. */
  readonly ignoreInhibitors?: boolean;
}

export interface SystemdControl {
  daemonReload(): void;
  start(unit: string, wait: boolean): void;
  stop(unit: string): void;
  /** The release of the running systemd, such as 257, null if it does not say. */
  version(): number | null;
  /** A number property of the manager, null if it is not known or not a number. */
  numberProperty(name: ManagerProperty): number | null;
  /** Microseconds that PID 1 arms the hardware watchdog with before a kexec; 0 leaves it off. */
  setKexecWatchdog(microseconds: number): void;
  /** Whether the system is on its way down to a reboot, null if systemd does not say. */
  isStopping(): boolean | null;
  /** Ask for the shutdown that ends in a jump to the loaded kernel, or in a reboot through the firmware. */
  reboot(kind: "kexec" | "firmware", options?: RebootOptions): void;
}

/** Properties of org.freedesktop.systemd1.Manager, all in microseconds. */
export type ManagerProperty =
  | "KExecWatchdogUSec"
  | "RuntimeWatchdogUSec"
  | "FirmwareTimestampMonotonic"
  | "LoaderTimestampMonotonic"
  | "UserspaceTimestampMonotonic";

export interface CommandResult {
  /** Null if it could not be run or was killed. */
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
  /** Why it could not be run, null if it ran. */
  readonly failure: string | null;
}

/** Run a program with these variables and no others. */
export type RunProgram = (
  argv: readonly [string, ...string[]],
  environment: Readonly<Record<string, string>>,
  /** Its standard input; none unless given. */
  input?: string,
) => CommandResult;

const MANAGER = [
  "org.freedesktop.systemd1",
  "/org/freedesktop/systemd1",
  "org.freedesktop.systemd1.Manager",
] as const;

export function systemdControl(run: RunProgram = runProgram): SystemdControl {
  const call = (action: string, ...argv: [string, ...string[]]): string =>
    requireSuccess(action, argv, run(argv, CHILD_ENVIRONMENT));
  return {
    daemonReload() {
      call("Cannot make systemd read its units again", "systemctl", "daemon-reload");
    },
    start(unit, wait) {
      call(`Cannot start ${unit}`, "systemctl", "start", ...(wait ? [] : ["--no-block"]), unit);
    },
    stop(unit) {
      call(`Cannot stop ${unit}`, "systemctl", "stop", unit);
    },
    version() {
      const shown = run(["systemctl", "show", "--property=Version", "--value"], CHILD_ENVIRONMENT);
      // "257.13-1~deb13u1", or "v258-rc1" of a development build.
      const match = /^v?(\d+)/.exec(shown.stdout.trim());
      return shown.status === 0 && match !== null ? Number(match[1]) : null;
    },
    numberProperty(name) {
      if (name.endsWith("TimestampMonotonic")) {
        // By systemd's own socket: early in the boot there may be no bus yet.
        const shown = run(["systemctl", "show", `--property=${name}`, "--value"], CHILD_ENVIRONMENT);
        const text = shown.stdout.trim();
        return shown.status === 0 && /^\d+$/.test(text) ? Number(text) : null;
      }
      // systemctl shows spans as "1min 30s"; busctl gives the number, as "t 90000000".
      const result = run(["busctl", "get-property", ...MANAGER, name], CHILD_ENVIRONMENT);
      const match = /^t (\d+)$/.exec(result.stdout.trim());
      return result.status === 0 && match !== null ? Number(match[1]) : null;
    },
    setKexecWatchdog(microseconds) {
      const value = String(microseconds);
      call(
        "Cannot set the watchdog for kexec",
        "busctl",
        "set-property",
        ...MANAGER,
        "KExecWatchdogUSec",
        "t",
        value,
      );
    },
    isStopping() {
      const answer = run(["systemctl", "is-system-running"], CHILD_ENVIRONMENT).stdout.trim();
      if (answer === "" || answer === "unknown" || answer === "offline") return null;
      if (answer === "stopping") return true;
      // A system that never came to the end of its boot may go on to say "starting" while it goes down. The job of
      // the target is there until the very end.
      const jobs = ["reboot.target", "kexec.target"].map((target) =>
        run(["systemctl", "show", "--property=Job", target], CHILD_ENVIRONMENT)
      );
      if (jobs.some((shown) => shown.status !== 0)) return null;
      return jobs.some((shown) => /^Job=[1-9]/m.test(shown.stdout));
    },
    reboot(kind, options = {}) {
      const verb = kind === "kexec" ? "kexec" : "reboot";
      const argv = [
        "systemctl",
        ...(options.ignoreInhibitors === true ? ["--check-inhibitors=no"] : []),
        verb,
      ];
      // Only systemctl itself reads this: a kernel that somebody loads in this moment is not to be used.
      const environment = kind === "kexec"
        ? CHILD_ENVIRONMENT
        : { ...CHILD_ENVIRONMENT, SYSTEMCTL_SKIP_AUTO_KEXEC: "1" };
      const [program, ...rest] = argv;
      const command: [string, ...string[]] = [program ?? "systemctl", ...rest];
      requireSuccess("Cannot ask systemd for the reboot", command, run(command, environment));
    },
  };
}

function requireSuccess(action: string, argv: readonly string[], result: CommandResult): string {
  if (result.status === 0) return result.stdout;
  const said = result.stderr.trim().split("\n").at(-1) ?? "";
  const why = result.failure ?? (said === "" ? `exit status ${result.status ?? "unknown"}` : said);
  throw new KexecError("systemd-failed", `${action}: '${argv.join(" ")}' failed: ${why}`);
}

/** The live host's programs. */
export function runProgram(
  argv: readonly [string, ...string[]],
  environment: Readonly<Record<string, string>>,
  input?: string,
): CommandResult {
  const [program, ...args] = argv;
  const child = spawnSync(program, args, {
    stdio: [input === undefined ? "ignore" : "pipe", "pipe", "pipe"],
    ...(input === undefined ? {} : { input }),
    env: environment,
    encoding: "utf8",
    timeout: 90_000,
    killSignal: "SIGKILL",
  });
  const failure = child.error === undefined ? null : systemErrorCode(child.error) ?? child.error.message;
  return { status: child.status, stdout: child.stdout ?? "", stderr: child.stderr ?? "", failure };
}
