/**
 * Amazon EC2 (OEM id `ec2`).
 *
 * What it knows:
 * - Flatcar's OEM file adds nvme_core.io_timeout=4294967295, which EBS needs: the kernel gives up on a volume after 30
 *   seconds otherwise, and EBS may take longer ("Amazon EBS volumes and NVMe", I/O operation timeout); and
 *   net.ifnames=0, on which units that name eth0 rely.
 * - Instances on Nitro (DMI vendor "Amazon EC2"): nobody has reported on kexec, neither good nor bad. Those on Xen
 *   crash (SUSE/suse-migration-services#111, #126); platform-xen refuses them.
 * - The serial console, and the console log of the instance, is ttyS0 on both architectures.
 */
import type { Plugin } from "../src/plugin/api.ts";
import { missingOemWords, unseenConsole } from "../src/plugin/oem_words.ts";

export default {
  name: "ec2",
  apiVersion: 1,
  description: "checks what Amazon EC2 instances need on the command line",
  matches: ({ host }) => host.oem.id === "ec2" || host.virtualization === "amazon",
  hooks: {
    check: (context) => [
      ...missingOemWords(context, [
        { word: "nvme_core.io_timeout=", purpose: "so that slow EBS volumes are waited for" },
        { word: "net.ifnames=0", purpose: "so that the interface is eth0" },
      ]),
      ...unseenConsole(context, "ttyS0", "The instance's console log"),
      ...(context.host.virtualization === "amazon"
        ? [
          {
            level: "info",
            message: "Kexec on EC2's Nitro instances is untested: there are no reports of it, good or bad",
          } as const,
        ]
        : []),
    ],
  },
} satisfies Plugin;
