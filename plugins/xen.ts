/**
 * Guests of Xen. The check platform-xen refuses; this says which kind of guest it is, for those who allow it.
 *
 * What it knows:
 * - PV guests cannot kexec: a kernel is started by the domain builder (coreos/scripts#186, and kexec-tools' Xen code
 *   speaks for dom0 alone).
 * - HVM and PVH guests kexec by a soft reset, which the toolstack must offer: Xen 4.6, and `on_soft_reset` not set to
 *   destroy or rename (xl.cfg(5); kernel, "xen: Support kexec/kdump in HVM guests by doing a soft reset", 4.3).
 */
import type { Plugin, PluginFinding } from "../src/plugin/api.ts";

const TYPE = "/sys/hypervisor/guest_type";
const MAJOR = "/sys/hypervisor/version/major";
const MINOR = "/sys/hypervisor/version/minor";

export default {
  name: "xen",
  apiVersion: 1,
  description: "says what a kexec needs from the Xen that runs this guest",
  reads: [TYPE, MAJOR, MINOR],
  matches: ({ host }) => host.virtualization === "xen" || host.platform === "xen",
  hooks: {
    check({ host, files }): readonly PluginFinding[] {
      const type = files[TYPE]?.trim() ?? (host.platform === "xen" ? "PV" : "of unknown type");
      if (type === "PV") {
        return [{
          level: "refuse",
          id: "platform-xen",
          message: "This is a PV guest: only its domain builder can start a kernel",
        }];
      }
      const major = Number(files[MAJOR]?.trim()), minor = Number(files[MINOR]?.trim());
      const version = Number.isNaN(major) || Number.isNaN(minor) ? null : { major, minor };
      if (version !== null && (version.major < 4 || (version.major === 4 && version.minor < 6))) {
        return [{
          level: "refuse",
          id: "platform-xen",
          message:
            `This guest (${type}) runs on Xen ${version.major}.${version.minor}, which has no soft reset; ` +
            "expected 4.6 or newer",
        }];
      }
      return [{
        level: "info",
        message:
          `This guest (${type}) kexecs by a soft reset, which Xen's toolstack has to allow (on_soft_reset)`,
      }];
    },
  },
} satisfies Plugin;
