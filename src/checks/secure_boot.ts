import { EFI_VARIABLES } from "../host/efi_variables.ts";
import type { Host } from "../host/host.ts";
import { defineCheck } from "./check.ts";

export const secureBoot = defineCheck({
  id: "secure-boot",
  defaultLevel: "refuse",
  title: "Secure Boot is on",
  reads: "the EFI variable SecureBoot",
  examine({ host, facts }) {
    const { efi, secureBoot } = facts.firmware;
    if (secureBoot === true) {
      return {
        message:
          "Secure Boot is on (SecureBoot=1): a kernel started by kexec would not be verified by the firmware's chain",
        hint: "take ordinary reboots, or switch Secure Boot off in the firmware",
        origin: "SecureBoot",
      };
    }
    // Firmware without the variable has no Secure Boot; without any variable there is nothing to go by.
    if (!efi || secureBoot === false || hasEfiVariables(host)) return null;
    return {
      message:
        "It cannot be told whether Secure Boot is on, or whether the firmware is wanted at the next boot: " +
        `this is a UEFI machine, but ${EFI_VARIABLES} shows no variables`,
      hint: `mount efivarfs on ${EFI_VARIABLES}; a kernel started with efi=noruntime cannot`,
      origin: EFI_VARIABLES,
    };
  },
});

/** A recording that does not hold the folder's names leaves the question to the host that it was made on. */
function hasEfiVariables(host: Host): boolean {
  const names = host.list(EFI_VARIABLES);
  return names.ok ? names.value.length > 0 : names.failure.kind === "not-recorded";
}
