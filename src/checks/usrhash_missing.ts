import { keyOf, splitCmdline } from "../kernel/cmdline.ts";
import { usrhashOffset } from "../kernel/usrhash.ts";
import { defineCheck } from "./check.ts";

export const usrhashMissing = defineCheck({
  id: "usrhash-missing",
  protects: true,
  defaultLevel: "refuse",
  title: "the kernel carries no hash of its /usr",
  reads: "64 bytes of the kernel, the planned command line",
  needs: ["kernel", "cmdline"],
  examine({ kernel, cmdline, facts, kernelFile }) {
    if (kernel === null || !kernel.ok || kernel.kernel.usrhash !== null || cmdline === null) return null;
    const keys = splitCmdline(cmdline).map(keyOf);
    // An image built without verity mounts /usr directly and needs none.
    if (!keys.includes("verity.usr") || keys.includes("verity.usrhash")) return null;
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
