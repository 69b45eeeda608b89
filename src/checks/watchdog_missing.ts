import type { HostFacts } from "../host/facts.ts";
import type { Host } from "../host/host.ts";
import { exists, readAttribute } from "../host/text.ts";
import { lastValue } from "../kernel/cmdline.ts";
import { defineCheck } from "./check.ts";

const FOLDER = "/sys/class/watchdog";
const STOP_ON_REBOOT = "/sys/module/watchdog/parameters/stop_on_reboot";
/** softdog is a timer of the running kernel, and ends with it. */
const SOFTWARE = "Software Watchdog";
/** The management controllers' driver is older than the kernel's watchdog class, and not in it. */
const IPMI = "ipmi_watchdog";

/** Names of the watchdogs that are devices. */
function hardwareWatchdogs(host: Host): readonly string[] {
  const devices = host.list(FOLDER);
  if (!devices.ok) return [];
  return devices.value.flatMap((name) => {
    const identity = readAttribute(host, `${FOLDER}/${name}/identity`);
    if (identity !== null) return identity === SOFTWARE ? [] : [identity];
    // Kernels without CONFIG_WATCHDOG_SYSFS name none; softdog is on no device.
    return exists(host, `${FOLDER}/${name}/device`) ? [name] : [];
  });
}

/** What a panic of the next kernel leads to, as a sentence. */
function panicSentence(cmdline: string | null): string {
  const value = cmdline === null ? null : lastValue(cmdline, "panic");
  if (value === null) {
    return "a panic restarts the machine after the time built into the kernel (60 seconds in Flatcar's)";
  }
  const seconds = Number(value);
  if (Number.isNaN(seconds)) return `what a panic leads to is not known (panic=${value})`;
  if (seconds === 0) return "a panic stops the machine for good (panic=0)";
  return seconds < 0
    ? `a panic restarts the machine at once (panic=${value})`
    : `a panic restarts the machine after ${seconds} seconds (panic=${value})`;
}

/** Why the watchdogs do not cover a hang right after the jump; empty if they do. */
function gaps(host: Host, hasClassDevice: boolean, seconds: number): readonly string[] {
  const stop = readAttribute(host, STOP_ON_REBOOT);
  return [
    ...(!hasClassDevice || stop === "0"
      ? []
      : [`watchdog.stop_on_reboot is ${stop ?? "not known"}, so the kernel may stop it at the jump`]),
    ...(seconds > 0 ? [] : ["watchdog-seconds is 0 in the configuration, so systemd stops it"]),
  ];
}

function hasIpmi(facts: HostFacts): boolean {
  return facts.modules.includes(IPMI);
}

export const watchdogMissing = defineCheck({
  id: "watchdog-missing",
  defaultLevel: "warn",
  title: "nothing restarts a machine that hangs",
  reads: `${FOLDER}, ${STOP_ON_REBOOT}, /proc/modules, panic= on the command line`,
  examine({ host, facts, config, cmdline }) {
    const devices = hardwareWatchdogs(host);
    const watchdogs = hasIpmi(facts) ? [...devices, IPMI] : devices;
    const panic = panicSentence(cmdline);
    if (watchdogs.length === 0) {
      return {
        message: "There is no hardware watchdog: a kernel that hangs after the jump hangs until someone " +
          `resets the machine; ${panic}`,
        hint: "load the driver of the machine's watchdog (iTCO_wdt, ipmi_watchdog), if it has one",
        origin: FOLDER,
      };
    }
    const names = watchdogs.join(", ");
    const seconds = config.watchdogSeconds;
    const open = gaps(host, devices.length > 0, seconds);
    if (open.length > 0) {
      return {
        message: `The watchdog (${names}) does not cover a hang after the jump: ${open.join("; ")}; ${panic}`,
        hint:
          "for cover from the jump to the driver's start: watchdog.stop_on_reboot=0 on the command line, " +
          "and watchdog-seconds",
        origin: FOLDER,
        level: "info",
      };
    }
    return {
      message:
        `The watchdog (${names}) is left running for ${seconds} seconds at the jump, which covers a hang ` +
        `until its driver starts again; after that only RuntimeWatchdogSec= of the new system does; ${panic}`,
      hint: null,
      origin: FOLDER,
      level: "info",
    };
  },
});
