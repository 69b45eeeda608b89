/**
 * Oracle Cloud Infrastructure (OEM id `oraclecloud`; `oracle-oci` on images from before Flatcar had its own).
 *
 * What it knows:
 * - Bare metal instances boot from an iSCSI volume, with netroot=iscsi:… added by hand to linux_append
 *   (flatcar-automation/OCI). The shutdown cannot log out of the volume that / is on, so the target still holds
 *   the old session when the next kernel logs in (RFC 7143 §6.3.5: a new login reinstates the session, after the
 *   old one's tasks are ended).
 * - Virtual machines name QEMU in their DMI tables; those that name Oracle's desktop product, VirtualBox, are not in
 *   this cloud, though systemd-detect-virt(1) calls them "oracle".
 * - The instance's serial console is ttyS0 on x86, ttyAMA0 on arm64 ("Instance Console Connections").
 */
import type { Plugin, PluginFinding } from "../src/plugin/api.ts";
import { unseenConsole } from "../src/plugin/oem_words.ts";

export default {
  name: "oracle",
  apiVersion: 1,
  description: "checks the serial console and iSCSI boot volumes on Oracle Cloud",
  matches: ({ host }) => host.oem.id === "oraclecloud" || host.oem.id === "oracle-oci",
  hooks: {
    check(context): readonly PluginFinding[] {
      const device = context.plan.arch === "aarch64" ? "ttyAMA0" : "ttyS0";
      const findings = [...unseenConsole(context, device, "The instance console connection")];
      const netroot = context.plan.tokens.find((token) => token.text.startsWith("netroot=iscsi"));
      if (netroot !== undefined) {
        findings.push({
          level: "warn",
          message:
            `/ is on an iSCSI volume (${netroot.text}): its session cannot be closed before the jump, and the ` +
            "next kernel has to take it over",
          hint: "Try it once with the console connected; it takes longer than a boot from a local disk",
        });
      }
      return findings;
    },
  },
} satisfies Plugin;
