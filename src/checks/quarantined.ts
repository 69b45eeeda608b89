import { sameKernel } from "../kernel/identity.ts";
import { defineCheck } from "./check.ts";

export const quarantined = defineCheck({
  id: "quarantined",
  defaultLevel: "refuse",
  title: "this kernel did not arrive when it was last started by kexec",
  reads: "the list of kernels in quarantine",
  needs: ["kernel"],
  examine({ history, kernel, slot }) {
    if (slot === null || kernel === null || !kernel.ok) return null;
    const { version, usrhash } = kernel.kernel;
    const planned = { kernelVersion: version, usrhash, partuuid: slot.partuuid };
    const entry = history.quarantined.find((candidate) => sameKernel(candidate, planned));
    if (entry === undefined) return null;
    return {
      message: `The kernel ${
        version ?? `of ${slot.label}`
      } is in quarantine since ${entry.at}: ${entry.reason}`,
      hint: "it is started through the firmware until another kernel is installed",
      origin: "/var/lib/flatcar-kexec/state.json",
    };
  },
});
