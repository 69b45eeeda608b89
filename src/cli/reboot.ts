import { readAttribute } from "../host/text.ts";
import { withCommandLock } from "../journal/command_lock.ts";
import { noteSkipped, unloadLoaded, whatIsLoaded } from "../kexec/load.ts";
import { EXIT } from "../lib/errors.ts";
import { systemdControl } from "../systemd/control.ts";
import { command } from "./command.ts";
import { configOrDefault } from "./config_or_default.ts";
import { openHost, OUTPUT_ARGS, PLAN_ARGS } from "./host_options.ts";
import { livePorts, requireLive, requireRoot } from "./live_ports.ts";
import { planAndLoad } from "./load_plan.ts";
import { exitCodeOfPlan, type PlanArguments } from "./plan_host.ts";
import { showPluginLog } from "./plugin_log.ts";
import { type Refusal, refusalOf } from "./reboot_refusal.ts";
import { renderFindings } from "./render_plan.ts";
import { painter, type Terminal } from "./terminal.ts";

export const reboot = command({
  name: "reboot",
  description: "Load if needed, then hand over to systemd; an ordinary reboot where a kexec is refused",
  args: {
    ...PLAN_ARGS,
    cold: { type: "boolean", description: "an ordinary reboot through the firmware, this once" },
    now: { type: "boolean", description: "do not wait for programs that hold the reboot back (inhibitors)" },
    "kexec-only": { type: "boolean", description: "where a kexec is refused, do not reboot at all" },
    ...OUTPUT_ARGS,
  },
  async run({ args, all, terminal }) {
    requireLive("reboot", args);
    requireRoot("reboot");
    const options = { ignoreInhibitors: args.now === true };
    if (args.cold === true) {
      await goCold(args, "reboot --cold");
      say(terminal, args, "firmware", "An ordinary reboot was asked for: going through the firmware");
      systemdControl().reboot("firmware", options);
      return EXIT.done;
    }
    const refusal = await tryLoad(args, all("allow"), terminal);
    if (refusal === null) {
      say(terminal, args, "kexec", "Going through kexec");
      systemdControl().reboot("kexec", options);
      return EXIT.done;
    }
    terminal.err(`flatcar-kexec: ${refusal.sentence}\n`, "warning");
    if (args["kexec-only"] === true) return refusal.exit;
    say(terminal, args, "firmware", "Taking an ordinary reboot");
    systemdControl().reboot("firmware", options);
    return EXIT.done;
  },
});

/** Whatever stands in the way of a kexec must not stand in the way of the reboot. */
async function tryLoad(
  args: PlanArguments,
  allow: readonly string[],
  terminal: Terminal,
): Promise<Refusal | null> {
  try {
    // The lock is let go before the hand-over: commit, which runs during it, takes the lock itself.
    const { outcome, planned } = await withCommandLock("reboot", async () => {
      const run = await planAndLoad(openHost(args), args, allow);
      // Asking for a reboot that may be a kexec takes an earlier "reboot --cold" back.
      run.ports.store.removeCold();
      return run;
    });
    showPluginLog(planned.planning.plugins?.log ?? [], terminal);
    if (outcome.kind === "loaded") return null;
    const refusing = outcome.plan.findings.filter((finding) => finding.level === "refuse");
    const findings = renderFindings(refusing, painter(terminal.errColor), terminal.width);
    return { exit: exitCodeOfPlan(outcome.plan), sentence: `no kexec:\n${findings}` };
  } catch (error) {
    const refusal = refusalOf(error);
    if (refusal === null) throw error;
    return refusal;
  }
}

/** Drop what is ours, and leave word for whoever would load again before the reboot. */
async function goCold(args: PlanArguments, reason: string): Promise<void> {
  const host = openHost(args);
  const { config } = await configOrDefault(host, args);
  const ports = livePorts(host, config);
  await withCommandLock("reboot --cold", () => {
    const loaded = whatIsLoaded(ports);
    if (loaded.kind !== "foreign") unloadLoaded(loaded.kind === "ours" ? loaded.record : null, config, ports);
    ports.store.writeCold({ at: ports.now().toISOString(), reason });
    // What is in /run is gone by the next boot, which is to know why it came through the firmware.
    noteSkipped(ports, {
      id: loaded.kind === "ours" ? loaded.record.id : null,
      bootId: readAttribute(host, "/proc/sys/kernel/random/boot_id") ?? "",
    }, `an ordinary reboot was asked for: ${reason}`);
  });
}

function say(
  terminal: Terminal,
  args: { readonly json?: boolean | undefined; readonly quiet?: boolean | undefined },
  way: "kexec" | "firmware",
  sentence: string,
): void {
  if (args.json === true) terminal.out(`${JSON.stringify({ version: 1, reboot: way })}\n`);
  else if (args.quiet !== true) terminal.out(`${sentence}\n`);
}
