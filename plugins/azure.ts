/**
 * Microsoft Azure (OEM id `azure`). The check platform-azure refuses by default; this is for those who allow it.
 *
 * What it knows:
 * - A kernel started by kexec may not get its synthetic devices back: hyperv_fb and vmbus fail with -110
 *   (nix-community/nixos-anywhere#400), processors do not answer (nix-community/nixos-images#128), small generation 2
 *   machines die in `systemctl kexec` and boot with a bare `kexec -e` (NixOS/nixpkgs#203415, systemd/systemd#20072).
 *   Taking the framebuffer's driver out first gives its channel back to the host; with `unload-framebuffer = true`.
 * - Boot diagnostics show ttyS0 on x86, ttyAMA0 on arm64 (Flatcar's OEM file).
 */
import type { Plugin, QuiesceAction } from "../src/plugin/api.ts";
import { switches, unseenConsole } from "../src/plugin/oem_words.ts";

const FRAMEBUFFERS = ["hyperv_drm", "hyperv_fb"];

type Options = Readonly<Partial<Record<"unload-framebuffer", boolean>>>;

export default {
  name: "azure",
  apiVersion: 1,
  description: "checks the serial console on Azure, and gives the framebuffer back if told to",
  options: switches(["unload-framebuffer"]),
  matches: ({ host }) => host.oem.id === "azure",
  hooks: {
    check: (context) =>
      unseenConsole(context, context.plan.arch === "aarch64" ? "ttyAMA0" : "ttyS0", "Boot diagnostics"),
    quiesce: ({ host, options }) => {
      if (options["unload-framebuffer"] !== true) return null;
      return FRAMEBUFFERS.filter((module) => host.modules.includes(module)).map((module): QuiesceAction => ({
        kind: "unload-module",
        module,
        reason: "the next kernel gets the synthetic framebuffer only if this one gives it back",
        onFailure: "ignore",
      }));
    },
  },
} satisfies Plugin<Options>;
