import { EXIT } from "../lib/errors.ts";
import { command } from "./command.ts";
import { OUTPUT_ARGS, PLAN_ARGS } from "./host_options.ts";
import { exitCodeOfPlan, loadedOn, openAnyHost, planHost } from "./plan_host.ts";
import { showPluginLog } from "./plugin_log.ts";
import { renderPlan } from "./render_plan.ts";

export const plan = command({
  name: "plan",
  description: "What the next kexec would boot, and why; changes nothing",
  args: {
    ...PLAN_ARGS,
    explain: {
      type: "string",
      description: "tell how a word of the command line, or a GRUB variable, came about",
      valueHint: "TOKEN",
    },
    ...OUTPUT_ARGS,
  },
  async run({ args, all, terminal }) {
    const host = await openAnyHost(args);
    const { planning } = await planHost(host, args, all("allow"), loadedOn(host));
    if (args.verbose === true) showPluginLog(planning.plugins?.log ?? [], terminal);
    if (args.explain !== undefined) {
      const { explain, renderExplanation } = await import("./explain.ts");
      const explanation = explain(planning.plan, planning.grub?.result ?? null, args.explain);
      if (args.json === true) terminal.out(`${JSON.stringify({ version: 1, ...explanation })}\n`);
      else if (args.quiet !== true) terminal.out(renderExplanation(explanation, terminal.color));
      return EXIT.done;
    }
    if (args.json === true) terminal.out(`${JSON.stringify(planning.plan)}\n`);
    else if (args.quiet !== true) terminal.out(renderPlan(planning.plan, terminal, args.verbose === true));
    return exitCodeOfPlan(planning.plan);
  },
});
