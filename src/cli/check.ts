import type { Check, CheckOutcome } from "../checks/check.ts";
import { CHECKS } from "../checks/registry.ts";
import type { Level } from "../lib/finding.ts";
import { command } from "./command.ts";
import { OUTPUT_ARGS, PLAN_ARGS } from "./host_options.ts";
import { exitCodeOfPlan, loadedOn, openAnyHost, planHost } from "./plan_host.ts";
import { decisionLine, LEVEL_STYLE, renderFindings } from "./render_plan.ts";
import { painter, type Style, type Terminal, wrap } from "./terminal.ts";

/** `skipped`: there was nothing to look at. */
type Verdict = Level | "ok" | "skipped" | "off";

export const check = command({
  name: "check",
  description: "The checks alone: each with its verdict and what it read",
  args: { ...PLAN_ARGS, ...OUTPUT_ARGS },
  async run({ args, all, terminal }) {
    const host = await openAnyHost(args);
    const { planning: { plan, checks } } = await planHost(host, args, all("allow"), loadedOn(host));
    const rows = CHECKS.map((one) => rowOf(one, checks.find(({ id }) => id === one.id)));
    if (args.json === true) {
      terminal.out(`${
        JSON.stringify({
          version: 1,
          decision: plan.decision,
          checks: rows.map(({ check, verdict }) => ({
            id: check.id,
            verdict,
            protects: check.protects,
            title: check.title,
            reads: check.reads,
            findings: plan.findings.filter((finding) => finding.id === check.id),
          })),
        })
      }\n`);
    } else if (args.quiet !== true) {
      const paint = painter(terminal.color);
      terminal.out(`${table(rows, terminal)}\n\n`);
      if (plan.findings.length > 0) {
        terminal.out(`${renderFindings(plan.findings, paint, terminal.width)}\n\n`);
      }
      terminal.out(`${decisionLine(plan, paint, terminal.width)}\n`);
    }
    return exitCodeOfPlan(plan);
  },
});

const RANK: readonly Level[] = ["refuse", "warn", "info"];
const STYLE: Readonly<Record<Verdict, Style>> = { ...LEVEL_STYLE, ok: "green", skipped: "dim", off: "dim" };

interface Row {
  readonly check: Check;
  readonly verdict: Verdict;
  /** What it found wrong; where nothing is wrong what it looked at, or why it did not. */
  readonly text: string;
}

function rowOf(check: Check, outcome: CheckOutcome | undefined): Row {
  if (outcome === undefined || outcome.kind === "off") {
    return { check, verdict: "off", text: "switched off by the configuration" };
  }
  if (outcome.kind === "skipped") return { check, verdict: "skipped", text: outcome.absence };
  const verdict = RANK.find((level) => outcome.findings.some((finding) => finding.level === level));
  return verdict === undefined
    ? { check, verdict: "ok", text: `read ${check.reads}` }
    : { check, verdict, text: check.title };
}

function table(rows: readonly Row[], terminal: Terminal): string {
  const paint = painter(terminal.color);
  const width = Math.max(...rows.map(({ check }) => check.id.length));
  const indent = width + 14;
  // Beside the ids where there is room for it, else below them.
  const isBeside = terminal.width - indent >= 24;
  return rows.map(({ check, verdict, text }) => {
    // A `!` marks a check that protects data and cannot be lowered.
    const head = `  ${paint(STYLE[verdict], verdict.padEnd(7))}  ${check.id.padEnd(width)} ${
      check.protects ? "!" : " "
    }`;
    const shown = wrap(text, terminal.width - (isBeside ? indent : 11)).split("\n")
      .map((line) => verdict in LEVEL_STYLE ? line : paint("dim", line));
    const space = " ".repeat(isBeside ? indent : 11);
    return isBeside
      ? `${head} ${shown.join(`\n${space}`)}`
      : `${head.trimEnd()}\n${space}${shown.join(`\n${space}`)}`;
  }).join("\n");
}
