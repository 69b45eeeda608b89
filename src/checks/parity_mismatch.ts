import { defineCheck } from "./check.ts";

/** Differences shown in the message; `plan` shows them all. */
const SHOWN = 3;

export const parityMismatch = defineCheck({
  id: "parity-mismatch",
  defaultLevel: "refuse",
  title: "the running command line is not what the files give",
  reads: "/proc/cmdline, and GRUB's configuration run for the running slot",
  needs: ["parity"],
  examine({ parity }) {
    if (parity.verdict !== "mismatch") return null;
    const { differences, cause } = parity;
    const shown = differences.slice(0, SHOWN).map(({ kind, text }) => `${kind} '${text}'`);
    if (differences.length > SHOWN) shown.push(`${differences.length - SHOWN} more`);
    const list = shown.length === 0 ? "" : ` (${shown.join(", ")})`;
    const words = differences.length === 1 ? "1 word" : `${differences.length} words`;
    return {
      message: `The running command line differs in ${words} from what GRUB's files give${list}: ${cause}`,
      hint: "after one ordinary reboot both agree again, unless GRUB reads other files than these",
      origin: "/proc/cmdline",
    };
  },
});
