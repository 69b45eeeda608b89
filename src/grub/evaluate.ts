/**
 * Evaluates GRUB configurations as GRUB would: the public face of this folder.
 *
 * @module
 */
import { fromBytes, fromUnicode, toUnicode } from "./bytes.ts";
import { presetVariables } from "./commands/language.ts";
import { type CommandSet, flatcarCommands } from "./commands/registry.ts";
import { Diagnostics } from "./diagnostics.ts";
import { emptyEnvironment, type GrubEnvironment } from "./environment.ts";
import { GRUB_ORIGIN, Interpreter, Recording } from "./interpreter.ts";
import { BoundReached, Budget, DEFAULT_LIMITS, type GrubLimits } from "./limits.ts";
import { runMenu } from "./menu_choice.ts";
import { type GrubCpu, type GrubPlatform, initialVariables } from "./platform.ts";
import type { GrubResult, GrubVariable } from "./result.ts";
import { fileSource } from "./source_text.ts";
import { spansOf } from "./spans.ts";
import { traced } from "./traced.ts";

export interface ScriptOptions {
  readonly platform: GrubPlatform;
  readonly cpu: GrubCpu;
  /** Values that variables have before the first line. */
  readonly variables?: Readonly<Record<string, string>>;
  readonly limits?: Partial<GrubLimits>;
  /** Default: a machine with nothing in it. */
  readonly environment?: GrubEnvironment;
  /** Default: those of Flatcar's GRUB on that platform. */
  readonly commands?: CommandSet;
  /**
   * Whether this is Flatcar's GRUB 2.12, which keeps `\xHH` as it is where older GRUBs drop or double the
   * backslash. Default: true.
   */
  readonly hexEscapes?: boolean;
}

export interface EvaluateInput extends ScriptOptions {
  /** The main configuration, under the name that origins are to show: `grub.cfg`. */
  readonly main: { readonly name: string; readonly bytes: Uint8Array };
  readonly environment: GrubEnvironment;
  /** Boot this entry (id, title, index or `a>b`) whatever `default` says. */
  readonly entry?: string;
}

/** Evaluates a main configuration and boots an entry of its menu. Never throws. */
export function evaluate(input: EvaluateInput): GrubResult {
  return run(input.main, input, { menu: true, entry: input.entry ?? null, main: input.main.name });
}

/** Runs one script, without a menu: `grub run`. */
export function runScript(
  file: { readonly name: string; readonly bytes: Uint8Array },
  options: ScriptOptions,
): GrubResult {
  return run(file, options, { menu: false, entry: null, main: null });
}

/** Machines that Flatcar boots on, as an OEM file may tell them apart. */
const TARGETS: readonly { readonly platform: GrubPlatform; readonly cpu: GrubCpu; readonly name: string }[] =
  [
    { platform: "efi", cpu: "x86_64", name: "UEFI, x86_64" },
    { platform: "efi", cpu: "arm64", name: "UEFI, arm64" },
    { platform: "pc", cpu: "i386", name: "BIOS" },
  ];

/**
 * Runs an OEM file on its own, for what is wrong with it: `grub check`. It is read as Flatcar's main
 * configuration would read it, which is called `grub.cfg` in the diagnostics. What is wrong on another kind of
 * machine only is told as well, with that machine's name.
 */
export function checkScript(
  file: { readonly name: string; readonly bytes: Uint8Array },
  options: ScriptOptions,
): GrubResult {
  const mode: Mode = { menu: false, entry: null, main: "grub.cfg" };
  const result = run(file, options, mode);
  const found = [...result.diagnostics];
  const known = new Set(found.map(({ id, line }) => `${id}\0${line}`));
  for (const { platform, cpu, name } of TARGETS) {
    if (platform === options.platform && cpu === options.cpu) continue;
    for (const diagnostic of run(file, { ...options, platform, cpu }, mode).diagnostics) {
      const key = `${diagnostic.id}\0${diagnostic.line}`;
      if (known.has(key)) continue;
      known.add(key);
      found.push({ ...diagnostic, message: `${diagnostic.message} (on ${name})` });
    }
  }
  return { ...result, diagnostics: found.sort((a, b) => a.line - b.line) };
}

interface Mode {
  readonly menu: boolean;
  readonly entry: string | null;
  /** Name of the main configuration, null if there is none. */
  readonly main: string | null;
}

function run(
  file: { readonly name: string; readonly bytes: Uint8Array },
  options: ScriptOptions,
  mode: Mode,
): GrubResult {
  const limits: GrubLimits = { ...DEFAULT_LIMITS, ...options.limits };
  const environment = options.environment ?? emptyEnvironment();
  const diagnostics = new Diagnostics(limits);
  const recording = new Recording(limits.output);
  const budget = new Budget(limits);
  const interpreter = new Interpreter({
    environment,
    commands: options.commands ?? flatcarCommands(options.platform),
    parser: { hexEscapes: options.hexEscapes ?? true, budget },
    budget,
    diagnostics,
    recording,
  });
  interpreter.mainFile = mode.main;
  diagnostics.mainFile = mode.main;
  diagnostics.hasMenu = mode.menu;
  presetVariables(interpreter, initialVariables(options.platform, options.cpu, environment.bootDevice));
  presetVariables(interpreter, options.variables ?? {});
  let bounded = false;
  try {
    const content = fromBytes(file.bytes);
    diagnostics.addFile(file.name, content.slice(0, limits.fileSize));
    interpreter.budget.file(file.bytes.length);
    interpreter.inspectFile(file.name, content);
    interpreter.runText(fileSource(file.name, content), "goOn");
    if (mode.menu) {
      if (mode.entry !== null) {
        interpreter.assign("default", traced(fromUnicode(mode.entry), GRUB_ORIGIN), GRUB_ORIGIN, "--entry");
      }
      runMenu(interpreter);
      if (mode.entry === null) diagnostics.bypassedCounters(interpreter);
    }
  } catch (error) {
    if (!(error instanceof BoundReached)) throw error;
    bounded = true;
    diagnostics.bound(error.bound, limits[error.bound], interpreter.here);
  }
  if (diagnostics.dropped > 0) {
    diagnostics.add(interpreter.here, {
      id: "bound-reached",
      level: "refuse",
      message: `${diagnostics.dropped} more diagnostics are not shown: this is hardly a GRUB configuration`,
    });
  }
  return resultOf(interpreter, bounded);
}

function resultOf(interpreter: Interpreter, bounded: boolean): GrubResult {
  const { recording, diagnostics, menu } = interpreter;
  return {
    output: recording.output,
    transcript: recording.transcript,
    errors: recording.errors,
    end: bounded ? "bounded" : interpreter.stop ?? "done",
    bounded: bounded || diagnostics.dropped > 0,
    linux: recording.linux,
    initrds: recording.initrds,
    entryPath: menu.path,
    entry: menu.path.at(-1) ?? null,
    defaultEntry: menu.defaultEntry,
    entries: menu.entries,
    gptprio: recording.gptprio,
    diagnostics: diagnostics.found,
    variables: variablesOf(interpreter),
    assignments: recording.assignments,
    files: recording.files,
  };
}

function variablesOf(interpreter: Interpreter): readonly GrubVariable[] {
  const histories = new Map<string, number[]>();
  for (const { name, index } of interpreter.recording.assignments) {
    const history = histories.get(name);
    if (history === undefined) histories.set(name, [index]);
    else history.push(index);
  }
  return [...interpreter.variables.entries()].map(([name, { value }]): GrubVariable => ({
    name: toUnicode(name),
    value: toUnicode(value.text),
    spans: spansOf(value),
    history: histories.get(toUnicode(name)) ?? [],
  })).sort((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0));
}
