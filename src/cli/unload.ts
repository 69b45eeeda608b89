import { withCommandLock } from "../journal/command_lock.ts";
import { foreignKernel, unloadLoaded, whatIsLoaded } from "../kexec/load.ts";
import { EXIT } from "../lib/errors.ts";
import { command } from "./command.ts";
import { configOrDefault } from "./config_or_default.ts";
import { openHost, OUTPUT_ARGS } from "./host_options.ts";
import { livePorts, requireRoot } from "./live_ports.ts";

export const unload = command({
  name: "unload",
  description: "Drop the kernel that load put in place, and its units; the next reboot is an ordinary one",
  args: OUTPUT_ARGS,
  async run({ args, terminal }) {
    requireRoot("unload");
    const host = openHost({});
    const { config, problem } = await configOrDefault(host, {});
    if (problem !== null && args.quiet !== true) terminal.err(`flatcar-kexec: ${problem}\n`, "warning");
    const ports = livePorts(host, config);
    const dropped = await withCommandLock("unload", () => {
      const loaded = whatIsLoaded(ports);
      if (loaded.kind === "foreign") throw foreignKernel("unload");
      unloadLoaded(loaded.kind === "ours" ? loaded.record : null, config, ports);
      return loaded.kind === "ours" ? loaded.record : null;
    });
    if (args.json === true) {
      terminal.out(
        `${JSON.stringify({ version: 1, unloaded: dropped === null ? null : { id: dropped.id } })}\n`,
      );
    } else if (args.quiet !== true) {
      terminal.out(
        dropped === null
          ? "No kernel was loaded: the next reboot is an ordinary one\n"
          : `Dropped kernel ${
            dropped.kernel.version ?? dropped.kernel.path
          } (${dropped.slot.label}): the next reboot is an ordinary one\n`,
      );
    }
    return EXIT.done;
  },
});
