/**
 * What vendors and administrators need to write a plugin, try it and see what is installed.
 *
 * @module
 */
import { createHash } from "node:crypto";
import type { PluginSettings } from "../config/config.ts";
import type { FileStatus, Host } from "../host/host.ts";
import { KexecError } from "../lib/errors.ts";
import type { HookName } from "./api.ts";
import { discoverPlugins, FILE_LIMIT, type FoundPlugin, PLUGIN_DIRECTORIES } from "./discovery.ts";
import { askInProcess, type ProcessReply, type ProcessRequest } from "./process.ts";
import { BUILT_IN } from "./registry.ts";

/** One row of `plugin list`. */
export interface ListedPlugin {
  readonly name: string;
  /** `built in` or the path of the file. */
  readonly source: string;
  /** `enabled`: it is asked; whether it has to do with this host it says itself, in a plan. */
  readonly state: "enabled" | "disabled" | "masked" | "overridden" | "faulty";
  /** What it is overridden or masked by, or what is wrong with it; for one built in, what it is for. */
  readonly note: string | null;
  /** SHA-256 of the file that would run, 64 lower-case hex digits. */
  readonly digest: string | null;
}

/** Every plugin of a host in the order in which they are asked. */
export function listPlugins(host: Host, config: PluginSettings): readonly ListedPlugin[] {
  return discoverPlugins(host, config, BUILT_IN.map((plugin) => plugin.name)).map(listed);
}

function listed({ name, source, state }: FoundPlugin): ListedPlugin {
  const row = { name, source, note: null, digest: null };
  switch (state.kind) {
    case "built-in":
      return {
        ...row,
        state: "enabled",
        note: BUILT_IN.find((plugin) => plugin.name === name)?.description ?? null,
      };
    case "ready":
      return { ...row, state: "enabled", digest: state.digest };
    case "disabled":
      return { ...row, state: "disabled", note: "by plugins.disabled" };
    case "masked":
    case "overridden":
      return { ...row, state: state.kind, note: state.by === source ? "by this link" : `by ${state.by}` };
    case "faulty":
      return { ...row, state: "faulty", note: state.message };
  }
}

/** A plugin file that somebody wants tried, wherever it lies. */
export interface PluginFile {
  /** File name: `10-acme.ts`. */
  readonly file: string;
  readonly name: string;
  readonly language: "js" | "ts";
  readonly text: string;
  /** SHA-256, for plugins.digests. */
  readonly digest: string;
}

/**
 * A file as it was given on the command line.
 *
 * @param file Its name, without folders.
 * @throws {KexecError} `plugin-failed` if it could not be a plugin's.
 */
export function pluginFile(file: string, bytes: Uint8Array): PluginFile {
  const match = /^(?:[0-9]{2}-)?([a-z][a-z0-9-]{0,63})\.(ts|js)$/.exec(file);
  if (match === null) {
    throw new KexecError(
      "plugin-failed",
      `Cannot check '${file}': expected a file name of lower-case letters, digits and dashes with .ts or .js`,
      { hint: "The name goes into configuration and plugin: acme.ts, 10-acme.js" },
    );
  }
  if (bytes.length > FILE_LIMIT) {
    throw new KexecError(
      "plugin-failed",
      `Cannot check '${file}': it has ${bytes.length} bytes, expected at most ${FILE_LIMIT}`,
    );
  }
  const [, name = file, extension] = match;
  return {
    file,
    name,
    language: extension === "js" ? "js" : "ts",
    text: new TextDecoder().decode(bytes),
    digest: createHash("sha256").update(bytes).digest("hex"),
  };
}

/** What a plugin says of itself. */
export interface PluginDescription {
  readonly description: string;
  readonly hooks: readonly HookName[];
  readonly reads: readonly string[];
  readonly protectedKeys: readonly string[];
  /** Things that run, and were probably not meant so. */
  readonly warnings: readonly string[];
  readonly printed: readonly string[];
  /** From the start of its process to its answer, in milliseconds. */
  readonly milliseconds: number;
}

/**
 * Load a plugin in a process of its own and look at its shape; no hook is called.
 *
 * @throws {KexecError} `plugin-failed` saying what is wrong.
 */
export function describePlugin(
  plugin: PluginFile,
  timeLimit: number,
  run: (request: ProcessRequest) => ProcessReply = askInProcess,
): PluginDescription {
  const started = performance.now();
  const { name, text, language } = plugin;
  const reply = run({ name, text, language, timeLimit, question: null, files: null });
  const milliseconds = performance.now() - started;
  if (reply.kind !== "manifest") throw new KexecError("internal", `Plugin ${name} did not describe itself`);
  const { promises, hooks, strangeHooks, log } = reply;
  return {
    description: promises.description,
    hooks,
    reads: promises.reads,
    protectedKeys: promises.protectedKeys,
    warnings: [
      ...strangeHooks.map((hook) => `hooks.${hook} is no hook, and is never called`),
      ...(hooks.length === 0 ? ["it has no hook, so it does nothing"] : []),
    ],
    printed: log,
    milliseconds,
  };
}

/** Where a plugin that is tried seems to lie: the directory that wins over all others. */
const TRIAL_DIRECTORY = PLUGIN_DIRECTORIES.at(-1) ?? "/run/flatcar-kexec/plugins";

/** A host that has one more plugin file, root's own, in the directory that wins over all others. */
export function withPlugin(host: Host, plugin: PluginFile): Host {
  const path = `${TRIAL_DIRECTORY}/${plugin.file}`;
  const bytes = new TextEncoder().encode(plugin.text);
  const folders = TRIAL_DIRECTORY.split("/").map((_, index, names) =>
    names.slice(0, index + 1).join("/") || "/"
  );
  const own = (kind: FileStatus["kind"], mode: number, size: number): FileStatus => ({
    kind,
    size,
    mode,
    uid: 0,
    gid: 0,
    device: "0:0",
  });
  const noLink = (where: string) =>
    ({ ok: false, failure: { kind: "wrong-type", message: `${where}: is not a link` } }) as const;
  return {
    ...host,
    read: (where, limit) => where === path ? { ok: true, value: bytes } : host.read(where, limit),
    status(where) {
      if (where === path) return { ok: true, value: own("file", 0o644, bytes.length) };
      if (!folders.includes(where)) return host.status(where);
      const status = host.status(where);
      return status.ok ? status : { ok: true, value: own("directory", 0o755, 0) };
    },
    link: (where) => where === path || folders.includes(where) ? noLink(where) : host.link(where),
    list(where) {
      if (where !== TRIAL_DIRECTORY) return host.list(where);
      const names = host.list(where);
      const stem = plugin.file.slice(0, -3);
      const others = names.ok ? names.value.filter((name) => name.slice(0, -3) !== stem) : [];
      return { ok: true, value: [...others, plugin.file].sort() };
    },
    // A class's methods would be lost by the spread above.
    readRange: (where, offset, length) => host.readRange(where, offset, length),
    digest: (where) => host.digest(where),
    block: (where) => host.block(where),
    command: (argv) => host.command(argv),
  };
}

/** Which of the files that a plugin names without `*` and `?` a recorded host does not hold. */
export function unrecordedReads(host: Host, reads: readonly string[]): readonly string[] {
  return reads.filter((pattern) => {
    if (/[*?]/.test(pattern)) return false;
    const content = host.read(pattern);
    return !content.ok && content.failure.kind === "not-recorded";
  });
}

/** One word more or less between two command lines. */
export interface WordChange {
  readonly change: "same" | "added" | "removed";
  readonly text: string;
  /** Who wrote it. */
  readonly origin: string;
}

/** The way from one list of words to another, as a longest common subsequence gives it. */
export function diffWords(
  before: readonly { readonly text: string; readonly origin: string }[],
  after: readonly { readonly text: string; readonly origin: string }[],
): readonly WordChange[] {
  // lengths[i][j]: the longest common subsequence of before from i and after from j.
  const lengths = Array.from(
    { length: before.length + 1 },
    () => new Array<number>(after.length + 1).fill(0),
  );
  const at = (i: number, j: number) => lengths[i]?.[j] ?? 0;
  for (let i = before.length - 1; i >= 0; i--) {
    for (let j = after.length - 1; j >= 0; j--) {
      const row = lengths[i];
      if (row === undefined) continue;
      row[j] = before[i]?.text === after[j]?.text
        ? at(i + 1, j + 1) + 1
        : Math.max(at(i + 1, j), at(i, j + 1));
    }
  }
  const changes: WordChange[] = [];
  let i = 0, j = 0;
  for (;;) {
    const old = before[i], now = after[j];
    if (old === undefined && now === undefined) return changes;
    if (old !== undefined && now !== undefined && old.text === now.text) {
      changes.push({ change: "same", text: now.text, origin: now.origin });
      i++;
      j++;
    } else if (old !== undefined && (now === undefined || at(i + 1, j) >= at(i, j + 1))) {
      changes.push({ change: "removed", text: old.text, origin: old.origin });
      i++;
    } else if (now !== undefined) {
      changes.push({ change: "added", text: now.text, origin: now.origin });
      j++;
    }
  }
}
