import { createFileStore } from "../journal/file_store.ts";
import { liveMachine } from "../kexec/kexec_tools.ts";
import { whatIsLoaded } from "../kexec/load.ts";
import { EXIT } from "../lib/errors.ts";
import { command } from "./command.ts";
import { OUTPUT_ARGS, PLAN_ARGS } from "./host_options.ts";

export const status = command({
  name: "status",
  description: "What is loaded, slots, last attempts, quarantine",
  args: { ...PLAN_ARGS, ...OUTPUT_ARGS },
  run({ args, terminal }) {
    const store = createFileStore();
    const loaded = whatIsLoaded({ machine: liveMachine(), store });
    const { value: state } = store.readState();
    if (args.json === true) terminal.out(`${JSON.stringify({ version: 1, loaded, state })}\n`);
    else if (args.quiet !== true) {
      terminal.out(`loaded: ${loaded.kind}\n`);
      if (state.lastBoot !== null) terminal.out(`${state.lastBoot.sentence}\n`);
    }
    return EXIT.done;
  },
});
