/**
 * Making the next reboot an ordinary one. It is about to happen, and nothing that fails here may stop it; what failed
 * is said, and so is whether a kexec can still come of it.
 *
 * @module
 */
import type { Config } from "../config/config.ts";
import { readAttribute } from "../host/text.ts";
import { messageOf } from "../lib/errors.ts";
import { isOurs, type LoadPorts, noteSkipped, recordOf, unloadLoaded, whatIsLoaded } from "./load.ts";

export interface ColdOutcome {
  /** Whether the next reboot goes through the firmware; false: that is for commit to bring about, if it can. */
  readonly isCertain: boolean;
  /** Sentences about what failed. */
  readonly problems: readonly string[];
}

/** Why the next reboot is an ordinary one. */
export interface ColdReason {
  /** For `status`, commit and a `load` in between: a sentence. */
  readonly request: string;
  /** For the next boot, which is to know why it came through the firmware. */
  readonly skipped: string;
  /** False: a load that failed may have left the same word already. */
  readonly isNews: boolean;
}

/**
 * Drop what is ours, and leave word for whoever would load again before the reboot. Three things keep a kernel of
 * ours from being started, and one of them is enough: it is unloaded; or a reboot ends in no kexec any more; or commit
 * finds the request and unloads it then.
 */
export function goCold(
  ports: LoadPorts,
  config: Config,
  { request, skipped, isNews }: ColdReason,
): ColdOutcome {
  const problems: string[] = [];
  const succeeds = (step: () => void): boolean => {
    try {
      step();
      return true;
    } catch (error) {
      problems.push(messageOf(error));
      return false;
    }
  };
  const loaded = whatIsLoaded(ports);
  const record = recordOf(loaded);
  succeeds(() => ports.store.writeCold({ at: ports.now().toISOString(), reason: request }));
  if (loaded.kind !== "foreign") succeeds(() => unloadLoaded(record, config, ports));
  const isGone = !isOurs(loaded) || ports.machine.isLoaded() === false;
  const isCertain = isGone || succeeds(() => ports.jump.endInReboot());
  const bootId = readAttribute(ports.host, "/proc/sys/kernel/random/boot_id") ?? "";
  const last = ports.store.readLog().value.skips.at(-1);
  if (isNews || last?.reason !== skipped || last.bootId !== bootId) {
    noteSkipped(ports, { id: record?.id ?? null, bootId }, skipped);
  }
  return { isCertain, problems };
}
