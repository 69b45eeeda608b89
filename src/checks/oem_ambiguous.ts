import { defineCheck } from "./check.ts";

export const oemAmbiguous = defineCheck({
  id: "oem-ambiguous",
  defaultLevel: "refuse",
  title: "GRUB may read another disk's files",
  reads: "partition names in /sys/class/block, the mount table",
  needs: ["mounts"],
  examine({ mounts }) {
    return (mounts?.problems ?? []).map((problem) => ({
      message: `It is not certain which files GRUB reads: ${problem}`,
      hint:
        "take the other installation's disk out, or rename the other partition: sgdisk --change-name=6:OEM-OLD DISK",
      origin: "/sys/class/block",
    }));
  },
});
