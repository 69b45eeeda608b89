import { tornWords } from "../kernel/cmdline.ts";
import { shorten } from "../grub/diagnostics.ts";
import { type Complaint, defineCheck } from "./check.ts";

export const configNotUnderstood = defineCheck({
  id: "config-not-understood",
  defaultLevel: "refuse",
  title: "GRUB's configuration cannot be followed to the end",
  reads: "grub.cfg.tar on the EFI system partition, /oem/grub.cfg, the planned command line",
  needs: ["disk", "table"],
  examine({ main, grub, kernelFile, slot, disk, cmdline, grubCmdline, addedWords }) {
    // Without a boot disk it is no wonder.
    if (!disk.found.ok) return null;
    if (!main.ok) {
      return {
        message: main.message,
        hint:
          "Flatcar leaves its GRUB configuration on the EFI system partition when it is installed: check that /boot is mounted",
      };
    }
    // Without the table GRUB itself would see other files.
    if (grub === null || disk.gpt?.ok !== true) return null;
    const complaints: Complaint[] = grub.diagnostics
      .filter((diagnostic) => diagnostic.level === "refuse")
      .map(({ file, line, message, hint, text }) => ({
        message: `${file}:${line}: ${message}: '${text}'`,
        hint: hint ?? "simplify the file, or take ordinary reboots",
        origin: `${file}:${line}`,
      }));
    if (grub.linux === null) {
      if (complaints.length > 0) return complaints;
      return {
        message: `GRUB's configuration comes to no 'linux' command, so GRUB would stop at its menu`,
        hint: "see the diagnostics of: flatcar-kexec plan --verbose",
        origin: main.path,
      };
    }
    const { file, line } = grub.linux.origin;
    const origin = `${file}:${line}`;
    if (kernelFile === null) {
      const { kernel, device } = grub.linux;
      const named = kernel.startsWith("(") ? kernel : `(${device})${kernel}`;
      complaints.push({
        message:
          `GRUB would boot '${named}', expected a kernel in /flatcar or /coreos of the EFI system partition`,
        hint: "only Flatcar's own kernels are booted by kexec",
        origin,
      });
    } else if (slot === null && disk.slots.length > 0) {
      complaints.push({
        message:
          "The command line names no /usr partition of this disk, so it cannot be told which slot it boots",
        hint: `look at the words that begin with mount.usr= and verity.usr= in the line of ${origin}`,
        origin,
      });
    }
    if (cmdline !== null && grubCmdline !== null) {
      const [torn] = tornWords(grubCmdline, addedWords, cmdline);
      if (torn !== undefined) {
        complaints.push({
          message:
            `The kernel would read the word '${shorten(torn)}', expected only words of GRUB's line or ` +
            "added ones: a change of [cmdline] or of a plugin leaves half of a value in double quotes, or a " +
            "double quote is never closed",
          hint: "remove every word between the two double quotes, or none",
        });
      }
    }
    return complaints;
  },
});
