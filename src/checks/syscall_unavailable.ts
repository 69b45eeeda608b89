import { defineCheck } from "./check.ts";
import { KERNEL_CONFIG, kernelOption } from "../kernel/running_config.ts";

const LOADED = "/sys/kernel/kexec_loaded";
const HINT = 'set syscall = "auto" under [kexec] in the configuration';

export const syscallUnavailable = defineCheck({
  id: "syscall-unavailable",
  defaultLevel: "refuse",
  title: "the running kernel cannot do this kexec",
  reads:
    `${LOADED}; ${KERNEL_CONFIG} only where another system call is chosen than Flatcar's kernels are built for`,
  examine({ host, facts, syscall }) {
    // The file is there exactly if the kernel was built with kexec of either kind.
    if (facts.kexec.loaded === null) {
      return {
        message: `The running kernel was built without kexec: ${LOADED} is not there`,
        hint: "take ordinary reboots; Flatcar's own kernels have it",
        origin: LOADED,
      };
    }
    // kexec_file_load on arm64 is the one choice that Flatcar's kernels are not built for.
    if (facts.arch !== "aarch64" || syscall !== "file") return null;
    const option = kernelOption(host, "CONFIG_KEXEC_FILE");
    if (!option.ok) {
      return {
        message: `It cannot be told whether the running kernel has kexec_file_load: ${option.reason}`,
        hint: HINT,
        origin: KERNEL_CONFIG,
        level: "warn",
      };
    }
    if (option.value === "y") return null;
    return {
      message:
        "kexec_file_load is chosen, but the running kernel was built without it (CONFIG_KEXEC_FILE is not set)",
      hint: HINT,
      origin: KERNEL_CONFIG,
    };
  },
});
