import { defineCheck } from "./check.ts";

export const slotChanged = defineCheck({
  id: "slot-changed",
  defaultLevel: "warn",
  title: "another slot is due than the one loaded",
  reads: "the record of the loaded kernel, the slots",
  needs: ["loaded"],
  examine({ loaded, slot }) {
    if (loaded === undefined || loaded === null || slot?.partuuid === loaded.slot.partuuid) return null;
    return {
      message: `The kernel of ${loaded.slot.label} is loaded, but GRUB would boot ${
        slot?.label ?? "none"
      } now`,
      hint: "load anew: flatcar-kexec load; as it is, the next reboot is an ordinary one",
    };
  },
});
