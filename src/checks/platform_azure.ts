import { AZURE_ASSET_TAG } from "../host/read_facts.ts";
import { defineCheck } from "./check.ts";

export const platformAzure = defineCheck({
  id: "platform-azure",
  defaultLevel: "refuse",
  title: "runs on Azure or Hyper-V",
  reads: "the OEM id, DMI",
  examine({ facts }) {
    const isAzure = facts.oem.id === "azure" || facts.dmi["chassis_asset_tag"] === AZURE_ASSET_TAG;
    if (!isAzure && facts.virtualization !== "microsoft") return null;
    if (!isAzure) {
      return {
        message: "This machine runs on Hyper-V, whose devices do not always come up again after a kexec",
        hint: "try it once with the console in view",
        origin: "DMI",
        level: "warn",
      };
    }
    return {
      message:
        "This machine runs on Azure, where kernels started by kexec are known to hang while they find their devices",
      hint: "take ordinary reboots: a virtual machine's firmware takes seconds",
      origin: "DMI",
    };
  },
});
