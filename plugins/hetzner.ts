/**
 * Hetzner Cloud (OEM id `hetzner`) and Hetzner's own servers.
 *
 * What it knows:
 * - arm64 machines: `kexec -a`, which tries kexec_file_load first, failed there, and kexec_load works
 *   (nix-community/nixos-anywhere#263, #264).
 * - The console in the web interface is the screen, tty0; there is no serial one to look at.
 */
import type { Plugin, PluginFinding } from "../src/plugin/api.ts";
import { unseenConsole } from "../src/plugin/oem_words.ts";

export default {
  name: "hetzner",
  apiVersion: 1,
  description: "checks the system call and the console on Hetzner's machines",
  matches: ({ host }) => host.oem.id === "hetzner" || host.dmi["sys_vendor"] === "Hetzner",
  hooks: {
    check(context): readonly PluginFinding[] {
      const { plan } = context;
      const findings = [...unseenConsole(context, "tty0", "The console in Hetzner's web interface")];
      if (plan.arch === "aarch64" && plan.syscall === "file") {
        findings.push({
          level: "warn",
          message: "kexec_file_load is known to fail on Hetzner's arm64 machines, where kexec_load works",
          hint: 'Set kexec.syscall = "auto"',
        });
      }
      return findings;
    },
  },
} satisfies Plugin;
