import { type Complaint, defineCheck } from "./check.ts";

export const gptInvalid = defineCheck({
  id: "gpt-invalid",
  protects: true,
  defaultLevel: "refuse",
  title: "the partition table cannot be used",
  reads: "both GPT copies of the boot disk",
  needs: ["disk"],
  examine({ disk, slot, spend }) {
    const { found, failure, gpt } = disk;
    if (!found.ok) return null;
    const { path } = found.disk;
    if (failure !== null) {
      return {
        message: `Cannot read the partition table: ${failure}`,
        hint: "run as root; is it the right disk?",
        origin: path,
      };
    }
    if (gpt === null) return null;
    const { primary, backup } = gpt.reasons;
    if (!gpt.ok) {
      return {
        message: `Cannot use the partition table of ${path}: primary GPT: ${primary}; backup GPT: ${backup}`,
        hint: "GRUB would not boot from this disk either; look at it with: sgdisk --verify",
        origin: path,
      };
    }
    const complaints: Complaint[] = [];
    if (gpt.readError !== null) {
      complaints.push({
        message:
          `Not all of the partition table of ${path} can be read, so nothing may be written to it: ${gpt.readError}`,
        hint: "the disk may be failing: look at the kernel log",
        origin: path,
        // A boot that writes nothing is as good as GRUB's.
        level: slot?.gptWrite === true ? "refuse" : "warn",
      });
    } else if (primary !== null || backup !== null) {
      const [copy, reason] = primary !== null ? ["primary", primary] : ["backup", backup];
      complaints.push({
        message:
          `The ${copy} GPT of ${path} is invalid (${reason}); GRUB goes by the other copy and repairs this one`,
        hint: "nothing to do: GRUB repairs it, and so does 'cgpt repair', which Flatcar runs after each boot",
        origin: path,
        level: "info",
      });
    }
    if (spend?.kind === "refused" && gpt.readError === null) {
      complaints.push({
        message: `The slot's try cannot be taken safely on ${path}: ${spend.reason}`,
        hint: "an ordinary reboot leaves it to GRUB",
        origin: path,
      });
    }
    return complaints;
  },
});
