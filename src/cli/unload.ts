import { withCommandLock } from "../journal/command_lock.ts";
import { foreignKernel, isOurs, type Loaded, recordOf, unloadLoaded, whatIsLoaded } from "../kexec/load.ts";
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
      unloadLoaded(recordOf(loaded), config, ports);
      return loaded;
    });
    if (args.json === true) {
      const unloaded = isOurs(dropped) ? { id: recordOf(dropped)?.id ?? null } : null;
      terminal.out(`${JSON.stringify({ version: 1, unloaded })}\n`);
    } else if (args.quiet !== true) {
      terminal.out(`${sentenceFor(dropped)}: the next reboot is an ordinary one\n`);
    }
    return EXIT.done;
  },
});

function sentenceFor(dropped: Loaded): string {
  if (!isOurs(dropped)) return "No kernel was loaded";
  const record = recordOf(dropped);
  if (record === null) return "Dropped a kernel whose record could not be read";
  return `Dropped kernel ${record.kernel.version ?? record.kernel.path} (${record.slot.label})`;
}
