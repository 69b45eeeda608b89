import type { Check } from "../checks/check.ts";
import { CHECKS } from "../checks/registry.ts";
import { EXIT } from "../lib/errors.ts";
import type { Finding, Level } from "../lib/finding.ts";
import { command } from "./command.ts";
import { OUTPUT_ARGS, PLAN_ARGS } from "./host_options.ts";
import { exitCodeOfPlan, openAnyHost, planHost } from "./plan_host.ts";
import { decisionLine, renderFindings } from "./render_plan.ts";
import { painter, type Style, type Terminal } from "./terminal.ts";

type Verdict = Level | "ok";

export const check = command({
  name: "check",
  description: "The checks alone: each with its verdict and what it read",
  args: { ...PLAN_ARGS, ...OUTPUT_ARGS },
  async run({ args, all, terminal }) {
    const { planning: { plan } } = await planHost(await openAnyHost(args), args, all("allow"));
    if (args.json === true) {
      terminal.out(`${
        JSON.stringify({
          version: 1,
          decision: plan.decision,
          checks: CHECKS.map((one) => ({
            id: one.id,
            verdict: verdictOf(one, plan.findings),
            protects: one.protects,
            title: one.title,
            reads: one.reads,
            findings: plan.findings.filter((finding) => finding.id === one.id),
          })),
        })
      }\n`);
    } else if (args.quiet !== true) {
      const paint = painter(terminal.color);
      terminal.out(`${table(plan.findings, terminal)}\n\n`);
      if (plan.findings.length > 0) {
        terminal.out(`${renderFindings(plan.findings, paint, terminal.width)}\n\n`);
      }
      terminal.out(`${decisionLine(plan, paint, terminal.width)}
`);
    }
    return plan.decision === "kexec" ? EXIT.done : exitCodeOfPlan(plan);
  },
});

const RANK: readonly Level[] = ["refuse", "warn", "info"];
const STYLE: Readonly<Record<Verdict, Style>> = { ok: "green", refuse: "red", warn: "yellow", info: "cyan" };

function verdictOf(one: Check, findings: readonly Finding[]): Verdict {
  const levels = findings.filter((finding) => finding.id === one.id).map((finding) => finding.level);
  return RANK.find((level) => levels.includes(level)) ?? "ok";
}

/** One line a check: what it found wrong, or, where nothing is wrong, what it looked at. */
function table(findings: readonly Finding[], terminal: Terminal): string {
  const paint = painter(terminal.color);
  const width = Math.max(...CHECKS.map((one) => one.id.length));
  return CHECKS.map((one) => {
    const verdict = verdictOf(one, findings);
    // A `!` marks a check that protects data and cannot be lowered.
    const name = `${one.id.padEnd(width)} ${one.protects ? "!" : " "}`;
    const room = terminal.width - width - 13;
    const text = verdict === "ok" ? `read ${one.reads}` : one.title;
    const shown = text.length > room ? `${text.slice(0, room - 3)}...` : text;
    return `  ${paint(STYLE[verdict], verdict.padEnd(6))}  ${name} ${
      verdict === "ok" ? paint("dim", shown) : shown
    }`;
  }).join("\n");
}
