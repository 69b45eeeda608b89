import type { Arch } from "../host/host.ts";

/** `file`: kexec_file_load, which the kernel itself takes apart; `load`: kexec_load, prepared by kexec-tools. */
export type Syscall = "file" | "load";

/** Which syscall `auto` means: arm64 Flatcar kernels are built without kexec_file_load. */
export function chooseSyscall(setting: "auto" | Syscall, arch: Arch): Syscall {
  if (setting !== "auto") return setting;
  switch (arch) {
    case "x86_64":
      return "file";
    case "aarch64":
      return "load";
  }
}
