import { defineCheck } from "./check.ts";

export const bootNotConfirmed = defineCheck({
  id: "boot-not-confirmed",
  defaultLevel: "refuse",
  title: "the running slot is not marked good yet",
  reads: "the successful attribute of the running slot",
  needs: ["running"],
  examine({ disk, running }) {
    const slot = disk.slots.find((candidate) => candidate.partuuid === running);
    if (slot === undefined || slot.successful) return null;
    return {
      message:
        `The running slot ${slot.label} is not marked good yet (priority ${slot.priority}, tries ${slot.tries}, ` +
        "successful 0, expected 1): a reboot now counts as a failed boot of it",
      hint: "update-engine marks it 45 seconds after it starts; wait, or see: systemctl status update-engine",
      origin: slot.label,
    };
  },
});
