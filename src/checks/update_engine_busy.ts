import { exists } from "../host/text.ts";
import { defineCheck } from "./check.ts";

const BUS_SOCKET = "/run/dbus/system_bus_socket";
/** The service's control group exists while it runs: without it no program need be started to ask. */
const RUNNING = [
  "/sys/fs/cgroup/system.slice/update-engine.service",
  "/sys/fs/cgroup/systemd/system.slice/update-engine.service",
  "/sys/fs/cgroup/unified/system.slice/update-engine.service",
] as const;

const GET_STATUS = [
  "busctl",
  "--system",
  "--auto-start=no",
  "--timeout=2",
  "call",
  "com.coreos.update1",
  "/com/coreos/update1",
  "com.coreos.update1.Manager",
  "GetStatus",
] as const;

/** While these go on, the slot that is not running is being overwritten. */
const WRITING: readonly string[] = [
  "UPDATE_STATUS_DOWNLOADING",
  "UPDATE_STATUS_VERIFYING",
  "UPDATE_STATUS_FINALIZING",
];

export const updateEngineBusy = defineCheck({
  id: "update-engine-busy",
  defaultLevel: "refuse",
  title: "update-engine is writing",
  reads: "update-engine's status over the system bus, if it runs",
  examine({ host, slot, running }) {
    if (!exists(host, BUS_SOCKET) || !RUNNING.some((path) => exists(host, path))) return null;
    const outcome = host.command(GET_STATUS);
    const origin = "com.coreos.update1";
    const operation = outcome.ok ? /"(UPDATE_STATUS_[A-Z_]+)"/.exec(outcome.value.stdout)?.[1] ?? null : null;
    if (operation === null) {
      const reason = outcome.ok
        ? outcome.value.stderr.trim().split("\n")[0] || `busctl ended with status ${outcome.value.status}`
        : outcome.failure.message;
      return {
        message: `update-engine runs, but does not say what it is doing: ${reason}`,
        hint: "see: systemctl status update-engine",
        origin,
        level: "warn",
      };
    }
    if (!WRITING.includes(operation)) return null;
    const takesOther = slot !== null && slot.partuuid !== running;
    // The partition table and the OEM files are written at the end only; before that, only the slot that is not running.
    const isUnsafe = operation === "UPDATE_STATUS_FINALIZING" || takesOther;
    return {
      message: isUnsafe
        ? `update-engine is writing (${operation}), and what it writes is about to be booted`
        : `update-engine is writing the other slot (${operation}); rebooting now starts this slot again and the update over`,
      hint:
        "wait until update_engine_client -status says UPDATE_STATUS_UPDATED_NEED_REBOOT or UPDATE_STATUS_IDLE",
      origin,
      ...(isUnsafe ? {} : { level: "warn" as const }),
    };
  },
});
