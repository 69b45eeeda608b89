import { defineCheck } from "./check.ts";

export const parityUnknown = defineCheck({
  id: "parity-unknown",
  defaultLevel: "refuse",
  title: "there is no boot to compare with",
  reads: "/proc/cmdline",
  needs: ["slots"],
  examine({ parity, running, host, disk }) {
    if (parity.verdict !== "unknown") return null;
    // Without slots there is more to say, and another check says it.
    if (disk.slots.length === 0) return null;
    return {
      message: `It cannot be proved that GRUB's files are understood: ${parity.reason}`,
      hint:
        "if this boot did not come from the disk's own GRUB, that is to be expected: allow it with --allow parity-unknown",
      origin: "/proc/cmdline",
      // Whoever names a disk that is not running knows that nothing of it has run.
      ...(host.diskOverride !== null && running === null ? { level: "warn" as const } : {}),
    };
  },
});
