/**
 * NVIDIA (Mellanox) ConnectX network cards.
 *
 * What it knows:
 * - mlx4 and mlx5 have crashed while they were switched off, and while they took memory pages back from the card, in
 *   kernels started by kexec (open-power/op-build#538, ipxe/ipxe#916). With `unload = true` the drivers are
 *   taken out before the jump, so that the card is quiet. This ends the network, which at that point of a shutdown is
 *   no loss, unless / itself is on it.
 */
import type { PlanContext, Plugin, PluginFinding, QuiesceAction } from "../src/plugin/api.ts";
import { switches } from "../src/plugin/oem_words.ts";

/** Each before those that it needs. */
const MODULES = ["mlx5_vdpa", "mlx5_ib", "mlx5_core", "mlx4_ib", "mlx4_en", "mlx4_core"];

type Options = Readonly<Partial<Record<"unload", boolean>>>;

export default {
  name: "mellanox",
  apiVersion: 1,
  description: "takes ConnectX drivers out before the jump, if told to",
  options: switches(["unload"]),
  matches: ({ host }) => host.modules.some((name) => name === "mlx4_core" || name === "mlx5_core"),
  hooks: {
    check(context): readonly PluginFinding[] {
      if (context.options.unload !== true) {
        return [{
          level: "info",
          message:
            "A ConnectX network card is in use; older kernels have crashed taking it over after a kexec",
          hint: "If that happens, set unload = true in [plugins.mellanox]",
        }];
      }
      const root = networkRoot(context);
      if (root === null) return [];
      return [{
        level: "refuse",
        message:
          `/ is on the network (${root}), so the network card's driver cannot be unloaded before the jump`,
        hint: "Take unload out of [plugins.mellanox]",
      }];
    },
    quiesce(context) {
      if (context.options.unload !== true || networkRoot(context) !== null) return null;
      return MODULES.filter((module) => context.host.modules.includes(module)).map((
        module,
      ): QuiesceAction => ({
        kind: "unload-module",
        module,
        reason: "the card must not write to memory that the next kernel uses",
        timeLimit: 30,
      }));
    },
  },
} satisfies Plugin<Options>;

function networkRoot({ plan }: PlanContext<Options>): string | null {
  return plan.tokens.find(({ text }) => text.startsWith("netroot=") || text.startsWith("root=nfs"))?.text ??
    null;
}
