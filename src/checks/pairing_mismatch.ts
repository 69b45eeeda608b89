import { lastValue } from "../kernel/cmdline.ts";
import { type Complaint, defineCheck } from "./check.ts";

/**
 * Words by which the initrd finds /usr; of several the last counts. What GRUB passes for them is what was proved
 * to belong to the kernel.
 */
const USR_KEYS = ["mount.usr", "usr", "verity.usr", "verity.usrhash"] as const;

export const pairingMismatch = defineCheck({
  id: "pairing-mismatch",
  protects: true,
  defaultLevel: "refuse",
  title: "kernel and /usr do not belong together",
  reads:
    "the verity superblock and the top hash block of the slot's /usr partition, the planned command line",
  needs: ["pairing"],
  examine({ pairing, slot, cmdline, grubCmdline }) {
    const complaints: Complaint[] = [];
    if (pairing !== null && !pairing.ok) {
      complaints.push({
        message: pairing.message,
        hint: pairing.hint,
        ...(slot === null ? {} : { origin: slot.label }),
      });
    }
    if (cmdline === null || grubCmdline === null) return complaints;
    for (const key of USR_KEYS) {
      const expected = lastValue(grubCmdline, key);
      const found = lastValue(cmdline, key);
      if (found === expected) continue;
      // Its own check says what comes of that.
      if (key === "verity.usrhash" && found === null) continue;
      complaints.push({
        message: `The planned command line starts another /usr than GRUB: ${said(key, found)}, expected ${
          said(key, expected)
        }`,
        hint: `neither [cmdline] of the configuration nor a plugin may change ${key}=`,
      });
    }
    return complaints;
  },
});

function said(key: string, value: string | null): string {
  return value === null ? `no ${key}=` : `${key}=${value}`;
}
