import { withCommandLock } from "../journal/command_lock.ts";
import { type ColdOutcome, type ColdReason, goCold } from "../kexec/cold.ts";
import { EXIT, KexecError, messageOf } from "../lib/errors.ts";
import { systemdControl } from "../systemd/control.ts";
import { refusingFindings } from "../plan/plan.ts";
import { command } from "./command.ts";
import { configOrDefault } from "./config_or_default.ts";
import { LIVE_ARGS, openHost, OUTPUT_ARGS } from "./host_options.ts";
import { livePorts, requireRoot } from "./live_ports.ts";
import { planAndLoad } from "./load_plan.ts";
import { exitCodeOfPlan, type PlanArguments } from "./plan_host.ts";
import { showPluginLog } from "./plugin_log.ts";
import { type Refusal, refusalOf } from "./reboot_refusal.ts";
import { type RebootOutput, tellCold, tellRefusal, tellWay } from "./reboot_report.ts";
import { renderFindings } from "./render_plan.ts";
import { painter, type Terminal } from "./terminal.ts";

/** Seconds to wait for another command: the load unit starts on the same word as a reboot manager, and takes a few. */
const PATIENCE = 30;

export const reboot = command({
  name: "reboot",
  description: "Load if needed, then hand over to systemd; an ordinary reboot where a kexec is refused",
  args: {
    ...LIVE_ARGS,
    cold: { type: "boolean", description: "an ordinary reboot through the firmware, this once" },
    now: { type: "boolean", description: "do not wait for programs that hold the reboot back (inhibitors)" },
    "kexec-only": { type: "boolean", description: "where a kexec is refused, do not reboot at all" },
    ...OUTPUT_ARGS,
  },
  async run({ args, all, terminal }) {
    requireRoot("reboot");
    const options = { ignoreInhibitors: args.now === true };
    if (args.cold === true) {
      const cold = await goColdHere(args, {
        request: "reboot --cold",
        skipped: "an ordinary reboot was asked for: reboot --cold",
        isNews: true,
      }, { mayBeBusy: true });
      tellCold(terminal, args, cold, "An ordinary reboot was asked for: going through the firmware");
      systemdControl().reboot("firmware", options);
      return EXIT.done;
    }
    const refusal = await tryLoad(args, all("allow"), terminal);
    if (refusal === null) {
      tellWay(terminal, args, "kexec", "Going through kexec");
      systemdControl().reboot("kexec", options);
      return EXIT.done;
    }
    tellRefusal(terminal, args, refusal);
    if (args["kexec-only"] === true) return refusal.exit;
    const cold = refusal.failure === null ? { isCertain: true, problems: [] } : await goColdHere(args, {
      request: `the kexec failed: ${refusal.failure}`,
      skipped: refusal.failure,
      isNews: false,
    }, { mayBeBusy: false });
    tellCold(terminal, args, cold, "Taking an ordinary reboot");
    systemdControl().reboot("firmware", options);
    return EXIT.done;
  },
});

interface RebootRefusal extends Refusal {
  /** What failed; null where checks refused, which leaves nothing loaded. */
  readonly failure: string | null;
}

/** Whatever stands in the way of a kexec must not stand in the way of the reboot. */
async function tryLoad(
  args: PlanArguments & RebootOutput,
  allow: readonly string[],
  terminal: Terminal,
): Promise<RebootRefusal | null> {
  try {
    // The lock is let go before the hand-over: commit, which runs during it, takes the lock itself.
    const { outcome, planned } = await withCommandLock("reboot", async () => {
      const run = await planAndLoad(openHost(args), args, allow);
      // Asking for a reboot that may be a kexec takes an earlier "reboot --cold" back.
      run.ports.store.removeCold();
      return run;
    }, { wait: PATIENCE });
    if (args.quiet !== true) showPluginLog(planned.planning.plugins?.log ?? [], terminal);
    if (outcome.kind === "loaded") return null;
    const findings = renderFindings(
      refusingFindings(outcome.plan),
      painter(terminal.errColor),
      terminal.width,
    );
    return { exit: exitCodeOfPlan(outcome.plan), sentence: `no kexec:\n${findings}`, failure: null };
  } catch (error) {
    const refusal = refusalOf(error);
    if (refusal === null) throw error;
    return { ...refusal, failure: messageOf(error) };
  }
}

/**
 * {@link goCold} on this machine, under the lock if that can be had: neither a /run that is full nor a defect of ours
 * must stop the reboot.
 *
 * @param options.mayBeBusy Whether another command that is at work stops it.
 */
async function goColdHere(
  args: PlanArguments & RebootOutput,
  why: ColdReason,
  { mayBeBusy }: { readonly mayBeBusy: boolean },
): Promise<ColdOutcome> {
  const act = async (): Promise<ColdOutcome> => {
    const host = openHost(args);
    const { config } = await configOrDefault(host, args);
    return goCold(livePorts(host, config), config, why);
  };
  try {
    return await withCommandLock("reboot", act, { wait: PATIENCE });
  } catch (error) {
    if (mayBeBusy && error instanceof KexecError && error.code === "lock-held") throw error;
    try {
      const cold = await act();
      return { ...cold, problems: [messageOf(error), ...cold.problems] };
    } catch (second) {
      return { isCertain: false, problems: [messageOf(error), messageOf(second)] };
    }
  }
}
