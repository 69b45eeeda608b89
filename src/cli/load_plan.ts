/**
 * Plan and load, as `load` and `reboot` do.
 *
 * @module
 */
import type { Config } from "../config/config.ts";
import type { Host } from "../host/host.ts";
import type { LoadRecord } from "../journal/load_record.ts";
import {
  type InitrdArchive,
  isOurs,
  loadDigest,
  loadPlanned,
  noteSkipped,
  recordOf,
  unloadLoaded,
  whatIsLoaded,
} from "../kexec/load.ts";
import { encodeNewc } from "../plugin/newc.ts";
import { pluginInitrdPath } from "../plan/make_plan.ts";
import { watchFile } from "../kexec/recheck.ts";
import { type Plan, refusals, refusingFindings } from "../plan/plan.ts";
import { messageOf } from "../lib/errors.ts";
import { type LivePorts, livePorts } from "./live_ports.ts";
import { type PlanArguments, planHost, type PlannedHost } from "./plan_host.ts";

export type LoadOutcome =
  /** The plan refuses; a kernel of ours that was loaded is dropped, for what made it right no longer holds. */
  | { readonly kind: "refused"; readonly plan: Plan }
  | { readonly kind: "loaded"; readonly plan: Plan; readonly record: LoadRecord; readonly already: boolean };

export interface LoadRun {
  readonly outcome: LoadOutcome;
  readonly ports: LivePorts;
  readonly planned: PlannedHost;
}

export async function planAndLoad(
  host: Host,
  args: PlanArguments,
  allow: readonly string[],
): Promise<LoadRun> {
  const planned = await planHost(host, args, allow);
  const { effective: { config }, planning } = planned;
  const ports = livePorts(host, config);
  const loaded = whatIsLoaded(ports);
  const { plan } = planning;
  if (plan.decision === "refuse") {
    if (isOurs(loaded)) unloadLoaded(recordOf(loaded), config, ports);
    noteSkipped(
      ports,
      {
        id: recordOf(loaded)?.id ?? null,
        bootId: planning.facts.bootId ?? "",
      },
      refusingFindings(plan).map((finding) => finding.message).join("; "),
      refusals(plan),
    );
    return { outcome: { kind: "refused", plan }, ports, planned };
  }
  const initrds = (planning.plugins?.initrds ?? []).map((initrd) => ({
    path: pluginInitrdPath(initrd.plugin),
    archive: encodeNewc(initrd.entries),
  }));
  if (loaded.kind === "ours" && isSame(loaded.record, planned, initrds)) {
    keepArranged(loaded.record, config, ports);
    return { outcome: { kind: "loaded", plan, record: loaded.record, already: true }, ports, planned };
  }
  const record = loadPlanned(planning, initrds, config, ports);
  return { outcome: { kind: "loaded", plan, record, already: false }, ports, planned };
}

/** What the kernel needs at the reboot may be gone since it was loaded: without it, it must not stay. */
export function keepArranged(
  record: LoadRecord,
  config: Config,
  ports: Pick<LivePorts, "host" | "machine" | "store" | "jump" | "journal" | "now">,
): void {
  try {
    ports.jump.arrange();
  } catch (error) {
    noteSkipped(ports, record, messageOf(error));
    unloadLoaded(record, config, ports);
    throw error;
  }
}

/** Whether what is loaded is what would be loaded now. */
export function isSame(
  record: LoadRecord,
  { host, planning, effective: { config } }: PlannedHost,
  initrds: readonly InitrdArchive[],
): boolean {
  return record.id === planning.attempt && record.cmdline === planning.plan.cmdline &&
    record.digest === loadDigest(planning, initrds, config, host) &&
    record.watched.every((file) => {
      const now = watchFile(host, file.path);
      return typeof now !== "string" && now.sha256 === file.sha256;
    });
}
