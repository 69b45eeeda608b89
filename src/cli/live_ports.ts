/**
 * The live machine as the changing commands use it.
 *
 * @module
 */
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import process from "node:process";
import type { Config } from "../config/config.ts";
import type { Host } from "../host/host.ts";
import { createFileStore } from "../journal/file_store.ts";
import { journaldSink } from "../systemd/journald.ts";
import { liveMachine } from "../kexec/kexec_tools.ts";
import type { JumpArrangements, LoadPorts } from "../kexec/load.ts";
import { KexecError, messageOf } from "../lib/errors.ts";
import { type SystemdControl, systemdControl } from "../systemd/control.ts";
import { unitFiles } from "../systemd/files.ts";
import { applyPlan, planDropInRemoval, planHandover, planHandoverRemoval } from "../systemd/install.ts";

export interface LivePorts extends LoadPorts {
  readonly control: SystemdControl;
}

export function livePorts(host: Host, config: Config): LivePorts {
  const control = systemdControl();
  return {
    host,
    control,
    journal: journaldSink(),
    machine: liveMachine(),
    store: createFileStore(),
    jump: arrangements(control, config),
    writeInitrd(path, archive) {
      try {
        mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
        writeFileSync(path, archive, { mode: 0o600 });
      } catch (error) {
        throw new KexecError("write-failed", `Cannot write ${path}: ${messageOf(error)}`, { cause: error });
      }
    },
    readFile(path) {
      try {
        return readFileSync(path);
      } catch (error) {
        throw new KexecError("unreadable", `Cannot read ${path}: ${messageOf(error)}`, { cause: error });
      }
    },
    now: () => new Date(),
  };
}

function arrangements(control: SystemdControl, config: Config): JumpArrangements {
  const files = unitFiles();
  return {
    arrange() {
      const settings = { binary: process.execPath, kexecProgram: config.kexec.program };
      applyPlan(planHandover(files, settings, control.version()), files, control);
    },
    cancel() {
      applyPlan(planHandoverRemoval(files), files, control);
    },
    endInReboot() {
      applyPlan(planDropInRemoval(files), files, control);
    },
    setWatchdog(microseconds) {
      const before = control.numberProperty("KExecWatchdogUSec");
      if (before !== null) control.setKexecWatchdog(microseconds);
      return before;
    },
  };
}

/** @throws {KexecError} `needs-root` */
export function requireRoot(command: string): void {
  if (process.getuid?.() === 0) return;
  throw new KexecError(
    "needs-root",
    `Cannot ${command}: it needs root, found user ${process.getuid?.() ?? "unknown"}`,
    {
      hint: "run it as root",
    },
  );
}
