import { defineCheck } from "./check.ts";

const NAMES = { "sev": "AMD SEV", "sev-snp": "AMD SEV-SNP", "tdx": "Intel TDX" } as const;

export const confidentialVm = defineCheck({
  id: "confidential-vm",
  defaultLevel: "refuse",
  title: "is a confidential virtual machine",
  reads: "/dev/sev-guest, /dev/tdx_guest, processor flags",
  examine({ facts }) {
    if (facts.confidentialVm === null) return null;
    return {
      message:
        `This is a confidential virtual machine (${
          NAMES[facts.confidentialVm]
        }): what its firmware set up for memory ` +
        "and processors does not survive a kexec, and the new kernel would not be measured",
      hint: "take ordinary reboots",
    };
  },
});
