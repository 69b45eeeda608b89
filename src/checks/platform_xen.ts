import { defineCheck } from "./check.ts";

export const platformXen = defineCheck({
  id: "platform-xen",
  defaultLevel: "refuse",
  title: "runs on Xen",
  reads: "/sys/hypervisor, DMI",
  examine({ facts }) {
    if (facts.virtualization !== "xen" && facts.platform !== "xen") return null;
    return {
      message: "This machine runs on Xen, where a kexec needs the hypervisor's help or hangs" +
        (facts.platform === "xen" ? ", and this guest is paravirtualized: it cannot kexec at all" : ""),
      hint: "take ordinary reboots: a virtual machine's firmware takes seconds",
      origin: "/sys/hypervisor",
    };
  },
});
