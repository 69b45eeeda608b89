import { withCommandLock } from "../journal/command_lock.ts";
import { loadedSentence } from "../journal/journal_entry.ts";
import { EXIT } from "../lib/errors.ts";
import { refusingFindings } from "../plan/plan.ts";
import { command } from "./command.ts";
import { LIVE_ARGS, openHost, OUTPUT_ARGS } from "./host_options.ts";
import { requireRoot } from "./live_ports.ts";
import { planAndLoad } from "./load_plan.ts";
import { exitCodeOfPlan } from "./plan_host.ts";
import { showPluginLog } from "./plugin_log.ts";
import { decisionSentence, renderFindings } from "./render_plan.ts";
import { painter } from "./terminal.ts";

export const load = command({
  name: "load",
  description: "Plan, prove and load the kernel; spends no try",
  args: { ...LIVE_ARGS, ...OUTPUT_ARGS },
  async run({ args, all, terminal }) {
    requireRoot("load");
    const { outcome, planned, ports } = await withCommandLock(
      "load",
      () => planAndLoad(openHost(args), args, all("allow")),
    );
    // It was asked for an ordinary reboot before: commit heeds that, whatever is loaded.
    const cold = ports.store.readCold().value;
    if (args.quiet !== true) showPluginLog(planned.planning.plugins?.log ?? [], terminal);
    if (args.json === true) {
      terminal.out(`${
        JSON.stringify({
          version: 1,
          loaded: outcome.kind === "loaded",
          id: outcome.kind === "loaded" ? outcome.record.id : null,
          plan: outcome.plan,
          cold,
        })
      }\n`);
    }
    if (outcome.kind === "refused") {
      if (args.quiet !== true) {
        terminal.err(`flatcar-kexec: no kexec, ${decisionSentence(outcome.plan)}\n`);
        terminal.err(
          `${renderFindings(refusingFindings(outcome.plan), painter(terminal.errColor), terminal.width)}\n`,
        );
      }
      return exitCodeOfPlan(outcome.plan);
    }
    if (args.json !== true && args.quiet !== true) {
      terminal.out(`${loadedSentence(outcome.record, cold, outcome.already)}\n`);
    }
    return EXIT.done;
  },
});
