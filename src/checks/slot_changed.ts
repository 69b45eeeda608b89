import { defineCheck } from "./check.ts";

export const slotChanged = defineCheck({
  id: "slot-changed",
  defaultLevel: "refuse",
  title: "another slot is due than the one loaded",
  reads: "the record of the loaded kernel, the slots",
  examine({ loaded, slot }) {
    if (loaded === undefined || loaded === null || slot?.partuuid === loaded.slot.partuuid) return null;
    return {
      message: `The kernel of ${loaded.slot.label} is loaded, but GRUB would boot ${
        slot?.label ?? "none"
      } now`,
      hint: "load it again: flatcar-kexec unload, then flatcar-kexec load",
    };
  },
});
