import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import * as v from "valibot";
import type { Host } from "../host/host.ts";
import { fromSystemError } from "../host/system_failure.ts";
import { LOAD_RECORD_FILE } from "../journal/load_record.ts";
import { EXIT, KexecError, messageOf } from "../lib/errors.ts";
import type { Finding } from "../lib/finding.ts";
import {
  describePlugin,
  diffWords,
  type ListedPlugin,
  listPlugins,
  type PluginDescription,
  type PluginFile,
  pluginFile,
  unrecordedReads,
  withPlugin,
  type WordChange,
} from "../plugin/kit.ts";
import type { PluginReport } from "../plugin/report.ts";
import { pluginSkeleton } from "../plugin/skeleton.ts";
import { command } from "./command.ts";
import { OUTPUT_ARGS, PLAN_ARGS } from "./host_options.ts";
import { configOf, openAnyHost, planHost } from "./plan_host.ts";
import { renderFindings } from "./render_plan.ts";
import { type Paint, painter, printable, type Terminal, wrap } from "./terminal.ts";

export const pluginList = command({
  name: "plugin list",
  description: "The plugins, where each comes from, and what it did to the kernel that is loaded",
  args: { ...PLAN_ARGS, ...OUTPUT_ARGS },
  async run({ args, terminal }) {
    const host = await openAnyHost(args);
    const { config } = await configOf(host, args);
    const plugins = listPlugins(host, config.plugins);
    const last = lastWords(host);
    const said = (plugin: ListedPlugin) => plugin.state === "enabled" ? last(plugin.name) : [];
    if (args.json === true) {
      const rows = plugins.map((plugin) => ({ ...plugin, last: said(plugin) }));
      terminal.out(`${JSON.stringify({ version: 1, plugins: rows })}\n`);
    } else if (args.quiet !== true) {
      const paint = painter(terminal.color);
      const width = Math.max(...plugins.map((plugin) => plugin.name.length));
      for (const plugin of plugins) {
        terminal.out(`${renderListed(plugin, said(plugin), width, paint, terminal)}\n`);
      }
    }
    return plugins.some((plugin) => plugin.state === "faulty") ? EXIT.refused : EXIT.done;
  },
});

function renderListed(
  plugin: ListedPlugin,
  said: readonly string[],
  width: number,
  paint: Paint,
  terminal: Terminal,
): string {
  const style = plugin.state === "enabled" ? "green" : plugin.state === "faulty" ? "red" : "dim";
  const head = `${printable(plugin.name).padEnd(width)}  ${paint(style, plugin.state.padEnd(10))}  ${
    printable(plugin.source)
  }`;
  const lines = [
    ...(plugin.note === null ? [] : [plugin.note]),
    ...(plugin.digest === null ? [] : [`sha256 ${plugin.digest}`]),
    ...said.map((line) => `last: ${line}`),
  ];
  const indent = " ".repeat(width + 2);
  return [
    head,
    ...lines.map((line) => paint("dim", indent + wrap(printable(line), terminal.width - width - 2, indent))),
  ].join("\n");
}

const LAST = v.object({
  plan: v.object({
    plugins: v.array(v.object({
      name: v.string(),
      edits: v.array(v.object({ kind: v.string(), target: v.string(), text: v.nullable(v.string()) })),
    })),
    findings: v.array(v.object({ level: v.string(), message: v.string(), origin: v.nullable(v.string()) })),
  }),
});

/** By name: what a plugin asked for and said when the kernel that is loaded now was loaded. */
function lastWords(host: Host): (name: string) => readonly string[] {
  const content = host.read(LOAD_RECORD_FILE);
  if (!content.ok) return () => [];
  let record: unknown;
  try {
    record = JSON.parse(new TextDecoder().decode(content.value));
  } catch {
    return () => [];
  }
  const last = v.safeParse(LAST, record);
  if (!last.success) return () => [];
  const { plugins, findings } = last.output.plan;
  return (name) => [
    ...plugins.filter((plugin) => plugin.name === name)
      .flatMap(({ edits }) => edits.map(({ kind, target, text }) => `${kind} ${text ?? target}`)),
    ...findings.filter(({ origin }) => origin === `plugin:${name}`)
      .map(({ level, message }) => `${level}: ${message}`),
  ];
}

export const pluginNew = command({
  name: "plugin new",
  description: "Write a plugin that works, with its test, into a new folder",
  args: {
    name: { type: "positional", required: true, description: "its name: lower-case letters, digits, dashes" },
    directory: { type: "string", description: "the new folder; default: ./NAME", valueHint: "DIR" },
    ...OUTPUT_ARGS,
  },
  maxPositionals: 1,
  run({ args, terminal }) {
    const files = pluginSkeleton(args.name);
    const folder = args.directory ?? args.name;
    if (existsSync(folder)) {
      throw new KexecError("usage", `Cannot write the new plugin: ${folder} is there already`, {
        hint: "name another folder with --directory",
      });
    }
    try {
      mkdirSync(folder, { recursive: true });
      for (const { file, text } of files) writeFileSync(join(folder, file), text);
    } catch (error) {
      throw new KexecError("write-failed", `Cannot write the new plugin: ${messageOf(error)}`, {
        cause: error,
      });
    }
    const paths = files.map(({ file }) => join(folder, file));
    if (args.json === true) terminal.out(`${JSON.stringify({ version: 1, files: paths })}\n`);
    else if (args.quiet !== true) {
      terminal.out(`${paths.join("\n")}\n`);
      terminal.err(`Next: edit ${paths[0]}, then flatcar-kexec plugin check ${paths[0]}\n`);
    }
    return EXIT.done;
  },
});

/** What a plugin does on one host. */
interface Trial {
  readonly host: string;
  /** Null if it does not match there. */
  readonly report: PluginReport | null;
  readonly words: readonly WordChange[];
  readonly findings: readonly Finding[];
  readonly decision: { readonly before: string; readonly after: string };
  readonly unrecorded: readonly string[];
  readonly log: readonly string[];
}

export const pluginCheck = command({
  name: "plugin check",
  description: "Run a plugin file as it would be run, and tell what it would change on recorded hosts",
  args: {
    file: { type: "positional", required: true, description: "the plugin: NAME.ts or NAME.js" },
    snapshot: {
      type: "string",
      description: "a recorded host (flatcar-kexec snapshot); may be repeated",
      valueHint: "FILE",
    },
    config: { type: "string", description: "read this configuration only", valueHint: "FILE" },
    ...OUTPUT_ARGS,
  },
  maxPositionals: 1,
  async run({ args, all, terminal }) {
    const plugin = readPlugin(args.file);
    const snapshots = all("snapshot");
    const timeLimit = await timeLimitOf(args.config);
    const description = describePlugin(plugin, timeLimit);
    const trials: Trial[] = [];
    for (const snapshot of snapshots) trials.push(await tryOn(plugin, description, snapshot, args.config));
    if (args.json === true) {
      const { file, name, digest } = plugin;
      terminal.out(`${JSON.stringify({ version: 1, file, name, digest, ...description, trials })}\n`);
    } else if (args.quiet !== true) {
      const paint = painter(terminal.color);
      terminal.out(renderDescription(plugin, description, timeLimit, terminal));
      for (const trial of trials) terminal.out(`\n${renderTrial(trial, paint, terminal)}`);
      if (trials.length === 0) {
        terminal.err(
          "No hook was called: name a recorded host with --snapshot (see 'flatcar-kexec snapshot')\n",
        );
      }
    }
    const failed = trials.some(({ findings }) => findings.some(({ id }) => id === "plugin-failed"));
    return failed ? EXIT.refused : EXIT.done;
  },
});

function readPlugin(path: string): PluginFile {
  let bytes: Uint8Array;
  try {
    bytes = readFileSync(path);
  } catch (error) {
    throw new KexecError(
      "unreadable",
      `Cannot check the plugin: ${fromSystemError(path, error).failure.message}`,
      {
        cause: error,
      },
    );
  }
  return pluginFile(basename(path), bytes);
}

/** Shape and start are judged by the configuration that the hosts are planned with, or by the defaults. */
async function timeLimitOf(config: string | undefined): Promise<number> {
  const { DEFAULT_CONFIG } = await import("../config/config.ts");
  if (config === undefined) return DEFAULT_CONFIG.plugins.timeLimit;
  const effective = await configOf(await openAnyHost({}), { config });
  return effective.config.plugins.timeLimit;
}

async function tryOn(
  plugin: PluginFile,
  description: PluginDescription,
  snapshot: string,
  config: string | undefined,
): Promise<Trial> {
  const options = { snapshot, config };
  const host = await openAnyHost(options);
  const before = (await planHost(host, options, [])).planning;
  const after = (await planHost(withPlugin(host, plugin), options, [])).planning;
  const origin = `plugin:${plugin.name}`;
  const report = after.plugins?.reports.find(({ name }) => name === plugin.name) ?? null;
  return {
    host: snapshot,
    report,
    words: diffWords(before.plugins?.tokens ?? [], after.plugins?.tokens ?? []),
    findings: after.plan.findings.filter((finding) => finding.origin === origin),
    decision: { before: before.plan.decision, after: after.plan.decision },
    unrecorded: report === null ? [] : unrecordedReads(host, description.reads),
    log: (after.plugins?.log ?? []).filter((line) => line.plugin === plugin.name).map(({ text }) => text),
  };
}

function renderDescription(
  plugin: PluginFile,
  description: PluginDescription,
  timeLimit: number,
  terminal: Terminal,
): string {
  const paint = painter(terminal.color);
  const rows: readonly (readonly [string, string])[] = [
    ["hooks", description.hooks.join(", ") || "none"],
    ...(description.reads.length === 0 ? [] : [["reads", description.reads.join(", ")] as const]),
    ...(description.protectedKeys.length === 0 ? [] : [
      [
        "protected keys",
        `${description.protectedKeys.join(", ")}: the configuration has to allow it`,
      ] as const,
    ]),
    ["sha256", plugin.digest],
    ["time", `${Math.round(description.milliseconds)} ms to start and load, of ${timeLimit} ms`],
    ...description.printed.map((line) => ["printed", line] as const),
    ...description.warnings.map((line) => ["warning", line] as const),
  ];
  const width = Math.max(...rows.map(([label]) => label.length));
  return [
    `${paint("bold", printable(plugin.name))}: ${printable(description.description)}`,
    ...rows.map(([label, text]) => {
      const indent = " ".repeat(width + 4);
      return `  ${paint(label === "warning" ? "yellow" : "dim", label.padEnd(width))}  ${
        wrap(printable(text), terminal.width - width - 4, indent)
      }`;
    }),
    "",
  ].join("\n");
}

function renderTrial(trial: Trial, paint: Paint, terminal: Terminal): string {
  const { report, findings, decision } = trial;
  const failed = findings.some(({ id }) => id === "plugin-failed");
  const verdict = failed
    ? paint("red", "fails")
    : report === null
    ? "does not match"
    : decision.before === decision.after
    ? `matches; the plan stays ${decision.after}`
    : `matches; the plan goes from ${decision.before} to ${decision.after}`;
  const reasons = new Map(
    (report?.edits ?? []).filter(({ applied }) => applied).map((edit) => [
      edit.text ?? edit.target,
      edit,
    ]),
  );
  const words = trial.words.filter(({ change }) => change !== "same").map(({ change, text, origin }) => {
    const reason = reasons.get(text)?.reason ?? (change === "removed" ? `was ${origin}` : origin);
    const line = `  ${change === "added" ? "+" : "-"} ${printable(text)}`;
    return `${paint(change === "added" ? "green" : "red", line)}  ${paint("dim", printable(reason))}`;
  });
  const idle = (report?.edits ?? []).filter(({ applied }) => !applied)
    .map((edit) => `  = ${printable(edit.text ?? edit.target)}  ${paint("dim", printable(edit.reason))}`);
  const conflicts = (report?.edits ?? []).flatMap(({ conflict, target }) =>
    conflict === null ? [] : [`  ! ${printable(target)}: ${printable(conflict)}`]
  );
  return [
    `${paint("bold", printable(trial.host))}: ${verdict}`,
    ...words,
    ...idle,
    ...conflicts,
    ...(report === null || report.deviceTree === null
      ? []
      : [`  device tree ${printable(report.deviceTree)}`]),
    ...(report?.initrd ?? []).map((path) => `  initrd ${printable(path)}`),
    ...(report?.quiesce ?? []).map((step) => `  before the jump: ${printable(step)}`),
    ...trial.unrecorded.map((path) =>
      `  ${printable(path)} is not in the snapshot: record it with the plugin in place`
    ),
    ...trial.log.map((line) => `  printed: ${printable(line)}`),
    ...(findings.length === 0 ? [] : [renderFindings(findings, paint, terminal.width)]),
    "",
  ].join("\n");
}
