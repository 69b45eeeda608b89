/**
 * Virtual machines in Kubernetes (OEM id `kubevirt`): QEMU under libvirt.
 *
 * What it knows:
 * - arm64: the second processor stayed offline after a kexec under QEMU (siderolabs/talos#12393, #13265).
 * - The guest's console that `virtctl console` shows is ttyS0 on x86 and ttyAMA0 on arm64.
 */
import type { Plugin, PluginFinding } from "../src/plugin/api.ts";
import { unseenConsole } from "../src/plugin/oem_words.ts";

export default {
  name: "kubevirt",
  apiVersion: 1,
  description: "checks console and processors of virtual machines in Kubernetes",
  matches: ({ host }) => host.oem.id === "kubevirt",
  hooks: {
    check(context): readonly PluginFinding[] {
      const { host } = context;
      const arm = host.arch === "aarch64";
      const findings = [...unseenConsole(context, arm ? "ttyAMA0" : "ttyS0", "virtctl console")];
      if (arm && (host.cpus.online ?? 1) > 1) {
        findings.push({
          level: "warn",
          message:
            `This arm64 guest of QEMU has ${host.cpus.online} processors; some have stayed offline after a kexec`,
          hint: "Compare /sys/devices/system/cpu/online before and after the first one",
        });
      }
      return findings;
    },
    confirm({ host }): readonly PluginFinding[] | null {
      const { online, possible } = host.cpus;
      if (host.arch !== "aarch64" || online === null || possible === null || online >= possible) return null;
      return [{
        level: "warn",
        message: `${online} of ${possible} processors are online after this boot`,
        hint: "An ordinary reboot brings them back: flatcar-kexec reboot --cold",
      }];
    },
  },
} satisfies Plugin;
