import { keyOf, lastValue, splitCmdline } from "../kernel/cmdline.ts";
import { usrhashOffset } from "../kernel/usrhash.ts";
import { defineCheck } from "./check.ts";

export const usrhashMissing = defineCheck({
  id: "usrhash-missing",
  protects: true,
  defaultLevel: "refuse",
  title: "the kernel gets no hash of its /usr",
  reads: "64 bytes of the kernel, the planned command line and GRUB's own",
  needs: ["kernel", "cmdline"],
  examine({ kernel, cmdline, grubCmdline, facts, kernelFile }) {
    if (kernel === null || !kernel.ok || cmdline === null) return null;
    // An image built without verity mounts /usr directly and needs none. What GRUB asks for counts as well: a word
    // taken off does not make another image of it.
    const asks = [cmdline, grubCmdline ?? ""].some((line) =>
      splitCmdline(line).some((word) => keyOf(word) === "verity.usr")
    );
    if (!asks || lastValue(cmdline, "verity.usrhash") !== null) return null;
    const { usrhash } = kernel.kernel;
    if (usrhash !== null) {
      // GRUB's Xen loader does not look for it, and passes none.
      if (facts.platform === "xen" && !hasHash(grubCmdline)) return null;
      return {
        message:
          `GRUB asks for a verified /usr, but the planned command line has no verity.usrhash=, expected ${usrhash}: ` +
          "without it /usr is never opened and the boot fails",
        hint:
          "look for what takes the word off: [cmdline] of the configuration, a plugin, or a double quote that " +
          "is never closed",
      };
    }
    const offset = usrhashOffset(facts.arch);
    return {
      message:
        `The command line asks for a verified /usr, but ${
          kernelFile ?? "the kernel"
        } has no 64 hex digits at ` +
        `byte ${offset}: without them /usr is never opened and the boot fails`,
      hint: "the kernel is not one that Flatcar built; let update-engine install this slot again",
      ...(kernelFile === null ? {} : { origin: kernelFile }),
    };
  },
});

function hasHash(line: string | null): boolean {
  return line !== null && lastValue(line, "verity.usrhash") !== null;
}
