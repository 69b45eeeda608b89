/**
 * The configuration for commands that a mistake in it must not stop: they take things away, look back or reboot.
 *
 * @module
 */
import { type Config, DEFAULT_CONFIG } from "../config/config.ts";
import type { Host } from "../host/host.ts";
import { KexecError } from "../lib/errors.ts";
import { configOf, type PlanArguments } from "./plan_host.ts";

export interface ConfigOrDefault {
  readonly config: Config;
  /** What is wrong with the files, a sentence: the defaults are used instead. Null if nothing is. */
  readonly problem: string | null;
}

export async function configOrDefault(host: Host, args: PlanArguments): Promise<ConfigOrDefault> {
  try {
    return { config: (await configOf(host, args)).config, problem: null };
  } catch (error) {
    if (!(error instanceof KexecError)) throw error;
    return { config: DEFAULT_CONFIG, problem: `${error.message}; the defaults are used` };
  }
}
