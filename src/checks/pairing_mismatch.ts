import { defineCheck } from "./check.ts";

export const pairingMismatch = defineCheck({
  id: "pairing-mismatch",
  protects: true,
  defaultLevel: "refuse",
  title: "kernel and /usr do not belong together",
  reads: "the verity superblock and the top hash block of the slot's /usr partition",
  needs: ["pairing"],
  examine({ pairing, slot }) {
    if (pairing === null || pairing.ok) return null;
    return {
      message: pairing.message,
      hint: pairing.hint,
      ...(slot === null ? {} : { origin: slot.label }),
    };
  },
});
