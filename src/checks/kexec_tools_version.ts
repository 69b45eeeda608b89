import { defineCheck } from "./check.ts";

/** The release that reads the ACPI tables' address wrongly; mended in 2.0.32. */
const BROKEN = "2.0.31";
const HINT = 'set syscall = "file" under [kexec] in the configuration';

export const kexecToolsVersion = defineCheck({
  id: "kexec-tools-2.0.31",
  defaultLevel: "refuse",
  title: "this kexec-tools loses the ACPI tables",
  reads: "kexec --version, only where kexec_load is used on x86 with UEFI",
  examine({ host, facts, config, syscall }) {
    if (facts.arch !== "x86_64" || !facts.firmware.efi || syscall !== "load") return null;
    const { program } = config.kexec;
    const outcome = host.command([program, "--version"]);
    const version = outcome.ok
      ? /kexec-tools\s+(\d+(?:\.\d+)+)/.exec(outcome.value.stdout + outcome.value.stderr)?.[1] ?? null
      : null;
    if (version === null) {
      return {
        message:
          `The version of ${program} cannot be told; ${BROKEN} must not be used for kexec_load on x86 with UEFI`,
        hint: HINT,
        origin: program,
        level: "warn",
      };
    }
    if (version !== BROKEN) return null;
    return {
      message:
        `${program} is version ${BROKEN}, whose kexec_load on x86 with UEFI starts the new kernel without ACPI tables`,
      hint: HINT,
      origin: program,
    };
  },
});
