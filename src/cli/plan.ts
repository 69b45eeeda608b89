import { command } from "./command.ts";
import { OUTPUT_ARGS, PLAN_ARGS } from "./host_options.ts";
import { exitCodeOfPlan, openAnyHost, planHost } from "./plan_host.ts";
import { renderPlan } from "./render_plan.ts";

export const plan = command({
  name: "plan",
  description: "What the next kexec would boot, and why; changes nothing",
  args: { ...PLAN_ARGS, ...OUTPUT_ARGS },
  async run({ args, all, terminal }) {
    const { planning } = await planHost(await openAnyHost(args), args, all("allow"));
    if (args.json === true) terminal.out(`${JSON.stringify(planning.plan)}\n`);
    else if (args.quiet !== true) terminal.out(renderPlan(planning.plan, terminal));
    return exitCodeOfPlan(planning.plan);
  },
});
