/**
 * Putting hardware and services at rest before the jump: what may be asked for, as data. kexec/ performs it.
 *
 * @module
 */
import type { QuiesceAction, QuiesceStep } from "./api.ts";
import { pluginFault } from "./fault.ts";

/** A checked action, with every default filled in. */
export interface PlannedAction {
  readonly plugin: string;
  readonly step: QuiesceStep;
  readonly reason: string;
  readonly onFailure: "refuse" | "ignore";
  /** Seconds. */
  readonly timeLimit: number;
  /** What will be done, for people: `unload module nvidia`. */
  readonly summary: string;
}

const DEFAULT_SECONDS = 10;
const MOST_SECONDS = 60;

/** As modprobe has them: letters, digits, `_` and `-`. */
const MODULE = /^[A-Za-z0-9_][A-Za-z0-9_-]{0,63}$/;
/** systemd.unit(5): the types that can be stopped and may be in the way of a driver. */
const UNIT =
  /^[A-Za-z0-9:_\\@][A-Za-z0-9:_.\\@-]{0,199}\.(service|socket|timer|path|scope|slice|mount|automount|swap|target)$/;
/** Domain, bus, device and function as in /sys/bus/pci/devices. */
const PCI = /^[0-9a-f]{4,8}:[0-9a-f]{2}:[01][0-9a-f]\.[0-7]$/;
const SYSFS = /^\/sys\/(bus|class|devices|module|block|firmware|kernel)(\/[A-Za-z0-9][A-Za-z0-9:._,@+-]*)+$/;

/**
 * Check an action and fill in its defaults.
 *
 * @throws {KexecError} `plugin-failed` naming what is wrong.
 */
export function planAction(plugin: string, action: QuiesceAction): PlannedAction {
  const seconds = action.timeLimit ?? DEFAULT_SECONDS;
  if (!(seconds >= 1 && seconds <= MOST_SECONDS)) {
    throw pluginFault(`Quiesce: timeLimit is ${seconds} seconds, expected 1 to ${MOST_SECONDS}`);
  }
  const step = checkStep(action);
  return {
    plugin,
    step,
    reason: action.reason,
    onFailure: action.onFailure ?? "refuse",
    timeLimit: seconds,
    summary: summaryOf(step),
  };
}

/** The step alone, free of what else the action carried. */
function checkStep(action: QuiesceAction): QuiesceStep {
  switch (action.kind) {
    case "unload-module":
      expectForm("module", action.module, MODULE, "a module's name: nvidia_drm");
      return { kind: action.kind, module: action.module };
    case "stop-unit":
      expectForm("unit", action.unit, UNIT, "a unit's full name: nvidia-persistenced.service");
      return { kind: action.kind, unit: action.unit };
    case "unbind-pci":
      expectForm("address", action.address, PCI, "a PCI address: 0000:3b:00.0");
      return { kind: action.kind, address: action.address };
    case "write-sysfs":
      // A segment cannot begin with a dot, so no `..`; links inside sysfs stay inside sysfs.
      expectForm("path", action.path, SYSFS, "an attribute below /sys");
      if (action.path.startsWith("/sys/kernel/kexec")) {
        throw pluginFault(`Quiesce: ${action.path} belongs to flatcar-kexec itself`);
      }
      if (new TextEncoder().encode(action.value).length > 4096 || action.value.includes("\0")) {
        throw pluginFault(
          `Quiesce: the value for ${action.path} is longer than 4096 bytes or has a NUL in it`,
        );
      }
      return { kind: action.kind, path: action.path, value: action.value };
  }
}

function expectForm(what: string, value: string, form: RegExp, expected: string): void {
  if (form.test(value)) return;
  throw pluginFault(`Quiesce: ${what} is ${JSON.stringify(value.slice(0, 80))}, expected ${expected}`);
}

function summaryOf(step: QuiesceStep): string {
  switch (step.kind) {
    case "unload-module":
      return `unload module ${step.module}`;
    case "stop-unit":
      return `stop ${step.unit}`;
    case "unbind-pci":
      return `unbind PCI device ${step.address}`;
    case "write-sysfs":
      return `write ${JSON.stringify(step.value)} to ${step.path}`;
  }
}
