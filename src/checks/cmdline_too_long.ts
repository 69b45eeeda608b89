import { BUILT_IN_X86, cmdlineLength, cmdlineLimit } from "../kernel/cmdline.ts";
import { defineCheck } from "./check.ts";

export const cmdlineTooLong = defineCheck({
  id: "cmdline-too-long",
  protects: true,
  defaultLevel: "refuse",
  title: "the command line does not fit",
  reads: "the planned command line, the limit in the kernel's header",
  needs: ["kernel", "cmdline"],
  examine({ cmdline, kernel, facts }) {
    if (cmdline === null || kernel === null || !kernel.ok) return null;
    const limit = cmdlineLimit(facts.arch, kernel.kernel.cmdlineSize);
    const length = cmdlineLength(cmdline);
    if (length <= limit) return null;
    const why = facts.arch === "x86_64" ? `, since the kernel puts '${BUILT_IN_X86} ' in front of it` : "";
    return {
      message: `The command line has ${length} bytes, but at most ${limit} fit${why}; ` +
        "the kernel would cut off its end, where the hash of /usr is",
      hint: `take at least ${
        length - limit
      } of the bytes out of /oem/grub.cfg or of [cmdline] in the configuration`,
    };
  },
});
