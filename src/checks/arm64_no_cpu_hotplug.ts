import { exists } from "../host/text.ts";
import { defineCheck } from "./check.ts";

const CPU = "/sys/devices/system/cpu/cpu1";

export const arm64NoCpuHotplug = defineCheck({
  id: "arm64-no-cpu-hotplug",
  defaultLevel: "refuse",
  title: "processors cannot be switched off",
  reads: `${CPU}/online`,
  examine({ host, facts }) {
    if (facts.arch !== "aarch64" || facts.cpus.online === null || facts.cpus.online < 2) return null;
    if (!exists(host, CPU) || exists(host, `${CPU}/online`)) return null;
    return {
      message:
        `${facts.cpus.online} processors run, and the kernel cannot switch them off one by one (there is no ${CPU}/online): ` +
        "it refuses to kexec from more than one",
      hint: "the firmware must offer PSCI; look for a newer one",
      origin: CPU,
    };
  },
});
