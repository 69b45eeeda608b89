import { lastValue } from "../kernel/cmdline.ts";
import type { Host } from "../host/host.ts";
import { readAttribute } from "../host/text.ts";
import { defineCheck } from "./check.ts";

const FOLDER = "/sys/class/watchdog";
const STOP_ON_REBOOT = "/sys/module/watchdog/parameters/stop_on_reboot";
/** softdog is a timer of the running kernel, and ends with it. */
const SOFTWARE = "Software Watchdog";

function hardwareWatchdogs(host: Host): readonly string[] {
  const devices = host.list(FOLDER);
  if (!devices.ok) return [];
  return devices.value
    .map((name) => readAttribute(host, `${FOLDER}/${name}/identity`) ?? name)
    .filter((identity) => identity !== SOFTWARE);
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

export const watchdogMissing = defineCheck({
  id: "watchdog-missing",
  defaultLevel: "warn",
  title: "nothing restarts a machine that hangs",
  reads: `${FOLDER}, ${STOP_ON_REBOOT}, panic= on the command line`,
  examine({ host, config, cmdline }) {
    const watchdogs = hardwareWatchdogs(host);
    const panic = panicSentence(cmdline);
    if (watchdogs.length === 0) {
      return {
        message:
          `There is no hardware watchdog: a kernel that hangs after the jump hangs until someone resets the machine; ${panic}`,
        hint: "load the driver of the machine's watchdog (iTCO_wdt, ipmi_watchdog), if it has one",
        origin: FOLDER,
      };
    }
    const names = watchdogs.join(", ");
    const stop = readAttribute(host, STOP_ON_REBOOT);
    const seconds = config.watchdogSeconds;
    if (stop === "0" && seconds > 0) {
      return {
        message:
          `The watchdog (${names}) restarts a machine that hangs between the jump and its driver's start within ` +
          `${seconds} seconds; after that only RuntimeWatchdogSec= of the new system does; ${panic}`,
        hint: null,
        origin: FOLDER,
        level: "info",
      };
    }
    const reasons = [
      ...(stop === "0"
        ? []
        : [`watchdog.stop_on_reboot is ${stop ?? "not known"}, so the kernel may stop it at the jump`]),
      ...(seconds > 0 ? [] : ["watchdogSeconds is 0 in the configuration, so systemd stops it"]),
    ];
    return {
      message: `The watchdog (${names}) does not cover a hang after the jump: ${
        reasons.join("; ")
      }; ${panic}`,
      hint:
        "for cover from the jump to the driver's start: watchdog.stop_on_reboot=0 on the command line, and watchdogSeconds",
      origin: FOLDER,
      level: "info",
    };
  },
});
