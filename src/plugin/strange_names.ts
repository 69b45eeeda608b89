/**
 * Names in the configuration that no plugin has. What is misspelt would otherwise be ignored without a word: the
 * plugin's defaults hold, or it runs though it was to be switched off.
 *
 * A remark and no error: the plugin may come with a system extension that is not merged yet.
 *
 * @module
 */
import type { PluginSettings } from "../config/config.ts";
import type { Finding } from "../lib/finding.ts";
import { nearest } from "../lib/nearest.ts";
import type { FoundPlugin } from "./discovery.ts";

/** One finding for each place that names a plugin which is not there, switched off or masked ones included. */
export function strangeNames(config: PluginSettings, found: readonly FoundPlugin[]): readonly Finding[] {
  const known = [...new Set(found.map(({ name }) => name))];
  const places = [
    ...Object.keys(config.options).map((name) => ({ name, attempt: `use [plugins.${name}]` })),
    ...config.disabled.map((name) => ({ name, attempt: `disable "${name}" by plugins.disabled` })),
    ...config.mayEditProtected.map((name) => ({
      name,
      attempt: `let "${name}" edit by plugins.may-edit-protected`,
    })),
  ];
  return places.filter(({ name }) => !known.includes(name)).map(({ name, attempt }): Finding => {
    const suggestion = nearest(name, known);
    return {
      id: "plugin-note",
      level: "warn",
      message: `Cannot ${attempt}: there is no plugin of that name`,
      origin: "configuration",
      hint: suggestion === null ? "flatcar-kexec plugin list shows the names" : `did you mean ${suggestion}?`,
    };
  });
}
