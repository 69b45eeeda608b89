/**
 * After a boot: what became of the last attempt, what that means for the next, and the try that goes back.
 *
 * @module
 */
import { giveTryBack } from "../gpt/writer.ts";
import type { BlockDevice } from "../gpt/block_device.ts";
import { readGpt } from "../gpt/read.ts";
import { slotsOf } from "../gpt/select.ts";
import { findBootDisk } from "../host/boot_disk.ts";
import type { Host } from "../host/host.ts";
import { readAttribute, readNumber } from "../host/text.ts";
import {
  type Aftermath,
  type BootTimes,
  confirmBoot,
  decideAftermath,
  noteGivenBack,
  outcomeOf,
  savedSeconds,
} from "../journal/aftermath.ts";
import { type BootFacts, type Classification, classifyBoot } from "../journal/classify.ts";
import { bootEntry, type JournalSink } from "../journal/journal_entry.ts";
import { writeMetrics } from "../journal/metrics.ts";
import type { StateStore } from "../journal/store.ts";
import { firmwareSeconds, parseUptime, secondsToUserspace } from "../journal/timing.ts";
import { messageOf } from "../lib/errors.ts";
import type { SystemdControl } from "../systemd/control.ts";

export interface ConfirmPorts {
  readonly host: Host;
  readonly store: StateStore;
  readonly control: Pick<SystemdControl, "numberProperty">;
  readonly journal: JournalSink;
  /** Where a collector of metrics looks; empty: nowhere. */
  readonly metricsFile: string;
  /** Say again that an update waits for its reboot: without it update-engine would raise the running slot. */
  stageUpdateAgain(): void;
  /** Run something with the boot disk open for writing and locked. */
  withDisk<T>(path: string, use: (disk: BlockDevice) => T): T;
  now(): Date;
}

export interface Confirmation {
  readonly classification: Classification;
  readonly aftermath: Aftermath;
  readonly times: BootTimes;
  readonly savedSeconds: number | null;
  readonly gaveBack: boolean;
  /** Sentences: files set aside, a try that could not be given back. */
  readonly problems: readonly string[];
}

/** Done once a boot; a second call finds the verdict "none". */
export function confirmThisBoot(ports: ConfirmPorts): Confirmation {
  const { store } = ports;
  const problems = [...store.setAsideDamaged()];
  const { value: log } = store.readLog();
  let { value: state } = store.readState();
  const { facts, disk } = bootFacts(ports.host);
  const now = ports.now();
  const classification = classifyBoot(log, state, facts);
  const aftermath = decideAftermath(classification, state, facts, now);
  const times = bootTimes(ports, classification, now);
  const { attempt, verdict } = classification;
  const saved = savedSeconds(classification, state, times);
  if (verdict === "none") {
    return { classification, aftermath, times, savedSeconds: saved, gaveBack: false, problems };
  }
  let gaveBack = false;
  const giveBack = aftermath.giveBack;
  if (giveBack !== null && attempt !== null && disk !== null) {
    // Written down before it is done: a power cut in between must not lead to a second one.
    state = noteGivenBack(state, attempt, now);
    store.writeState(state);
    try {
      ports.withDisk(disk, (device) => giveTryBack(device, giveBack.partuuid));
      gaveBack = true;
      ports.stageUpdateAgain();
    } catch (error) {
      problems.push(messageOf(error));
    }
  }
  const outcome = outcomeOf(classification, state, facts, times, gaveBack, now);
  if (outcome !== null) store.appendEvent(outcome);
  const confirmed = confirmBoot(state, classification, aftermath, facts, times, now);
  store.writeState(confirmed);
  ports.journal.send(
    bootEntry(verdict, classification.sentence, attempt, {
      seconds: times.seconds,
      savedSeconds: saved,
      gaveBack,
    }),
  );
  try {
    writeMetrics(ports.metricsFile, confirmed);
  } catch (error) {
    problems.push(messageOf(error));
  }
  return { classification, aftermath, times, savedSeconds: saved, gaveBack, problems };
}

/** What this boot can be told by, and the path of its disk. */
export function bootFacts(host: Host): { readonly facts: BootFacts; readonly disk: string | null } {
  const found = findBootDisk(host);
  const block = found.ok ? host.block(found.disk.path) : null;
  const gpt = block?.ok === true ? readGpt(block.value) : null;
  return {
    facts: {
      bootId: readAttribute(host, "/proc/sys/kernel/random/boot_id") ?? "",
      cmdline: readAttribute(host, "/proc/cmdline") ?? "",
      runningPartuuid: found.ok ? found.disk.running?.partuuid ?? null : null,
      kernelRelease: readAttribute(host, "/proc/sys/kernel/osrelease"),
      bootloaderType: readNumber(host, "/proc/sys/kernel/bootloader_type"),
      slots: gpt?.ok === true ? slotsOf(gpt) : null,
    },
    disk: found.ok ? found.disk.path : null,
  };
}

function bootTimes(ports: ConfirmPorts, classification: Classification, now: Date): BootTimes {
  const committedAt = classification.attempt?.committedAt ?? null;
  const uptime = parseUptime(`${readAttribute(ports.host, "/proc/uptime") ?? ""} `);
  const userspace = ports.control.numberProperty("UserspaceTimestampMonotonic");
  return {
    seconds: committedAt === null || uptime === null
      ? null
      : secondsToUserspace(committedAt, { now, uptime, userspace }),
    firmwareSeconds: firmwareSeconds(ports.control.numberProperty("FirmwareTimestampMonotonic")),
  };
}
