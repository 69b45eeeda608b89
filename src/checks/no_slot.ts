import { defineCheck } from "./check.ts";

export const noSlot = defineCheck({
  id: "no-slot",
  protects: true,
  defaultLevel: "refuse",
  title: "no slot is bootable",
  reads: "priority, tries and success of each slot",
  needs: ["table", "slots"],
  examine({ disk, slot, next, grub, spend }) {
    if (slot !== null && spend?.kind === "write" && spend.nextAfter === null) {
      return {
        message:
          `${slot.label} (partition ${slot.partition}) has the last try of the last bootable slot: if the kexec ` +
          "failed, GRUB would have nothing left to boot",
        hint:
          "an ordinary reboot leaves it to GRUB; once the running slot is marked good there is a way back",
        origin: slot.label,
      };
    }
    const fault = disk.repairFault ?? null;
    if (fault !== null) {
      return {
        message: `GRUB would choose no slot: it cannot repair the partition table: ${fault}`,
        hint: "repair it from here: cgpt repair DISK",
      };
    }
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
