/**
 * Google Compute Engine (OEM id `gce`). The check platform-gce refuses by default (siderolabs/talos#8838: machines got
 * stuck now and then); this is for those who allow it.
 *
 * What it knows:
 * - Serial port 1, which the console and `gcloud compute instances get-serial-port-output` show, is ttyS0 ("Viewing
 *   serial port output").
 */
import type { Plugin } from "../src/plugin/api.ts";
import { unseenConsole } from "../src/plugin/oem_words.ts";

export default {
  name: "gce",
  apiVersion: 1,
  description: "checks the serial console on Google Compute Engine",
  matches: ({ host }) => host.oem.id === "gce",
  hooks: {
    check: (context) => unseenConsole(context, "ttyS0", "Serial port 1"),
  },
} satisfies Plugin;
