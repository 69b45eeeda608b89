import { splitCmdline } from "../kernel/cmdline.ts";
import { isFirstBootWord } from "../kernel/first_boot.ts";
import { defineCheck } from "./check.ts";

export const firstBootChanged = defineCheck({
  id: "first-boot-changed",
  defaultLevel: "warn",
  title: "the first-boot flag changed after the kernel was loaded",
  reads: "the record of the loaded kernel, /boot/flatcar/first_boot",
  needs: ["loaded", "cmdline"],
  examine({ loaded, cmdline }) {
    if (loaded === undefined || loaded === null || cmdline === null) return null;
    const isFirst = splitCmdline(cmdline).some(isFirstBootWord);
    if (isFirst === loaded.firstBoot) return null;
    return {
      message: loaded.firstBoot
        ? "The kernel was loaded for a first boot, but the flag file is gone now: the boot would wait for it and fail"
        : "The kernel was loaded for an ordinary boot, but the next one is to be a first boot now: it would be passed by",
      hint: "load anew: flatcar-kexec load; as it is, the next reboot is an ordinary one",
      origin: "/boot/flatcar/first_boot",
    };
  },
});
