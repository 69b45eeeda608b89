/**
 * Graphics processors: NVIDIA, AMD and Intel. The check gpu-driver refuses while one of their drivers holds a device;
 * with `unload = true` this plugin takes the drivers out before the jump, and gpu-driver can then be lowered.
 *
 * What it knows:
 * - Intel: dead or black screens and hangs (onedr0p/home-ops#8568, linuxboot/heads#1351, #1436,
 *   coreos/fedora-coreos-tracker#2071).
 * - NVIDIA, AMD: no report proves that a kexec leaves one in a bad state, and resets are fragile on both
 *   (siderolabs/talos#9041, NixOS/nixpkgs#249388).
 * - NVIDIA's modules depend on each other and are held by its daemons, in this order (NVIDIA driver README, "Installed
 *   components"; nvidia-persistenced(1)).
 */
import type { HostFacts, Plugin, QuiesceAction } from "../src/plugin/api.ts";
import { switches } from "../src/plugin/oem_words.ts";

/** What holds the driver, then the driver's modules, each before those that it needs. */
const FAMILIES = [
  {
    driver: "nvidia",
    units: ["nvidia-persistenced.service", "nvidia-fabricmanager.service"],
    modules: ["nvidia_uvm", "nvidia_drm", "nvidia_modeset", "nvidia_peermem", "nvidia"],
  },
  { driver: "amdgpu", units: [], modules: ["amdgpu"] },
  { driver: "i915", units: [], modules: ["i915"] },
  { driver: "xe", units: [], modules: ["xe"] },
] as const;

type Options = Readonly<Partial<Record<"unload", boolean>>>;

export default {
  name: "gpu",
  apiVersion: 1,
  description: "takes graphics drivers out before the jump, if told to",
  options: switches(["unload"]),
  matches: ({ host }) => familiesOf(host).length > 0,
  hooks: {
    check: ({ options }) =>
      options.unload === true
        ? [{
          level: "info",
          message: "Graphics drivers are unloaded before the jump; if one cannot be, there is no kexec",
          hint: 'Set checks.gpu-driver = "warn", or that check goes on refusing',
        }]
        : null,
    quiesce({ host, options }) {
      if (options.unload !== true) return null;
      return familiesOf(host).flatMap(({ driver, units, modules }): readonly QuiesceAction[] => [
        ...units.map((unit): QuiesceAction => ({
          kind: "stop-unit",
          unit,
          reason: `it holds ${driver}`,
          onFailure: "ignore",
        })),
        ...modules.filter((module) => host.modules.includes(module)).map((module): QuiesceAction => ({
          kind: "unload-module",
          module,
          reason: `the next kernel is to find the ${driver} device as the firmware left it`,
          timeLimit: 20,
        })),
      ]);
    },
  },
} satisfies Plugin<Options>;

function familiesOf(host: HostFacts) {
  return FAMILIES.filter(({ driver }) => host.modules.includes(driver));
}
