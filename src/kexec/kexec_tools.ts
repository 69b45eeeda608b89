/**
 * kexec-tools as we drive it: which arguments, and what its answers mean.
 *
 * Always `-l` and always an explicit syscall. Without `-l` kexec would also shut the machine down; with `-a`
 * it would pick the syscall itself (kexec(8)).
 *
 * @module
 */
import { spawnSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import type { Syscall } from "../kernel/syscall.ts";
import { CHILD_ENVIRONMENT } from "../lib/child_environment.ts";
import { KexecError, systemErrorCode } from "../lib/errors.ts";

/** What to load. Paths are those of the running host. */
export interface LoadRequest {
  readonly kernel: string;
  readonly cmdline: string;
  /** kexec takes one. */
  readonly initrd: string | null;
  readonly deviceTree: string | null;
  readonly syscall: Syscall;
  /** The administrator's own options, before ours. */
  readonly options: readonly string[];
}

export interface ProgramOutcome {
  /** Exit status; null if it could not be started or was killed. */
  readonly status: number | null;
  readonly stderr: string;
  /** Why it could not be started, null if it ran. */
  readonly failure: string | null;
}

/** The part of a machine that loading a kernel touches. */
export interface KexecMachine {
  run(program: string, args: readonly string[]): ProgramOutcome;
  /** `/sys/kernel/kexec_loaded`: null if there is no such file. */
  isLoaded(): boolean | null;
  /** Give the page cache back to the kernel, which may be all that an allocation of contiguous pages lacks. */
  dropCaches(): void;
}

export function loadArguments(request: LoadRequest): readonly string[] {
  if (request.deviceTree !== null && request.syscall === "file") {
    throw new KexecError(
      "kexec-failed",
      `Cannot load '${request.kernel}': kexec_file_load ignores a device tree, found '${request.deviceTree}'`,
      { hint: 'set syscall = "load" under [kexec] in the configuration' },
    );
  }
  return [
    ...request.options,
    syscallOption(request.syscall),
    ...(request.initrd === null ? [] : [`--initrd=${request.initrd}`]),
    ...(request.deviceTree === null ? [] : [`--dtb=${request.deviceTree}`]),
    `--command-line=${request.cmdline}`,
    "-l",
    request.kernel,
  ];
}

function syscallOption(syscall: Syscall): "-s" | "-c" {
  return syscall === "file" ? "-s" : "-c";
}

/**
 * Load a kernel and see that the running kernel has it.
 *
 * @throws {KexecError} `kexec-tools-missing`, or `kexec-failed` with what kexec said.
 */
export function loadKernel(machine: KexecMachine, program: string, request: LoadRequest): void {
  const args = loadArguments(request);
  let outcome = machine.run(program, args);
  if (isOutOfMemory(outcome)) {
    machine.dropCaches();
    outcome = machine.run(program, args);
  }
  requireSuccess(outcome, program, `Cannot load '${request.kernel}'`, hintFor);
  if (machine.isLoaded() === false) {
    throw new KexecError(
      "kexec-failed",
      `Cannot load '${request.kernel}': ${program} reported success, but /sys/kernel/kexec_loaded is 0, expected 1`,
    );
  }
}

/** @throws {KexecError} `kexec-tools-missing` or `kexec-failed`. */
export function unloadKernel(machine: KexecMachine, program: string, syscall: Syscall): void {
  const outcome = machine.run(program, [syscallOption(syscall), "-u"]);
  requireSuccess(outcome, program, "Cannot unload the kernel", unloadHint);
  if (machine.isLoaded() === true) {
    throw new KexecError(
      "kexec-failed",
      `Cannot unload the kernel: ${program} reported success, but /sys/kernel/kexec_loaded is 1, expected 0`,
    );
  }
}

function requireSuccess(
  outcome: ProgramOutcome,
  program: string,
  action: string,
  hintOf: (stderr: string) => string,
): void {
  if (outcome.failure !== null) {
    throw new KexecError("kexec-tools-missing", `${action}: cannot run '${program}': ${outcome.failure}`, {
      hint: "kexec-tools is part of every Flatcar image; elsewhere install it or set program under [kexec]",
    });
  }
  if (outcome.status === 0) return;
  const said = outcome.stderr.trim().split("\n").filter((line) => line.trim() !== "").slice(-3).join("; ");
  throw new KexecError(
    "kexec-failed",
    `${action}: ${program} ended with ${
      outcome.status === null ? "a signal" : `exit status ${outcome.status}`
    }${said === "" ? "" : `: ${said}`}`,
    { hint: hintOf(outcome.stderr) },
  );
}

function isOutOfMemory(outcome: ProgramOutcome): boolean {
  return outcome.status !== 0 && outcome.stderr.includes("Cannot allocate memory");
}

/** kexec has no finer signal than its text (255 for every failure), so the text picks the hint. */
function hintFor(stderr: string): string {
  if (stderr.includes("Operation not permitted")) {
    return "run as root; see kernel.kexec_load_disabled and /sys/kernel/security/lockdown";
  }
  if (stderr.includes("Function not implemented")) {
    return "this kernel lacks the system call; set syscall under [kexec] to the other one";
  }
  if (stderr.includes("Cannot allocate memory")) {
    return "not enough contiguous memory, even with caches dropped; take an ordinary reboot";
  }
  if (stderr.includes("Device or resource busy")) return "another program is loading a kernel; try again";
  return "take an ordinary reboot: 'flatcar-kexec reboot --cold'";
}

/** An ordinary reboot is what unloading is for: what is left is one that passes all units by. */
function unloadHint(stderr: string): string {
  const way =
    "'systemctl reboot --force' goes through the firmware without it, and stops no service in order";
  return stderr.includes("Operation not permitted")
    ? `run as root; with kernel.kexec_load_disabled = 1 nothing can unload it: ${way}`
    : `the kernel stays loaded, see dmesg: ${way}`;
}

/** The machine we run on. */
export function liveMachine(): KexecMachine {
  return {
    run(program, args) {
      const child = spawnSync(program, args, {
        stdio: ["ignore", "ignore", "pipe"],
        // kexec needs nothing from us, and nothing that is set for us should reach it.
        env: CHILD_ENVIRONMENT,
        encoding: "utf8",
        timeout: 120_000,
        killSignal: "SIGKILL",
      });
      const missing = child.error !== undefined && systemErrorCode(child.error) !== "ETIMEDOUT";
      return {
        status: child.status,
        stderr: child.stderr ?? "",
        failure: missing ? (systemErrorCode(child.error) ?? child.error?.message ?? "unknown") : null,
      };
    },
    isLoaded() {
      try {
        return readFileSync("/sys/kernel/kexec_loaded", "latin1").trim() === "1";
      } catch {
        return null;
      }
    },
    dropCaches() {
      try {
        writeFileSync("/proc/sys/vm/drop_caches", "3\n");
      } catch {
        // Only an attempt to help: the second load tells what came of it.
      }
    },
  };
}
