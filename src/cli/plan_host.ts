/**
 * A plan for the machine that the options name.
 *
 * @module
 */
import process from "node:process";
import { type EffectiveConfig, loadConfig } from "../config/load.ts";
import type { Host } from "../host/host.ts";
import { readHistory } from "../journal/history.ts";
import { EXIT, type ExitCode, exitCodeOf } from "../lib/errors.ts";
import { makePlan, type Planning } from "../plan/make_plan.ts";
import { type Plan, refusals } from "../plan/plan.ts";
import { allowedChecks, isElsewhere, openHost, readOwnFile, type SnapshotArguments } from "./host_options.ts";

export interface PlanArguments extends SnapshotArguments {
  readonly config?: string | undefined;
}

export interface PlannedHost {
  readonly host: Host;
  readonly effective: EffectiveConfig;
  readonly planning: Planning;
}

/** The host, live or recorded. */
export async function openAnyHost(args: SnapshotArguments): Promise<Host> {
  if (args.snapshot === undefined) return openHost(args);
  const text = readOwnFile(args.snapshot, "Cannot replay the snapshot");
  const [{ decodeSnapshot }, { replayHost }] = await Promise.all([
    import("../host/snapshot_schema.ts"),
    import("../host/replay.ts"),
  ]);
  return replayHost(decodeSnapshot(text, args.snapshot));
}

export async function planHost(
  host: Host,
  args: PlanArguments,
  allow: readonly string[],
): Promise<PlannedHost> {
  const effective = await configOf(host, args);
  const planning = makePlan(host, {
    config: effective.config,
    allow: allowedChecks(allow),
    history: readHistory(host).history,
  });
  return { host, effective, planning };
}

export async function configOf(host: Host, args: PlanArguments): Promise<EffectiveConfig> {
  return await loadConfig(host, {
    file: args.config ?? null,
    requireRoot: !isElsewhere(args) && process.getuid?.() === 0,
  });
}

/** Which code speaks when several checks refuse: what cannot be helped first, what passes by itself last. */
const PRECEDENCE: readonly ExitCode[] = [
  EXIT.notFlatcar,
  EXIT.foreignKernel,
  EXIT.refused,
  EXIT.error,
  EXIT.tryLater,
];

/** 0, or the code of the checks that refuse. */
export function exitCodeOfPlan(plan: Plan): ExitCode {
  const codes = refusals(plan).map(exitCodeOf);
  return PRECEDENCE.find((code) => codes.includes(code)) ?? EXIT.done;
}
