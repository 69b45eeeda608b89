import { withCommandLock } from "../journal/command_lock.ts";
import { EXIT } from "../lib/errors.ts";
import { command } from "./command.ts";
import { OUTPUT_ARGS, PLAN_ARGS } from "./host_options.ts";
import { openHost } from "./host_options.ts";
import { requireLive, requireRoot } from "./live_ports.ts";
import { planAndLoad } from "./load_plan.ts";
import { exitCodeOfPlan } from "./plan_host.ts";
import { showPluginLog } from "./plugin_log.ts";
import { decisionSentence, renderFindings } from "./render_plan.ts";
import { painter } from "./terminal.ts";

export const load = command({
  name: "load",
  description: "Plan, prove and load the kernel; spends no try",
  args: { ...PLAN_ARGS, ...OUTPUT_ARGS },
  async run({ args, all, terminal }) {
    requireLive("load", args);
    requireRoot("load");
    const { outcome, planned } = await withCommandLock(
      "load",
      () => planAndLoad(openHost(args), args, all("allow")),
    );
    if (args.quiet !== true) showPluginLog(planned.planning.plugins?.log ?? [], terminal);
    if (args.json === true) {
      terminal.out(`${
        JSON.stringify({
          version: 1,
          loaded: outcome.kind === "loaded",
          id: outcome.kind === "loaded" ? outcome.record.id : null,
          plan: outcome.plan,
        })
      }\n`);
    }
    if (outcome.kind === "refused") {
      const refusing = outcome.plan.findings.filter((finding) => finding.level === "refuse");
      terminal.err(`flatcar-kexec: no kexec, ${decisionSentence(outcome.plan)}\n`);
      if (args.quiet !== true) {
        terminal.err(`${renderFindings(refusing, painter(terminal.errColor), terminal.width)}\n`);
      }
      return exitCodeOfPlan(outcome.plan);
    }
    if (args.json !== true && args.quiet !== true) {
      const { kernel, slot } = outcome.record;
      terminal.out(
        `Kernel ${kernel.version ?? kernel.path} (${slot.label}) is ${
          outcome.already ? "loaded already" : "loaded"
        }: the next reboot is a kexec\n`,
      );
    }
    return EXIT.done;
  },
});
