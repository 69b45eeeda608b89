import { withDisk } from "../gpt/block_device.ts";
import { withCommandLock } from "../journal/command_lock.ts";
import { createFileStore } from "../journal/file_store.ts";
import { readFacts } from "../host/read_facts.ts";
import { readAttribute } from "../host/text.ts";
import type { BootReport } from "../plugin/api.ts";
import { runConfirm } from "../plugin/run.ts";
import { showPluginLog } from "./plugin_log.ts";
import { renderFindings } from "./render_plan.ts";
import { painter } from "./terminal.ts";
import { type Confirmation, confirmThisBoot } from "../kexec/confirm.ts";
import { EXIT } from "../lib/errors.ts";
import { journaldSink } from "../systemd/journald.ts";
import { stageUpdateAgain } from "../systemd/staged_update.ts";
import { systemdControl } from "../systemd/control.ts";
import { command } from "./command.ts";
import { configOrDefault } from "./config_or_default.ts";
import { openHost, OUTPUT_ARGS } from "./host_options.ts";
import { requireRoot } from "./live_ports.ts";

const NOTHING_SAID = { findings: [], log: [] } as const;

/** Seconds to wait at boot for another command, and for whoever has locked the disk. */
const PATIENCE = 30;

export const confirm = command({
  name: "confirm",
  description: "Used by the unit at boot: what became of the last attempt",
  args: OUTPUT_ARGS,
  async run({ args, terminal }) {
    requireRoot("confirm");
    const host = openHost({});
    const { config, problem } = await configOrDefault(host, {});
    if (problem !== null && args.quiet !== true) terminal.err(`flatcar-kexec: ${problem}\n`, "warning");
    const result = await withCommandLock("confirm", () =>
      confirmThisBoot({
        host,
        store: createFileStore(),
        control: systemdControl(),
        journal: journaldSink((sentence) => {
          if (args.quiet !== true) terminal.err(`flatcar-kexec: ${sentence}\n`, "warning");
        }),
        metricsFile: config.metrics.textfile,
        stageUpdateAgain: () => void stageUpdateAgain(),
        withDisk: (path, use) => withDisk(path, { lockSeconds: PATIENCE }, use),
        now: () => new Date(),
      }), { wait: PATIENCE });
    const { classification, aftermath, times } = result;
    // Which plugins may run, and which bytes of them, is for the configuration to say.
    const isAsked = problem === null && result.classification.verdict !== "none";
    const { findings, log } = !isAsked ? NOTHING_SAID : runConfirm({
      host,
      facts: readFacts(host),
      config: config.plugins,
      boot: bootReport(result, readAttribute(host, "/proc/cmdline")),
    });
    if (args.quiet !== true) showPluginLog(log, terminal);
    if (args.json === true) {
      terminal.out(`${
        JSON.stringify({
          version: 1,
          verdict: classification.verdict,
          attempt: classification.attempt?.id ?? null,
          message: classification.sentence,
          seconds: times.seconds,
          savedSeconds: result.savedSeconds,
          gaveBack: result.gaveBack,
          reason: result.reason,
          quarantined: aftermath.quarantine !== null,
          problems: result.problems,
          findings,
        })
      }\n`);
      return EXIT.done;
    }
    if (args.quiet === true) return EXIT.done;
    terminal.out(`${classification.sentence}\n`);
    if (result.reason !== null && !result.problems.includes(result.reason)) {
      terminal.out(`${result.reason}\n`);
    }
    if (findings.length > 0) {
      terminal.err(`${renderFindings(findings, painter(terminal.errColor), terminal.width)}\n`);
    }
    for (const problem of result.problems) terminal.err(`flatcar-kexec: ${problem}\n`, "warning");
    return EXIT.done;
  },
});

/** What plugins are told of the boot. */
function bootReport({ classification, times }: Confirmation, cmdline: string | null): BootReport {
  const { verdict } = classification;
  return {
    outcome: verdict === "none" || verdict === "ordinary" ? "ordinary-reboot" : verdict,
    plannedCmdline: classification.attempt?.cmdline ?? null,
    cmdline,
    seconds: times.seconds,
  };
}
