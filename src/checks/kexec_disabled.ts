import { defineCheck } from "./check.ts";

const PATH = "/proc/sys/kernel/kexec_load_disabled";

export const kexecDisabled = defineCheck({
  id: "kexec-disabled",
  defaultLevel: "refuse",
  title: "loading kernels is switched off",
  reads: PATH,
  examine({ facts }) {
    if (facts.kexec.loadDisabled !== true) return null;
    return {
      message:
        "Loading a kernel is switched off until the next boot (kernel.kexec_load_disabled=1, expected 0)",
      hint: "look for what sets it in /etc/sysctl.d",
      origin: PATH,
    };
  },
});
