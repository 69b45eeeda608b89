import { defineCheck } from "./check.ts";

/** Modules that are known, or must be feared, to leave their device in a state that the next kernel cannot take over. */
const DRIVERS: Readonly<Record<string, string>> = {
  amdgpu: "AMD",
  i915: "Intel",
  nouveau: "NVIDIA",
  nvidia: "NVIDIA",
  radeon: "AMD",
  xe: "Intel",
};

export const gpuDriver = defineCheck({
  id: "gpu-driver",
  defaultLevel: "refuse",
  title: "a graphics processor is in use",
  reads: "/proc/modules, /sys/bus/pci/drivers",
  examine({ host, facts }) {
    return facts.modules.filter((name) => Object.hasOwn(DRIVERS, name)).flatMap((name) => {
      const folder = `/sys/bus/pci/drivers/${name}`;
      const entries = host.list(folder);
      // Not to be read: then the module alone counts.
      const devices = entries.ok ? entries.value.filter((entry) => /^[0-9a-f]{4,}:/.test(entry)) : null;
      if (devices?.length === 0) return [];
      const bound = devices === null ? "" : ` (${devices.join(", ")})`;
      return [{
        message: `The driver ${name} holds an ${
          DRIVERS[name]
        } graphics processor${bound}, which may hang or stay dark after a kexec`,
        hint:
          `unload the module before the jump (a plugin's quiesce action can), keep it out with modprobe.blacklist=${name}, ` +
          "or allow it once tried",
        origin: folder,
      }];
    });
  },
});
