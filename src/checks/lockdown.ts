import { defineCheck } from "./check.ts";

const PATH = "/sys/kernel/security/lockdown";

export const lockdown = defineCheck({
  id: "lockdown",
  defaultLevel: "refuse",
  title: "the kernel is locked down",
  reads: PATH,
  examine({ facts }) {
    if (facts.lockdown === null || facts.lockdown === "none") return null;
    return {
      message:
        `The kernel is locked down (${facts.lockdown}, expected none), so it refuses to load another one unverified`,
      hint:
        "lockdown comes with Secure Boot or with lockdown= on the command line, and ends only with a boot",
      origin: PATH,
    };
  },
});
