/**
 * Finding plugin files. A later directory overrides an earlier one by file name, and a link to /dev/null masks, as
 * systemd does it with units.
 *
 * @module
 */
import { createHash } from "node:crypto";
import type { PluginSettings } from "../config/config.ts";
import type { Host } from "../host/host.ts";
import { distrust } from "./trust.ts";
import { walk } from "./walk.ts";

/** After the built-in ones; the later wins. */
export const PLUGIN_DIRECTORIES: readonly string[] = [
  "/usr/share/flatcar-kexec/plugins",
  "/oem/flatcar-kexec/plugins",
  "/etc/flatcar-kexec/plugins",
  "/run/flatcar-kexec/plugins",
];

/** Longest plugin file, bytes. */
export const FILE_LIMIT = 256 << 10;

/** `acme.ts`, `10-acme.js`. */
const FILE_NAME = /^((?:[0-9]{2}-)?([a-z][a-z0-9-]{0,63}))\.(ts|js)$/;
/** Modules of other kinds: a plugin that is passed over without a word is worse than one that fails. */
const MODULE_NAME = /\.([cm]?[jt]s|[jt]sx)$/;
const DECLARATIONS = /\.d\.[cm]?ts$/;

export type PluginState =
  | { readonly kind: "ready"; readonly text: string; readonly language: "js" | "ts"; readonly digest: string }
  | { readonly kind: "faulty"; readonly message: string; readonly hint: string }
  | { readonly kind: "disabled" }
  /** `by`: the link to /dev/null. */
  | { readonly kind: "masked"; readonly by: string }
  /** `by`: the file that is used instead. */
  | { readonly kind: "overridden"; readonly by: string };

export interface FoundPlugin {
  /** File name without extension; what overriding goes by. */
  readonly stem: string;
  /** Name of the plugin: the stem without `10-`. */
  readonly name: string;
  /** `built in` or the path of the file. */
  readonly source: string;
  readonly state: PluginState | { readonly kind: "built-in" };
}

interface Entry {
  readonly stem: string;
  readonly name: string;
  readonly path: string;
  readonly kind: "file" | "mask" | "misnamed" | "untrusted-directory";
  readonly message?: string;
}

/**
 * Every plugin there is, built in or not, in the order in which they are asked; those that are not asked say why.
 *
 * @param builtIn Names of the plugins compiled in.
 */
export function discoverPlugins(
  host: Host,
  config: PluginSettings,
  builtIn: readonly string[],
): readonly FoundPlugin[] {
  const entries = PLUGIN_DIRECTORIES.flatMap((directory) => entriesOf(host, directory));
  // Directories come in order of rank, so the last entry of a stem is the one that counts.
  const winners = new Map(entries.map((entry) => [entry.stem, entry]));
  const found: FoundPlugin[] = [];
  for (const name of builtIn) {
    const winner = winners.get(name);
    found.push({
      stem: name,
      name,
      source: "built in",
      state: winner !== undefined
        ? beatenBy(winner)
        : { kind: config.disabled.includes(name) ? "disabled" : "built-in" },
    });
  }
  for (const entry of entries) {
    const winner = winners.get(entry.stem) ?? entry;
    found.push({
      stem: entry.stem,
      name: entry.name,
      source: entry.path,
      state: winner !== entry ? beatenBy(winner) : stateOf(host, config, entry, entries),
    });
  }
  return [...found, ...missingPins(config, found)];
}

function beatenBy(winner: Entry): PluginState {
  return winner.kind === "mask"
    ? { kind: "masked", by: winner.path }
    : { kind: "overridden", by: winner.path };
}

function entriesOf(host: Host, directory: string): readonly Entry[] {
  const names = host.list(directory);
  if (!names.ok) {
    // A host recorded by a version that did not look here had nothing here for that version.
    if (names.failure.kind === "missing" || names.failure.kind === "not-recorded") return [];
    return [untrusted(directory, names.failure.message)];
  }
  const modules = names.value.filter((name) => MODULE_NAME.test(name) && !DECLARATIONS.test(name));
  if (modules.length === 0) return [];
  const reason = distrust(host, directory);
  // Neither run nor mask: whoever can write here must not be able to switch plugins off either.
  if (reason !== null) return [untrusted(directory, reason)];
  return modules.map((file): Entry => {
    const path = `${directory}/${file}`;
    const match = FILE_NAME.exec(file);
    if (match === null) return { stem: path, name: file, path, kind: "misnamed" };
    const [, stem = file, name = file] = match;
    return { stem, name, path, kind: walk(host, path)?.real === "/dev/null" ? "mask" : "file" };
  });
}

function untrusted(directory: string, message: string): Entry {
  return { stem: directory, name: directory, path: directory, kind: "untrusted-directory", message };
}

function stateOf(
  host: Host,
  config: PluginSettings,
  entry: Entry,
  entries: readonly Entry[],
): PluginState {
  if (config.disabled.includes(entry.name)) return { kind: "disabled" };
  switch (entry.kind) {
    case "mask":
      return { kind: "masked", by: entry.path };
    case "misnamed":
      return {
        kind: "faulty",
        message: `Cannot use ${entry.path}: ` +
          "expected a file name of lower-case letters, digits and dashes with .ts or .js",
        hint: "Rename it (acme.ts, 10-acme.js), or take it out of the plugin directory",
      };
    case "untrusted-directory":
      return {
        kind: "faulty",
        message: `Cannot use the plugins in ${entry.path}: ${entry.message ?? "not to be trusted"}`,
        hint: `chown root:root and chmod go-w the directory, or remove it`,
      };
    case "file":
      break;
  }
  const twin = entries.find((other) =>
    other !== entry && other.stem === entry.stem && sameFolder(other, entry)
  );
  if (twin !== undefined) {
    return {
      kind: "faulty",
      message: `Cannot use ${entry.path}: ${twin.path} has the same name, and one of them must go`,
      hint: "One plugin is one file, either .ts or .js",
    };
  }
  return load(host, config, entry.path);
}

function sameFolder(left: Entry, right: Entry): boolean {
  const folder = (path: string) => path.slice(0, path.lastIndexOf("/"));
  return folder(left.path) === folder(right.path);
}

/** The bytes that are checked here are the bytes that run: they are read once. */
function load(host: Host, config: PluginSettings, path: string): PluginState {
  const faulty = (message: string, hint: string): PluginState => ({ kind: "faulty", message, hint });
  const reason = distrust(host, path);
  if (reason !== null) {
    return faulty(
      `Cannot run ${path}: ${reason}`,
      `Only root may be able to change a plugin: chown root:root and chmod go-w`,
    );
  }
  const content = host.read(path, FILE_LIMIT);
  if (!content.ok) return faulty(`Cannot run ${path}: ${content.failure.message}`, "Check the file");
  const digest = createHash("sha256").update(content.value).digest("hex");
  const pinned = config.digests[path.slice(path.lastIndexOf("/") + 1)];
  if (pinned !== undefined && pinned.toLowerCase() !== digest) {
    return faulty(
      `Cannot run ${path}: its SHA-256 is ${digest}, the configuration expects ${pinned}`,
      "If the new file is right, put its digest into plugins.digests",
    );
  }
  try {
    const text = new TextDecoder("utf-8", { fatal: true }).decode(content.value);
    return { kind: "ready", text, language: path.endsWith(".js") ? "js" : "ts", digest };
  } catch {
    return faulty(`Cannot run ${path}: it is not UTF-8 text`, "A plugin is JavaScript or TypeScript source");
  }
}

/**
 * Pinned files that do not run, and have no fault of their own to say so: a plugin that somebody pinned is one that
 * somebody counts on. Only `disabled` takes one away, since it stands where the pin stands.
 */
function missingPins(config: PluginSettings, found: readonly FoundPlugin[]): readonly FoundPlugin[] {
  return Object.keys(config.digests).flatMap((file): readonly FoundPlugin[] => {
    const name = FILE_NAME.exec(file)?.[2] ?? file;
    if (config.disabled.includes(name)) return [];
    const files = found.filter(({ source }) => source.slice(source.lastIndexOf("/") + 1) === file);
    if (files.some(({ state }) => state.kind === "ready" || state.kind === "faulty")) return [];
    return [{
      stem: file,
      name,
      source: "plugins.digests",
      state: {
        kind: "faulty",
        message: `Cannot run ${file}: the configuration pins its digest, and ${whyNot(files)}`,
        hint: `${
          files.length === 0 ? "Put the file back" : "Remove that one"
        }, or take ${file} out of plugins.digests`,
      },
    }];
  });
}

function whyNot(files: readonly FoundPlugin[]): string {
  const state = files.at(-1)?.state;
  switch (state?.kind) {
    case "masked":
      return `${state.by} masks it`;
    case "overridden":
      return `${state.by} takes its place`;
    default:
      return "no plugin directory has it";
  }
}
