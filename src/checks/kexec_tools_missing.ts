import { defineCheck } from "./check.ts";

export const kexecToolsMissing = defineCheck({
  id: "kexec-tools-missing",
  defaultLevel: "refuse",
  title: "the kexec program is missing",
  reads: "the program named in the configuration, /usr/sbin/kexec by default",
  examine({ host, config }) {
    const { program } = config.kexec;
    const status = host.status(program);
    const hint =
      "kexec-tools is part of every Flatcar image; elsewhere install it, or set program under [kexec]";
    if (!status.ok) {
      return { message: `Cannot use the kexec program: ${status.failure.message}`, hint, origin: program };
    }
    const { kind, mode } = status.value;
    if (kind === "file" && (mode & 0o111) !== 0) return null;
    const found = kind === "file" ? `its mode is ${mode.toString(8).padStart(4, "0")}` : `it is a ${kind}`;
    return {
      message: `Cannot use the kexec program: ${program} is not an executable file (${found})`,
      hint,
      origin: program,
    };
  },
});
