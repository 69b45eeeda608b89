/**
 * The process in which one external plugin runs: the program itself, started again as an unprivileged user. A
 * request comes in on standard input, messages go out on descriptor 3, and standard output and error are the
 * plugin's own.
 *
 * Each message is a line that begins with the request's nonce, so that what a plugin prints is not mistaken for an
 * answer. The nonce keeps out accidents. It keeps no secret from a determined plugin, and does not need to: the
 * other side checks every answer for what a plugin may ask for.
 *
 * @module
 */
import { readSync, writeFileSync, writeSync } from "node:fs";
import process from "node:process";
import { KexecError, messageOf } from "../lib/errors.ts";
import { type Answers, askPlugin, type Question } from "./ask.ts";
import { applyEdits, PROTECTED_KEYS } from "./edits.ts";
import { pluginFault } from "./fault.ts";
import { foreignImports } from "./imports.ts";
import { expectPlugin, strangeHooks } from "./manifest.ts";
import { HOOK_NAMES, type Plugin } from "./api.ts";

/** What the parent sends. Both sides are this program, so the shape is not checked again. */
export interface ChildRequest {
  readonly nonce: string;
  /** The name that the file has, and the plugin must have. */
  readonly name: string;
  readonly language: "js" | "ts";
  readonly text: string;
  /** Null: only what the plugin says of itself is wanted. */
  readonly question: Question | null;
  /** Null in the first round: then a plugin that reads files says which. */
  readonly files: Readonly<Record<string, string>> | null;
}

const ANSWER_DESCRIPTOR = 3;

/** Thrown to leave {@link askPlugin} where the files are not there yet. */
class NeedsFiles extends Error {}

/** Never comes back. */
export async function runPluginProcess(): Promise<never> {
  // Taken before the plugin can put others in their place.
  const { exit } = process;
  const { stringify } = JSON;
  const request: ChildRequest = JSON.parse(readAll(0));
  const say = (message: unknown) => send(`${request.nonce} ${stringify(message)}\n`);
  const leave = exit.bind(process);

  let dropped: string | null = null;
  process.on("unhandledRejection", (reason) => {
    dropped ??= messageOf(reason);
  });
  try {
    if (process.geteuid?.() === 0) throw pluginFault("Cannot run the plugin: this process is still root");
    beFirstToGo();
    for (const name of Object.keys(process.env)) delete process.env[name];
    const plugin = await load(request);
    if (dropped !== null) throw pluginFault(`The plugin dropped a rejected promise: ${dropped}`);
    const promises = {
      protectedKeys: plugin.protectedKeys ?? [],
      reads: plugin.reads ?? [],
      description: plugin.description,
    };
    const { question } = request;
    if (question === null) {
      const hooks = HOOK_NAMES.filter((hook) => plugin.hooks[hook] !== undefined);
      say({ kind: "manifest", promises, hooks, strangeHooks: strangeHooks(plugin) });
      return leave(0);
    }
    let answers: Answers;
    try {
      answers = ask(plugin, question, request.files, (step) => say({ kind: "step", step }));
    } catch (error) {
      if (!(error instanceof NeedsFiles)) throw error;
      say({ kind: "reads", promises });
      return leave(0);
    }
    say({ kind: "answers", promises, answers });
  } catch (error) {
    say({ kind: "fault", message: messageOf(error), hint: error instanceof KexecError ? error.hint : null });
  }
  return leave(0);
}

function ask(
  plugin: Plugin,
  question: Question,
  files: ChildRequest["files"],
  entering: (step: string) => void,
): Answers {
  return askPlugin(plugin, question, {
    entering,
    files: (patterns) => {
      if (patterns.length === 0) return {};
      if (files === null) throw new NeedsFiles();
      return files;
    },
    // Rights and shapes are judged by the parent; here the plugin's later hooks only see what it asked for.
    edit: (tokens, edits) => {
      try {
        return applyEdits(tokens, edits, { plugin: plugin.name, claims: PROTECTED_KEYS, allowed: true })
          .tokens;
      } catch {
        return tokens;
      }
    },
  });
}

/** From the text itself, as a data: URL: no file can be swapped between the check and the run. */
async function load(request: ChildRequest): Promise<Plugin> {
  const foreign = foreignImports(request.text, request.language);
  if (foreign.length > 0) throw importFault(foreign.join(", "));
  const type = request.language === "ts" ? "text/typescript" : "text/javascript";
  const url = `data:${type};base64,${Buffer.from(request.text, "utf8").toString("base64")}`;
  let module: { readonly default?: unknown };
  try {
    module = await import(url);
  } catch (error) {
    const message = importMessage(error);
    if (/cannot find|not found|unable to resolve|relative (import|URL)/i.test(message)) {
      throw importFault(message);
    }
    throw pluginFault(`Cannot load the plugin: ${message.replaceAll(url, "the plugin")}`);
  }
  const plugin = expectPlugin(module.default);
  if (plugin.name === request.name) return plugin;
  throw pluginFault(
    `Cannot use the plugin: it is named ${JSON.stringify(plugin.name)}, and its file ${
      JSON.stringify(request.name)
    }`,
    "Name and file name go together: configuration, overriding and masking go by them",
  );
}

function importFault(what: string): KexecError {
  return pluginFault(
    `Cannot load the plugin: it imports ${what}, and a plugin is one file that may import node: modules only`,
    "Bundle it first: bun build --target=bun --format=esm acme.ts --outfile acme.js",
  );
}

/** Bun's syntax errors are an AggregateError with the places inside. */
function importMessage(error: unknown): string {
  if (error instanceof AggregateError) return error.errors.map(messageOf).join("; ");
  return messageOf(error);
}

/** If memory runs out while the plugin runs, the kernel is to take this process, not the host's services. */
function beFirstToGo(): void {
  try {
    writeFileSync("/proc/self/oom_score_adj", "1000");
  } catch {
    // Only a precaution.
  }
}

function send(text: string): void {
  const bytes = Buffer.from(text, "utf8");
  for (let sent = 0; sent < bytes.length;) sent += writeSync(ANSWER_DESCRIPTOR, bytes, sent);
}

function readAll(fd: number): string {
  const chunks: Buffer[] = [];
  for (;;) {
    const chunk = Buffer.alloc(1 << 16);
    const length = readSync(fd, chunk, 0, chunk.length, null);
    if (length === 0) return Buffer.concat(chunks).toString("utf8");
    chunks.push(chunk.subarray(0, length));
  }
}
