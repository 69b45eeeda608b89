import { defineCheck } from "./check.ts";

export const noSlot = defineCheck({
  id: "no-slot",
  protects: true,
  defaultLevel: "refuse",
  title: "no slot is bootable",
  reads: "priority, tries and success of each slot",
  examine({ disk, slot, next, grub }) {
    // An entry that names its slot by hand boots it whatever the counters say.
    if (disk.slots.length === 0 || next !== null || slot !== null) return null;
    if (grub !== null && grub.linux !== null) return null;
    const slots = disk.slots.map(({ label, partition, priority, tries, successful }) =>
      `${label} (partition ${partition}) has priority ${priority}, tries ${tries}, successful ${
        successful ? 1 : 0
      }`
    ).join("; ");
    return {
      message: `No slot is bootable: ${slots}; GRUB wants a priority above 0 and tries left or successful 1`,
      hint: "make the running slot bootable with: cgpt add -i PARTITION -P 1 -S 1 DISK",
    };
  },
});
