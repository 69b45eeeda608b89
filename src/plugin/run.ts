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
import { planAction, type PlannedAction } from "./quiesce.ts";
import { readPatterns } from "./reads.ts";
import { BUILT_IN } from "./registry.ts";
import type { PluginReport } from "./report.ts";

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

/** Where plugins come from; tests give their own. */
export interface PluginSources {
  readonly builtIn: readonly Plugin[];
}

const DEFAULT_SOURCES: PluginSources = { builtIn: BUILT_IN };

/** Ask every plugin that is not switched off, in order; each sees the plan as the earlier ones left it. */
export function runPlugins(input: PluginInput, sources: PluginSources = DEFAULT_SOURCES): PluginOutcome {
  let outcome: PluginOutcome = {
    tokens: input.draft.tokens,
    deviceTree: null,
    initrds: [],
    findings: [],
    reports: [],
    quiesce: [],
    log: [],
  };
  for (const candidate of candidates(input.config, sources)) {
    outcome = askAboutPlan(candidate, input, outcome);
  }
  return outcome;
}

/** Ask every plugin's confirm hook about the boot that has just happened. */
export function runConfirm(input: ConfirmInput, sources: PluginSources = DEFAULT_SOURCES): ConfirmOutcome {
  const findings: Finding[] = [];
  const log: PluginLogLine[] = [];
  for (const candidate of candidates(input.config, sources)) {
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

function candidates(config: PluginSettings, sources: PluginSources): readonly Candidate[] {
  return sources.builtIn.map(builtIn).filter((candidate) => !config.disabled.includes(candidate.name));
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
