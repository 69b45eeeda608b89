import { readGpt } from "../gpt/read.ts";
import { nextSlot, slotsOf } from "../gpt/select.ts";
import { findBootDisk } from "../host/boot_disk.ts";
import type { Host } from "../host/host.ts";
import { realPathOf } from "../host/live.ts";
import { exists, readAttribute, readNumber } from "../host/text.ts";
import { createFileStore } from "../journal/file_store.ts";
import { RUN_FOLDER } from "../journal/load_record.ts";
import { STATE_FOLDER } from "../journal/state.ts";
import type { StateStore } from "../journal/store.ts";
import { statusText, type StatusView } from "../journal/status_text.ts";
import { whatIsLoaded } from "../kexec/load.ts";
import { EXIT } from "../lib/errors.ts";
import { ETC_UNITS } from "../systemd/install.ts";
import { COMMIT_UNIT } from "../systemd/units.ts";
import { command } from "./command.ts";
import { type ConfigOrDefault, configOrDefault } from "./config_or_default.ts";
import { HOST_ARGS, hostOptions, openHost, OUTPUT_ARGS, PLAN_ARGS } from "./host_options.ts";
import { configOf, type PlanArguments } from "./plan_host.ts";

export const status = command({
  name: "status",
  description: "What is loaded, slots, last attempts, quarantine",
  args: { ...HOST_ARGS, config: PLAN_ARGS.config, ...OUTPUT_ARGS },
  async run({ args, terminal }) {
    const host = openHost(args);
    const { config, problem } = await statusConfig(host, args);
    const folderOf = (path: string): string => realPathOf(hostOptions(args), path);
    const store = createFileStore({ stateFolder: folderOf(STATE_FOLDER), runFolder: folderOf(RUN_FOLDER) });
    const seen = statusView(host, store, config.maxConsecutive);
    const view = problem === null ? seen : { ...seen, problems: [...seen.problems, problem] };
    if (args.json === true) terminal.out(`${JSON.stringify({ version: 1, ...view })}\n`);
    else if (args.quiet !== true) terminal.out(statusText(view));
    return EXIT.done;
  },
});

/** A mistake in the host's files is one more thing to show; one in a file that the user named is the user's. */
async function statusConfig(host: Host, args: PlanArguments): Promise<ConfigOrDefault> {
  if (args.config === undefined) return await configOrDefault(host, args);
  return { config: (await configOf(host, args)).config, problem: null };
}

function statusView(host: Host, store: StateStore, maxConsecutive: number): StatusView {
  const state = store.readState();
  const log = store.readLog();
  const load = store.readLoad();
  const cold = store.readCold();
  return {
    bootId: readAttribute(host, "/proc/sys/kernel/random/boot_id"),
    loaded: whatIsLoaded({
      machine: { isLoaded: () => readNumber(host, "/sys/kernel/kexec_loaded") === 1 },
      store,
    }),
    cold: cold.value,
    state: state.value,
    log: log.value,
    slots: slotsInView(host),
    maxConsecutive,
    enabled: exists(host, `${ETC_UNITS}/${COMMIT_UNIT}`),
    problems: [...state.problems, ...log.problems, ...load.problems, ...cold.problems],
  };
}

function slotsInView(host: Host): StatusView["slots"] {
  const found = findBootDisk(host);
  const block = found.ok ? host.block(found.disk.path) : null;
  const gpt = block?.ok === true ? readGpt(block.value) : null;
  if (!found.ok || gpt?.ok !== true) return null;
  const next = nextSlot(gpt);
  return slotsOf(gpt).map((slot) => ({
    ...slot,
    running: slot.partuuid === found.disk.running?.partuuid,
    next: slot.partition === next?.partition,
  }));
}
