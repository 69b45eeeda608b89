import { defineCheck } from "./check.ts";

export const platformGce = defineCheck({
  id: "platform-gce",
  defaultLevel: "refuse",
  title: "runs on Google Compute Engine",
  reads: "the OEM id, DMI",
  examine({ facts }) {
    if (facts.virtualization !== "google" && facts.oem.id !== "gce") return null;
    return {
      message: "This machine runs on Google Compute Engine, where a kexec is known to get stuck now and then",
      hint: "take ordinary reboots: a virtual machine's firmware takes seconds",
      origin: "DMI",
    };
  },
});
