/**
 * Find, read, check and merge configuration files.
 *
 * Folders in order, later ones win key by key: `/usr/share`, `/oem`, `/etc`, `/run`, each with
 * `flatcar-kexec/config.toml` and then `flatcar-kexec/config.toml.d/*.toml` sorted by name. A drop-in stands in for
 * the one of the same name in earlier folders, and a link to `/dev/null` masks it, as with systemd's.
 * Tables are merged; any other value, lists included, is replaced.
 *
 * @module
 */
import { dirname } from "node:path";
import * as v from "valibot";
import type { Host } from "../host/host.ts";
import { KexecError, messageOf } from "../lib/errors.ts";
import { nearest } from "../lib/nearest.ts";
import { type Config, DEFAULT_CONFIG } from "./config.ts";
import { fileSchema, isTable, knownKeys, resolveSettings } from "./schema.ts";

export const CONFIG_FOLDERS: readonly string[] = [
  "/usr/share/flatcar-kexec",
  "/oem/flatcar-kexec",
  "/etc/flatcar-kexec",
  "/run/flatcar-kexec",
];

const FILE_NAME = "config.toml";
const DROP_IN_FOLDER = "config.toml.d";

export interface EffectiveConfig {
  readonly config: Config;
  /** File that set a key, by dotted TOML key (`kexec.syscall`); keys not listed have their default. */
  readonly origins: Readonly<Record<string, string>>;
  /** Files that were read, in order. */
  readonly files: readonly string[];
}

export interface ConfigOptions {
  /** The one file to read instead of the search (`--config`). */
  readonly file?: string | null;
  /** Demand that only root can write the files: on a live host, where they decide what root runs. */
  readonly requireRoot?: boolean;
}

/**
 * The configuration of a host.
 *
 * @throws {KexecError} `config-invalid`, with file, line, key, the value found and the value expected
 */
export async function loadConfig(host: Host, options: ConfigOptions = {}): Promise<EffectiveConfig> {
  const named = options.file ?? null;
  const files = named === null ? findFiles(host) : [named];
  if (files.length === 0) return { config: DEFAULT_CONFIG, origins: {}, files: [] };
  // Most hosts have no configuration: they do not pay for the parser.
  const toml = await import("smol-toml");
  const parse = (text: string) => toml.parse(text, { unsafeKeyBehaviour: "throw", maxDepth: 32 });
  let merged: Table = {};
  const origins = new Map<string, string>();
  for (const path of files) {
    if (options.requireRoot === true) requireRootOwned(host, path);
    const table = readTable(host, path, parse);
    merged = merge(merged, table, [], path, origins);
  }
  return {
    config: resolveSettings(v.parse(fileSchema, merged)),
    origins: Object.fromEntries(origins),
    files,
  };
}

type Table = Readonly<Record<string, unknown>>;

/** Files to read, in order, without those that are masked or stood in for. */
function findFiles(host: Host): readonly string[] {
  const found = CONFIG_FOLDERS.map((folder) => ({ folder, names: namesIn(host, folder) }));
  const winner = new Map(found.flatMap(({ folder, names }) => names.map((name) => [name, folder] as const)));
  return found.flatMap(({ folder, names }) =>
    names.filter((name) => name === FILE_NAME || winner.get(name) === folder).map((name) =>
      `${folder}/${name}`
    )
  ).filter((path) => !isMasked(host, path));
}

/** `config.toml` if it is there, then `config.toml.d/NAME.toml` by name. */
function namesIn(host: Host, folder: string): readonly string[] {
  const listed = host.list(folder);
  if (!listed.ok) return [];
  const main = listed.value.includes(FILE_NAME) ? [FILE_NAME] : [];
  const dropIns = listed.value.includes(DROP_IN_FOLDER) ? host.list(`${folder}/${DROP_IN_FOLDER}`) : null;
  if (dropIns === null || !dropIns.ok) return main;
  const names = dropIns.value.filter((name) => name.endsWith(".toml") && !name.startsWith("."));
  return [...main, ...names.map((name) => `${DROP_IN_FOLDER}/${name}`)];
}

function isMasked(host: Host, path: string): boolean {
  const link = host.link(path);
  return link.ok && link.value === "/dev/null";
}

function invalid(message: string, hint?: string, cause?: unknown): KexecError {
  return new KexecError("config-invalid", `Cannot use the configuration: ${message}`, {
    ...(hint === undefined ? {} : { hint }),
    ...(cause === undefined ? {} : { cause }),
  });
}

function requireRootOwned(host: Host, path: string): void {
  const folder = dirname(path);
  // Whoever can write the folder above the drop-ins' can put another in their place.
  const above = folder.endsWith(`/${DROP_IN_FOLDER}`) ? [dirname(folder)] : [];
  for (const checked of [path, folder, ...above]) {
    const status = host.status(checked);
    if (!status.ok) throw invalid(status.failure.message);
    const { uid, mode } = status.value;
    if (uid !== 0) {
      throw invalid(`${checked} belongs to user ${uid}, expected root (0)`, `chown root:root ${checked}`);
    }
    if ((mode & 0o022) !== 0) {
      throw invalid(
        `${checked} can be written by others: mode ${(mode & 0o7777).toString(8)}, expected no more than 755`,
        `chmod go-w ${checked}`,
      );
    }
  }
}

function readTable(host: Host, path: string, parse: (text: string) => unknown): Table {
  const content = host.read(path);
  if (!content.ok) throw invalid(content.failure.message);
  const text = decode(path, content.value);
  let table: unknown;
  try {
    table = parse(text);
  } catch (error) {
    throw invalid(
      `${path}${positionOf(error)}: ${firstLine(messageOf(error))}`,
      "see https://toml.io",
      error,
    );
  }
  const checked = v.safeParse(fileSchema, table);
  if (!checked.success) throw wrongValue(path, text, checked.issues[0]);
  if (!isTable(table)) throw invalid(`${path} is not a TOML table`);
  rejectNearMisses(path, text, table);
  return table;
}

function decode(path: string, bytes: Uint8Array): string {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch (error) {
    throw invalid(`${path} is not UTF-8 text`, undefined, error);
  }
}

/** smol-toml's message is a headline, a blank line and the excerpt. */
function firstLine(message: string): string {
  return (message.split("\n")[0] ?? message).replace(/^Invalid TOML document: /, "");
}

const positionSchema = v.object({ line: v.number(), column: v.number() });

function positionOf(error: unknown): string {
  const position = v.safeParse(positionSchema, error);
  return position.success ? `:${position.output.line}:${position.output.column}` : "";
}

function wrongValue(path: string, text: string, issue: v.BaseIssue<unknown>): KexecError {
  const last = issue.path?.at(-1);
  const keys = (issue.path ?? []).map((item) => String(item.key));
  const at = `${path}${lineOf(text, keys)}`;
  const unknownSetting = keys[0] === "plugins" && keys.length === 2 &&
    !knownKeys(["plugins"]).includes(keys[1] ?? "");
  if (issue.expected === "never" || last?.origin === "key" || unknownSetting) return unknownKey(at, keys);
  const expected = issue.message.startsWith("expected ")
    ? issue.message
    : `expected ${readable(issue.expected ?? "something else")}`;
  return invalid(`${at}: ${dotted(keys)} is ${readable(issue.received)}, ${expected}`);
}

function unknownKey(at: string, keys: readonly string[]): KexecError {
  const table = keys.slice(0, -1);
  const known = knownKeys(table);
  const suggestion = nearest(keys.at(-1) ?? "", known);
  return invalid(
    `${at}: there is no setting ${dotted(keys)}`,
    suggestion === null ? `known are ${known.join(", ")}` : `did you mean ${dotted([...table, suggestion])}?`,
  );
}

/** `[plugins.digest]` would be the section of a plugin "digest", and the pinned digests would not count. */
function rejectNearMisses(path: string, text: string, table: Table): void {
  const plugins = table["plugins"];
  if (!isTable(plugins)) return;
  const settings = knownKeys(["plugins"]);
  for (const name of Object.keys(plugins)) {
    if (settings.includes(name)) continue;
    const keys = ["plugins", name];
    if (settings.some((setting) => isSlip(name, setting))) {
      throw unknownKey(`${path}${lineOf(text, keys)}`, keys);
    }
  }
}

/** Whether two words differ in no more than a plural, hyphens and case. */
function isSlip(a: string, b: string): boolean {
  const bare = (word: string) => word.toLowerCase().replace(/[-_]/g, "").replace(/s$/, "");
  return bare(a) === bare(b);
}

/** valibot writes choices as `("a" | "b")` and patterns as they are. */
function readable(text: string): string {
  return text.replace(/^\((.*)\)$/, "$1").replaceAll(" | ", " or ").replaceAll(">=", "at least ")
    .replaceAll("<=", "at most ");
}

/** A key as TOML has it, with quotes where it needs them. */
export function dotted(keys: readonly string[]): string {
  return keys.map((key) => (/^[A-Za-z0-9_-]+$/.test(key) ? key : JSON.stringify(key))).join(".");
}

/**
 * `:LINE` of the key in the text, as well as it can be told without the parser's help: the line that sets the key
 * in its table, or else the one that sets or opens the nearest table round it.
 */
function lineOf(text: string, keys: readonly string[]): string {
  const wanted = keys.filter((key) => !/^\d+$/.test(key));
  let best = { line: 0, depth: 0 };
  let table: readonly string[] = [];
  text.split(/\r?\n/).forEach((line, index) => {
    const header = /^\s*\[\[?([^\]]+)\]/.exec(line)?.[1];
    const key = /^\s*((?:[A-Za-z0-9_-]+|"[^"]*"|'[^']*')(?:\s*\.\s*(?:[A-Za-z0-9_-]+|"[^"]*"|'[^']*'))*)\s*=/
      .exec(line)
      ?.[1];
    if (header !== undefined) table = splitKey(header);
    const here = header !== undefined ? table : key !== undefined ? [...table, ...splitKey(key)] : [];
    const depth = here.length;
    if (depth > best.depth && depth <= wanted.length && here.every((part, i) => part === wanted[i])) {
      best = { line: index + 1, depth };
    }
  });
  return best.line === 0 ? "" : `:${best.line}`;
}

function splitKey(key: string): readonly string[] {
  return [...key.matchAll(/"([^"]*)"|'([^']*)'|[A-Za-z0-9_-]+/g)].map((match) =>
    match[1] ?? match[2] ?? match[0]
  );
}

/** `over` on top of `under`; tables merge, anything else is replaced. Notes who set each key. */
function merge(
  under: Table,
  over: Table,
  at: readonly string[],
  path: string,
  origins: Map<string, string>,
): Table {
  const result: Record<string, unknown> = { ...under };
  for (const [key, value] of Object.entries(over)) {
    const keys = [...at, key];
    if (isTable(value)) {
      const before = result[key];
      result[key] = merge(isTable(before) ? before : {}, value, keys, path, origins);
    } else {
      result[key] = value;
      origins.set(dotted(keys), path);
    }
  }
  return result;
}
