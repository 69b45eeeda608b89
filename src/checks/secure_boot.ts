import { defineCheck } from "./check.ts";

export const secureBoot = defineCheck({
  id: "secure-boot",
  defaultLevel: "refuse",
  title: "Secure Boot is on",
  reads: "the EFI variable SecureBoot",
  examine({ facts }) {
    if (facts.firmware.secureBoot !== true) return null;
    return {
      message:
        "Secure Boot is on (SecureBoot=1): a kernel started by kexec would not be verified by the firmware's chain",
      hint: "take ordinary reboots, or switch Secure Boot off in the firmware",
      origin: "SecureBoot",
    };
  },
});
