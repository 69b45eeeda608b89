import { CHECKS } from "../checks/registry.ts";
import { DEFAULT_CONFIG } from "../config/config.ts";
import { dotted } from "../config/load.ts";
import { EXIT } from "../lib/errors.ts";
import { command } from "./command.ts";
import { OUTPUT_ARGS, PLAN_ARGS } from "./host_options.ts";
import { configOf, openAnyHost } from "./plan_host.ts";
import { painter, printable } from "./terminal.ts";

export const config = command({
  name: "config",
  description: "The effective configuration, and the file that each value comes from",
  args: { ...PLAN_ARGS, ...OUTPUT_ARGS },
  async run({ args, terminal }) {
    const effective = await configOf(await openAnyHost(args), args);
    if (args.json === true) {
      terminal.out(`${JSON.stringify({ version: 1, ...effective })}\n`);
      return EXIT.done;
    }
    if (args.quiet === true) return EXIT.done;
    const paint = painter(terminal.color);
    const defaults = new Set(settings(DEFAULT_CONFIG).map(({ key }) => key));
    const rows = settings(effective.config).filter(({ key, value }) =>
      value !== undefined || defaults.has(key)
    )
      .map(({ key, value }) => ({
        text: `${key} = ${printable(JSON.stringify(value))}`,
        origin: `${originOf(key, effective.origins)}${
          isIgnored(key, value) ? "; ignored: the check protects data" : ""
        }`,
      }));
    const width = Math.max(...rows.map((row) => row.text.length));
    for (const { text, origin } of rows) {
      terminal.out(`${text.padEnd(width)}  ${paint("dim", `# ${origin}`)}\n`);
    }
    return EXIT.done;
  },
});

interface Setting {
  /** Dotted TOML key. */
  readonly key: string;
  readonly value: unknown;
}

/** Settings by their TOML keys: tables are taken apart, lists are not. */
function settings(value: unknown, prefix = ""): readonly Setting[] {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return [{ key: prefix, value }];
  return Object.entries(value).flatMap(([name, inner]) => {
    // `plugins.options` is how the program keeps what the files have as [plugins.NAME].
    const key = prefix === "plugins" && name === "options"
      ? "plugins"
      : `${prefix === "" ? "" : `${prefix}.`}${dotted([kebab(name)])}`;
    return settings(inner, key);
  });
}

/** Whether a setting would lower a check that is never lowered. */
function isIgnored(key: string, value: unknown): boolean {
  return value !== "refuse" && CHECKS.some(({ id, protects }) => protects && key === `checks.${id}`);
}

function kebab(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
}

/** The origin of a key, or of the nearest table above it that has one. */
function originOf(key: string, origins: Readonly<Record<string, string>>): string {
  for (let at = key; at !== ""; at = at.includes(".") ? at.slice(0, at.lastIndexOf(".")) : "") {
    const origin = origins[at];
    if (origin !== undefined) return origin;
  }
  return "default";
}
