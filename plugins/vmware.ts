/**
 * VMware ESXi, Workstation and Fusion (OEM id `vmware`).
 *
 * What it knows:
 * - Fusion on arm64 (Apple silicon) is known to hang in a kexec (siderolabs/talos#4677).
 * - On x86 nothing is known against it; the firmware takes seconds, so there is little to win.
 */
import type { Plugin } from "../src/plugin/api.ts";

export default {
  name: "vmware",
  apiVersion: 1,
  description: "objects to kexec in VMware Fusion on arm64",
  matches: ({ host }) => host.oem.id === "vmware" || host.virtualization === "vmware",
  hooks: {
    check: ({ host }) =>
      host.arch === "aarch64"
        ? [{
          level: "refuse",
          message: "This is an arm64 machine of VMware's, where a kexec is known to hang",
          hint: "Take ordinary reboots, or add vmware to plugins.disabled once you have tried it",
        }]
        : null,
  },
} satisfies Plugin;
