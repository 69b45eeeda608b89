/**
 * A plan for the machine that the options name.
 *
 * @module
 */
import { resolve } from "node:path";
import process from "node:process";
import { CHECKS } from "../checks/registry.ts";
import { type EffectiveConfig, loadConfig } from "../config/load.ts";
import type { Host } from "../host/host.ts";
import { createHost } from "../host/live.ts";
import { readNumber } from "../host/text.ts";
import { readHistory } from "../journal/history.ts";
import { LOAD_RECORD_FILE, type LoadRecord, parseLoadRecord } from "../journal/load_record.ts";
import { CHECK_IDS, type CheckId, EXIT, type ExitCode, exitCodeOf, KexecError } from "../lib/errors.ts";
import { nearest } from "../lib/nearest.ts";
import { makePlan, type Planning, type PlanOptions } from "../plan/make_plan.ts";
import { type Plan, refusals } from "../plan/plan.ts";
import { isElsewhere, openHost, readOwnFile, type SnapshotArguments } from "./host_options.ts";

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
  loaded: PlanOptions["loaded"] = null,
): Promise<PlannedHost> {
  const effective = await configOf(host, args);
  const planning = makePlan(host, {
    config: effective.config,
    allow: allowedChecks(allow),
    history: readHistory(host).history,
    loaded,
  });
  return { host, effective, planning };
}

/** The record of the kernel that `load` put in place on a host, for commands that show what is; null if there is none. */
export function loadedOn(host: Host): LoadRecord | null {
  if (readNumber(host, "/sys/kernel/kexec_loaded") !== 1) return null;
  const content = host.read(LOAD_RECORD_FILE);
  if (!content.ok) return null;
  const parsed = parseLoadRecord(LOAD_RECORD_FILE, new TextDecoder().decode(content.value));
  return parsed.ok ? parsed.value : null;
}

/** The host's configuration; a file that the user names lies on this machine, whatever host the command looks at. */
export async function configOf(host: Host, args: PlanArguments): Promise<EffectiveConfig> {
  return await loadConfig(args.config === undefined ? host : createHost({}), {
    file: args.config === undefined ? null : resolve(args.config),
    // A disk named on a live host does not make its configuration another's.
    requireRoot: !isElsewhere({ ...args, disk: undefined }) && process.getuid?.() === 0,
  });
}

/**
 * The ids that `--allow` names, one or several with commas between.
 *
 * @throws {KexecError} `usage` for an id that no check has, or one that protects data.
 */
function allowedChecks(values: readonly string[]): readonly CheckId[] {
  const ids = values.flatMap((value) => value.split(",")).map((id) => id.trim()).filter((id) => id !== "");
  return ids.map((id) => {
    const known = CHECK_IDS.find((candidate) => candidate === id);
    if (CHECKS.some((check) => check.id === id && check.protects)) {
      throw new KexecError("usage", `Cannot allow '${id}': the check protects data and is never lowered`, {
        hint: "take an ordinary reboot: flatcar-kexec reboot --cold",
      });
    }
    if (known !== undefined) return known;
    const suggestion = nearest(id, CHECK_IDS);
    throw new KexecError("usage", `Cannot allow '${id}': no check has this id`, {
      hint: suggestion === null ? "see docs/checks.md for the ids" : `did you mean '${suggestion}'?`,
    });
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
