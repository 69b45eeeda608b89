/**
 * Asking a plugin: its options, whether it matches, then one hook after the other. The same code asks built-in
 * plugins in this process and external ones in a process of their own.
 *
 * @module
 */
import { messageOf } from "../lib/errors.ts";
import type { HostFacts } from "../host/facts.ts";
import type {
  BootReport,
  ConfirmContext,
  Edit,
  HookName,
  InitrdEntry,
  Plugin,
  PluginFinding,
  QuiesceAction,
} from "./api.ts";
import type { PlanDraft, Token } from "./draft.ts";
import { pluginFault } from "./fault.ts";

/** What a plugin is told. Plain data. */
export interface Question {
  readonly host: HostFacts;
  /** The plugin's section of the configuration, null if there is none. */
  readonly section: Readonly<Record<string, unknown>> | null;
  readonly subject:
    | { readonly kind: "plan"; readonly plan: PlanDraft }
    | { readonly kind: "boot"; readonly boot: BootReport };
}

/** What a plugin answers. Plain data; opinions it does not have are null or empty. */
export interface Answers {
  readonly matches: boolean;
  readonly cmdline: readonly Edit[];
  readonly deviceTree: string | null;
  readonly initrd: readonly InitrdEntry[];
  readonly findings: readonly PluginFinding[];
  readonly quiesce: readonly QuiesceAction[];
}

export const NO_ANSWERS: Answers = {
  matches: false,
  cmdline: [],
  deviceTree: null,
  initrd: [],
  findings: [],
  quiesce: [],
};

export interface AskOptions {
  /** The files that the plugin's `reads` names. */
  readonly files: (patterns: readonly string[]) => Readonly<Record<string, string>>;
  /** The tokens as these edits leave them, so that the plugin's later hooks see them. */
  readonly edit: (tokens: readonly Token[], edits: readonly Edit[]) => readonly Token[];
  /** Told what is about to run: a hook, `options` or `matches`. */
  readonly entering?: (step: string) => void;
}

/**
 * Ask a plugin everything that the question is about.
 *
 * @throws {KexecError} `plugin-failed` with the plugin's own words, or saying what it got wrong.
 */
export function askPlugin(plugin: Plugin, question: Question, ask: AskOptions): Answers {
  const enter = ask.entering ?? (() => {});
  enter("options");
  const options = optionsOf(plugin, question.section);
  const context = { host: question.host, options };
  enter("matches");
  const matches = guard("matches", () => plugin.matches(context));
  if (matches !== true) {
    if (matches === false) return NO_ANSWERS;
    throw pluginFault(`matches answered ${nameOf(matches)}, expected true or false`);
  }
  const files = ask.files(plugin.reads ?? []);
  if (question.subject.kind === "boot") {
    enter("confirm");
    const boot: ConfirmContext = { ...context, files, boot: question.subject.boot };
    const findings = list("confirm", () => plugin.hooks.confirm?.(boot));
    return { ...NO_ANSWERS, matches: true, findings };
  }

  const { plan } = question.subject;
  enter("cmdline");
  const cmdline = list("cmdline", () => plugin.hooks.cmdline?.({ ...context, files, plan }));
  const tokens = cmdline.length === 0 ? plan.tokens : ask.edit(plan.tokens, cmdline);
  const later = { ...context, files, plan: { ...plan, tokens } };
  enter("deviceTree");
  const deviceTree = guard("deviceTree", () => plugin.hooks.deviceTree?.(later)) ?? null;
  if (deviceTree !== null && typeof deviceTree !== "string") {
    throw pluginFault(`Hook deviceTree answered ${nameOf(deviceTree)}, expected a path or null`);
  }
  enter("initrd");
  const initrd = list("initrd", () => plugin.hooks.initrd?.(later));
  enter("check");
  const findings = list("check", () => plugin.hooks.check?.(later));
  enter("quiesce");
  const quiesce = list("quiesce", () => plugin.hooks.quiesce?.(later));
  return { matches: true, cmdline, deviceTree, initrd, findings, quiesce };
}

function optionsOf(plugin: Plugin, section: Question["section"]): unknown {
  if (plugin.options !== undefined) {
    const options = plugin.options.bind(plugin);
    return guard("options", () => options(section ?? {}));
  }
  if (section === null) return null;
  throw pluginFault(
    `Cannot use [plugins.${plugin.name}]: the plugin takes no options, and the configuration sets ${
      Object.keys(section).join(", ") || "an empty section"
    }`,
  );
}

function list<T>(hook: HookName, run: () => readonly T[] | null | undefined | void): readonly T[] {
  const answer = guard(hook, run) ?? [];
  if (Array.isArray(answer)) return answer;
  throw pluginFault(`Hook ${hook} answered ${nameOf(answer)}, expected a list or null`);
}

function guard<T>(step: string, run: () => T): T {
  let answer: T;
  try {
    answer = run();
  } catch (error) {
    throw pluginFault(`${stepName(step)} threw: ${messageOf(error)}`);
  }
  if (answer instanceof Promise) {
    throw pluginFault(`${stepName(step)} answered a promise: hooks answer at once`);
  }
  return answer;
}

function stepName(step: string): string {
  return step === "options" || step === "matches" ? step : `Hook ${step}`;
}

function nameOf(value: unknown): string {
  if (value === null) return "null";
  if (Array.isArray(value)) return "a list";
  return typeof value === "object" ? "an object" : `${typeof value} ${String(value).slice(0, 40)}`;
}
