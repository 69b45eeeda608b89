import type { PluginLogLine } from "../plugin/run.ts";
import { printable, type Terminal } from "./terminal.ts";

/** What plugins printed, as diagnosis: one line each, with the plugin's name. */
export function showPluginLog(log: readonly PluginLogLine[], terminal: Pick<Terminal, "err">): void {
  for (const { plugin, text } of log) terminal.err(`plugin ${plugin}: ${printable(text)}\n`);
}
