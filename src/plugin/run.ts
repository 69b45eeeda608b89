/**
 * Asking all plugins about one plan, or about one boot. A plugin that fails adds nothing but a finding.
 *
 * @module
 */
import type { PluginSettings } from "../config/config.ts";
import type { HostFacts } from "../host/facts.ts";
import type { Host } from "../host/host.ts";
import { KexecError, messageOf } from "../lib/errors.ts";
import type { Finding } from "../lib/finding.ts";
import type { BootReport, InitrdEntry, Plugin, PluginFinding } from "./api.ts";
import { type Answers, type AskOptions, askPlugin, type Question } from "./ask.ts";
import type { PlanDraft, Token } from "./draft.ts";
import { applyEdits, type EditRights, PROTECTED_KEYS } from "./edits.ts";
import { checkDeviceTree } from "./device_tree.ts";
import { initrdSize } from "./newc.ts";
import { discoverPlugins, type FoundPlugin } from "./discovery.ts";
import { pluginFault } from "./fault.ts";
import { askInProcess, type ProcessReply, type ProcessRequest } from "./process.ts";
import { planAction, type PlannedAction } from "./quiesce.ts";
import { readPatterns } from "./reads.ts";
import { BUILT_IN } from "./registry.ts";
import type { PluginReport } from "./report.ts";
import { strangeNames } from "./strange_names.ts";

export interface PluginInput {
  readonly host: Host;
  readonly facts: HostFacts;
  readonly config: PluginSettings;
  readonly draft: PlanDraft;
}

export interface PluginOutcome {
  /** The command line's words after all edits. */
  readonly tokens: readonly Token[];
  /** Host path of the device tree to hand on, null: the running one. */
  readonly deviceTree: string | null;
  /** What goes into one more initial RAM disk, in order; empty: none. */
  readonly initrds: readonly PluginInitrd[];
  readonly findings: readonly Finding[];
  /** One for each plugin that matched. */
  readonly reports: readonly PluginReport[];
  /** What to put at rest before the jump, in order. */
  readonly quiesce: readonly PlannedAction[];
  /** What external plugins printed. */
  readonly log: readonly PluginLogLine[];
}

export interface PluginInitrd {
  readonly plugin: string;
  readonly entries: readonly InitrdEntry[];
}

export interface PluginLogLine {
  readonly plugin: string;
  readonly text: string;
}

export interface ConfirmInput {
  readonly host: Host;
  readonly facts: HostFacts;
  readonly config: PluginSettings;
  readonly boot: BootReport;
}

export interface ConfirmOutcome {
  readonly findings: readonly Finding[];
  readonly log: readonly PluginLogLine[];
}

/** A plugin that can be asked, wherever it runs. */
export interface Candidate {
  readonly name: string;
  /** `built in` or the path of the file. */
  readonly source: string;
  /** @throws {KexecError} `plugin-failed`. */
  ask(question: Question, options: AskOptions): Reply;
}

export interface Reply {
  readonly answers: Answers;
  /** Protected keys that the plugin claims. */
  readonly claims: readonly string[];
  readonly log: readonly string[];
}

/** Where plugins come from, and how those from files are run; tests give their own. */
export interface PluginSources {
  readonly builtIn: readonly Plugin[];
  readonly run: (request: ProcessRequest) => ProcessReply;
}

/** Content that one plugin may lay over the initial RAM disk, bytes. */
const INITRD_LIMIT = 512 << 10;

const DEFAULT_SOURCES: PluginSources = { builtIn: BUILT_IN, run: askInProcess };

/** Ask every plugin that is not switched off, in order; each sees the plan as the earlier ones left it. */
export function runPlugins(input: PluginInput, sources: PluginSources = DEFAULT_SOURCES): PluginOutcome {
  const found = discover(input, sources);
  let outcome: PluginOutcome = {
    tokens: input.draft.tokens,
    deviceTree: null,
    initrds: [],
    findings: strangeNames(input.config, found),
    reports: [],
    quiesce: [],
    log: [],
  };
  for (const candidate of candidates(found, input, sources)) {
    outcome = askAboutPlan(candidate, input, outcome);
  }
  return outcome;
}

/** Ask every plugin's confirm hook about the boot that has just happened. */
export function runConfirm(input: ConfirmInput, sources: PluginSources = DEFAULT_SOURCES): ConfirmOutcome {
  const findings: Finding[] = [];
  const log: PluginLogLine[] = [];
  for (const candidate of candidates(discover(input, sources), input, sources)) {
    try {
      const reply = candidate.ask(
        question(candidate, input, { kind: "boot", boot: input.boot }),
        askOptions(candidate, input, []),
      );
      findings.push(...reply.answers.findings.map((finding) => asFinding(candidate, finding)));
      log.push(...reply.log.map((text) => ({ plugin: candidate.name, text })));
    } catch (error) {
      findings.push(failure(candidate, error, input.config));
    }
  }
  return { findings, log };
}

function discover(input: CommonInput, sources: PluginSources): readonly FoundPlugin[] {
  return discoverPlugins(input.host, input.config, sources.builtIn.map(({ name }) => name));
}

/** All that are to be asked, in order. */
function candidates(
  found: readonly FoundPlugin[],
  input: CommonInput,
  sources: PluginSources,
): readonly Candidate[] {
  const byName = new Map(sources.builtIn.map((plugin) => [plugin.name, plugin]));
  const seen = new Map<string, string>();
  return found.flatMap(({ name, source, state }) => {
    switch (state.kind) {
      case "built-in": {
        const plugin = byName.get(name);
        seen.set(name, source);
        return plugin === undefined ? [] : [builtIn(plugin)];
      }
      case "ready": {
        const twin = seen.get(name);
        seen.set(name, source);
        return twin === undefined
          ? [external(name, source, state, input.config, sources.run)]
          : [broken(name, source, `${twin} is a plugin of the same name`)];
      }
      case "faulty":
        return [broken(name, source, state.message, state.hint)];
      case "disabled":
      case "masked":
      case "overridden":
        return [];
    }
  });
}

function builtIn(plugin: Plugin): Candidate {
  return {
    name: plugin.name,
    source: "built in",
    ask: (question, options) => ({
      answers: askPlugin(plugin, question, options),
      claims: plugin.protectedKeys ?? [],
      log: [],
    }),
  };
}

/** In a process of its own; a second time if it turns out to read files. */
function external(
  name: string,
  source: string,
  file: { readonly text: string; readonly language: "js" | "ts" },
  config: PluginSettings,
  run: PluginSources["run"],
): Candidate {
  const { text, language } = file;
  return {
    name,
    source,
    ask(question, options) {
      const request = { name, text, language, question, timeLimit: config.timeLimit };
      const first = run({ ...request, files: null });
      const last = first.kind === "reads"
        ? run({ ...request, files: options.files(first.promises.reads) })
        : first;
      if (last.kind !== "answers") throw pluginFault("The plugin asked for its files twice");
      return { answers: last.answers, claims: last.promises.protectedKeys, log: last.log };
    },
  };
}

function broken(name: string, source: string, message: string, hint?: string): Candidate {
  return {
    name,
    source,
    ask: () => {
      throw pluginFault(message, hint);
    },
  };
}

function askAboutPlan(candidate: Candidate, input: PluginInput, before: PluginOutcome): PluginOutcome {
  try {
    const plan = { ...input.draft, tokens: before.tokens };
    const reply = candidate.ask(
      question(candidate, input, { kind: "plan", plan }),
      askOptions(candidate, input, before.reports),
    );
    const log = [...before.log, ...reply.log.map((text) => ({ plugin: candidate.name, text }))];
    if (!reply.answers.matches) return { ...before, log };
    return adopt(candidate, reply, input, { ...before, log });
  } catch (error) {
    return { ...before, findings: [...before.findings, failure(candidate, error, input.config)] };
  }
}

/** All of a plugin's answers, or, by throwing, none. */
function adopt(candidate: Candidate, reply: Reply, input: PluginInput, before: PluginOutcome): PluginOutcome {
  const { answers } = reply;
  const edited = applyEdits(
    before.tokens,
    answers.cmdline,
    rightsOf(candidate, reply.claims, input.config),
    before.reports,
  );
  if (answers.deviceTree !== null) checkDeviceTree(input.host, answers.deviceTree, input.draft);
  const size = initrdSize(answers.initrd);
  if (size > INITRD_LIMIT) {
    throw pluginFault(`Hook initrd answered ${size} bytes of files, expected at most ${INITRD_LIMIT}`);
  }
  const actions = answers.quiesce.map((action) => planAction(candidate.name, action));
  const report: PluginReport = {
    name: candidate.name,
    source: candidate.source,
    edits: edited.reports,
    deviceTree: answers.deviceTree,
    initrd: answers.initrd.map((entry) => entry.path),
    quiesce: actions.map((action) => action.summary),
  };
  return {
    ...before,
    tokens: edited.tokens,
    deviceTree: answers.deviceTree ?? before.deviceTree,
    initrds: answers.initrd.length === 0
      ? before.initrds
      : [...before.initrds, { plugin: candidate.name, entries: answers.initrd }],
    findings: [...before.findings, ...answers.findings.map((finding) => asFinding(candidate, finding))],
    reports: [...before.reports, report],
    quiesce: [...before.quiesce, ...actions],
  };
}

type CommonInput = Pick<PluginInput, "host" | "facts" | "config">;

function question(candidate: Candidate, input: CommonInput, subject: Question["subject"]): Question {
  return { host: input.facts, section: input.config.options[candidate.name] ?? null, subject };
}

function askOptions(
  candidate: Candidate,
  input: CommonInput,
  earlier: readonly PluginReport[],
): AskOptions {
  // Whether a protected key may be edited is judged once, when the answers are adopted.
  const rights = { plugin: candidate.name, claims: PROTECTED_KEYS, allowed: true };
  return {
    files: (patterns) => readPatterns(input.host, patterns, candidate.source === "built in"),
    edit: (tokens, edits) => applyEdits(tokens, edits, rights, earlier).tokens,
  };
}

function rightsOf(candidate: Candidate, claims: readonly string[], config: PluginSettings): EditRights {
  return {
    plugin: candidate.name,
    claims,
    allowed: config.mayEditProtected.includes(candidate.name),
  };
}

function asFinding(candidate: Candidate, finding: PluginFinding): Finding {
  const own = candidate.source === "built in" ? finding.id : undefined;
  return {
    id: own ?? (finding.level === "refuse" ? "plugin-veto" : "plugin-note"),
    level: finding.level,
    message: finding.message,
    origin: `plugin:${candidate.name}`,
    hint: finding.hint ?? null,
  };
}

function failure(candidate: Candidate, error: unknown, config: PluginSettings): Finding {
  const place = candidate.source === "built in" ? "built in" : candidate.source;
  return {
    id: "plugin-failed",
    level: config.onFailure,
    message: `Plugin ${candidate.name} (${place}) failed and is left out: ${messageOf(error)}`,
    origin: `plugin:${candidate.name}`,
    hint: (error instanceof KexecError ? error.hint : null) ??
      `Mend the plugin, or add "${candidate.name}" to plugins.disabled`,
  };
}
