/**
 * Runs GRUB scripts: expansion, control flow, functions, and the commands of `commands/`.
 *
 * Nothing that a script contains makes it throw; the one exception that passes through is
 * {@link BoundReached}, which evaluate.ts turns into a diagnostic.
 *
 * @module
 */
import { toUnicode } from "./bytes.ts";
import type { CommandSet } from "./commands/registry.ts";
import type { Diagnostics } from "./diagnostics.ts";
import type { GrubEnvironment } from "./environment.ts";
import { expandWords } from "./expand.ts";
import { BoundReached, type Budget } from "./limits.ts";
import { type ParserOptions, parseUnit } from "./parser.ts";
import type { Assignment, GptprioCall, InitrdCommand, LinuxCommand, MenuEntry, Origin } from "./result.ts";
import type { SourceText } from "./source_text.ts";
import { STATUS } from "./status.ts";
import type { Block, Command, SimpleCommand } from "./syntax.ts";
import { NOTHING, sliceTraced as sliceOf, throughVariable, type Traced, traced, type Via } from "./traced.ts";

/** Where GRUB's own values come from. */
export const GRUB_ORIGIN: Origin = { file: "GRUB", line: 0 };

export interface Variable {
  readonly value: Traced;
  readonly assignment: number | null;
  readonly exported: boolean;
}

export interface RegisteredEntry {
  readonly id: string;
  readonly title: string;
  readonly submenu: boolean;
  /** `$1` and following of its body; the first is the title. */
  readonly parameters: readonly Traced[];
  readonly body: readonly Command[];
  readonly origin: Origin;
}

/** Which command left something open that GRUB alone knows. */
interface LeftOpen {
  readonly command: string;
  readonly origin: Origin;
}

/** How a call of a command looks to the command. */
export interface Call {
  readonly name: string;
  /** Without the name; a block is the last one, as text. */
  readonly args: readonly Traced[];
  readonly block: Block | null;
  readonly origin: Origin;
  /** Whether its status decides something: a condition, or a `!`. */
  readonly decides: boolean;
  /** Behind a `!`. */
  readonly inverted: boolean;
}

export type Stop = "boot" | "exit" | "waits";

export interface MenuState {
  defaultEntry: string;
  /** Line that set `default`. */
  defaultOrigin: Origin;
  entries: readonly MenuEntry[];
  path: readonly MenuEntry[];
}

/** Everything that an evaluation collects. */
export class Recording {
  readonly assignments: Assignment[] = [];
  readonly gptprio: GptprioCall[] = [];
  readonly initrds: InitrdCommand[] = [];
  readonly files: string[] = [];
  linux: LinuxCommand | null = null;
  errors = 0;
  #output = "";
  #transcript = "";
  #postponed: string | null = null;
  readonly #limit: number;

  constructor(limit: number) {
    this.#limit = limit;
  }

  get output(): string {
    return this.#output;
  }

  get transcript(): string {
    return this.#transcript;
  }

  print(text: string): void {
    if (this.#output.length + text.length > this.#limit) throw new BoundReached("output");
    this.#output += text;
    this.#transcript += text;
  }

  /** An error that GRUB has in mind, and prints once the line is done unless another takes its place. */
  postpone(message: string): void {
    this.#postponed = message;
  }

  forget(): void {
    this.#postponed = null;
  }

  endOfLine(): void {
    if (this.#postponed !== null) this.error(this.#postponed);
  }

  error(message: string): void {
    this.#postponed = null;
    if (this.#transcript.length > 2 * this.#limit) throw new BoundReached("output");
    this.errors++;
    this.#transcript += `error: ${message}\n`;
  }
}

export interface InterpreterOptions {
  readonly environment: GrubEnvironment;
  readonly commands: CommandSet;
  readonly parser: ParserOptions;
  readonly budget: Budget;
  readonly diagnostics: Diagnostics;
  readonly recording: Recording;
}

const NAME_CANNOT_START_WITH = /^[0-9@*#]/;

export class Interpreter {
  readonly options: InterpreterOptions;
  readonly environment: GrubEnvironment;
  readonly diagnostics: Diagnostics;
  readonly recording: Recording;
  readonly budget: Budget;
  readonly functions = new Map<string, readonly Command[]>();
  /** Entries of the current menu. */
  entries: RegisteredEntry[] = [];
  variables = new Map<string, Variable>();
  /** `$?` */
  status = 0;
  stop: Stop | null = null;
  /** The file read last. */
  file = "";
  /** Name of the main configuration, null if a file runs on its own. */
  mainFile: string | null = null;
  #reading: { readonly source: SourceText; readonly at: number } | null = null;
  readonly menu: MenuState = { defaultEntry: "", defaultOrigin: GRUB_ORIGIN, entries: [], path: [] };
  /** null outside functions and menu entries. */
  #parameters: readonly Traced[] | null = null;
  #loops = 0;
  /** Loops still to be left. */
  #breaking = 0;
  /** The last of them goes on with its next round. */
  #continuing = false;
  #returning = false;
  #deciding = 0;
  /** Line of the command whose words are expanded. */
  #at: Origin = GRUB_ORIGIN;
  readonly #openVariables = new Map<string, LeftOpen>();
  /** Of `$?`; null: it is known. */
  #openStatus: LeftOpen | null = null;

  constructor(options: InterpreterOptions) {
    this.options = options;
    this.environment = options.environment;
    this.diagnostics = options.diagnostics;
    this.recording = options.recording;
    this.budget = options.budget;
  }

  /** About where the evaluation is. */
  get here(): Origin {
    return this.#reading === null ? GRUB_ORIGIN : this.#reading.source.originAt(this.#reading.at);
  }

  // Variables

  get parameters(): readonly Traced[] {
    return this.#parameters ?? [];
  }

  set parameters(parameters: readonly Traced[]) {
    this.#parameters = parameters;
  }

  /** Whether there are positional parameters: in functions and menu entries. */
  get inFunction(): boolean {
    return this.#parameters !== null;
  }

  /** Text of a variable, empty if it has none. */
  get(name: string): string {
    const open = this.#openVariables.get(name);
    if (open !== undefined) this.#refuseOpen(name, open, open.origin);
    return this.variables.get(name)?.value.text ?? "";
  }

  value(name: string): Traced | null {
    const open = name === "?" ? this.#openStatus : this.#openVariables.get(name) ?? null;
    if (open !== null) this.#refuseOpen(name, open, this.#at);
    switch (name) {
      case "?":
        return traced(String(this.status), GRUB_ORIGIN);
      case "#":
        return this.#parameters === null ? null : traced(String(this.#parameters.length), GRUB_ORIGIN);
    }
    const first = name.charCodeAt(0);
    if (first >= 0x30 && first <= 0x39) {
      const parameter = this.#parameters?.[Number(name) - 1];
      return parameter === undefined ? null : throughVariable(parameter, name, null);
    }
    const variable = this.variables.get(name);
    return variable === undefined ? null : throughVariable(variable.value, name, variable.assignment);
  }

  /** Line that gave a variable its value. */
  originOf(name: string): Origin {
    const index = this.variables.get(name)?.assignment ?? null;
    return (index === null ? null : this.recording.assignments[index]?.origin) ?? GRUB_ORIGIN;
  }

  assign(name: string, value: Traced, origin: Origin, by: string): void {
    if (name === "?") return;
    this.#openVariables.delete(name);
    const before = this.variables.get(name);
    const kept = name === "root" ? withoutParentheses(value) : value;
    const { assignments } = this.recording;
    const index = assignments.length;
    assignments.push({
      index,
      name: toUnicode(name),
      value: toUnicode(kept.text),
      origin,
      by,
      replaced: before?.assignment ?? null,
      extends: before !== undefined && before.assignment !== null && usesAssignment(kept, before.assignment),
    });
    this.variables.set(name, { value: kept, assignment: index, exported: before?.exported ?? false });
  }

  unset(name: string, origin: Origin): void {
    this.#openVariables.delete(name);
    const before = this.variables.get(name);
    if (before === undefined) return;
    const { assignments } = this.recording;
    assignments.push({
      index: assignments.length,
      name: toUnicode(name),
      value: "",
      origin,
      by: "unset",
      replaced: before.assignment,
      extends: false,
    });
    this.variables.delete(name);
  }

  exportName(name: string): void {
    const variable = this.variables.get(name);
    if (variable === undefined) {
      this.variables.set(name, { value: NOTHING, assignment: null, exported: true });
    } else {
      this.variables.set(name, { ...variable, exported: true });
    }
  }

  /** A value from before the first line. */
  preset(name: string, value: string, origin: Origin): void {
    this.variables.set(name, { value: traced(value, origin), assignment: null, exported: true });
  }

  /** Runs something with its own menu and without the variables that are not exported. */
  inNewContext(run: () => void): void {
    const saved = { variables: this.variables, entries: this.entries };
    this.variables = new Map([...saved.variables].filter(([, variable]) => variable.exported));
    this.entries = [];
    run();
    if (this.halted) return;
    this.variables = saved.variables;
    this.entries = saved.entries;
  }

  // What GRUB alone knows

  /** A command may have given a variable a value: whatever uses that value refuses, until it has another. */
  leaveVariableOpen(name: string, call: Call): void {
    this.#openVariables.set(name, { command: call.name, origin: call.origin });
  }

  /**
   * The outcome of a command is not known: a refusal where it decides, at once or by `$?`.
   *
   * @param reason Why, a sentence without its full stop; null: the command cannot be reproduced.
   */
  leaveStatusOpen(call: Call, reason: string | null): void {
    this.#openStatus = { command: call.name, origin: call.origin };
    const name = toUnicode(call.name);
    const tail = reason === null ? "" : `: ${reason}`;
    this.diagnostics.add(call.origin, {
      id: "command-not-modelled",
      level: call.decides ? "refuse" : "warn",
      message: call.decides
        ? `the outcome of \`${name}\` decides here, and nobody can know it but GRUB${tail}`
        : `\`${name}\` is passed over: what it does cannot be reproduced${tail}`,
    });
  }

  #refuseOpen(name: string, open: LeftOpen, origin: Origin): void {
    const { command, origin: { file, line } } = open;
    this.diagnostics.add(origin, {
      id: "unknown-value",
      level: "refuse",
      message: `\`$${toUnicode(name)}\` is used here, whose value nobody can know but GRUB: ` +
        `it comes of \`${toUnicode(command)}\` in ${file}:${line}`,
    });
  }

  // Messages

  print(text: string): void {
    this.recording.print(text);
  }

  /** Prints an error as GRUB does and gives the status back. */
  fail(message: string, status: number): number {
    this.recording.error(message);
    return status;
  }

  // Running

  /** Whether anything keeps the next command from running. */
  get halted(): boolean {
    return this.stop !== null;
  }

  /** Runs a whole text; `eval` gives up at the first syntax error, a file does not. */
  runText(source: SourceText, atFault: "goOn" | "giveUp"): number {
    const defineFunction = (name: string, body: readonly Command[]): void => {
      this.functions.set(name, body);
    };
    let status: number = STATUS.ok;
    let at = 0;
    while (!this.halted) {
      if (at < source.text.length) this.#reading = { source, at };
      const unit = parseUnit(source, at, this.options.parser, defineFunction);
      if (unit === null) break;
      this.budget.step();
      at = unit.next;
      if (unit.kind === "fault") {
        for (const message of unit.messages) this.recording.error(message);
        this.diagnostics.syntaxFault(unit, source);
        if (atFault === "giveUp") break;
      } else {
        status = this.runCommands(unit.commands);
        this.recording.endOfLine();
      }
    }
    return status;
  }

  /** Looks at a file before it runs, for what makes no sense as a script. */
  inspectFile(name: string, content: string): void {
    this.file = name;
    this.diagnostics.fileContent(name, content);
  }

  isMainFile(name: string): boolean {
    return this.mainFile !== null && name === this.mainFile;
  }

  /** The result is the status of the last one that ran. */
  runCommands(commands: readonly Command[]): number {
    let status: number = STATUS.ok;
    for (const command of commands) {
      if (this.halted || this.#breaking > 0) break;
      status = this.#run(command);
      this.status = status;
      if (this.#returning) break;
    }
    return status;
  }

  #run(command: Command): number {
    this.budget.step();
    switch (command.kind) {
      case "simple":
        return this.#simple(command);
      case "if":
        return this.#if(command);
      case "loop":
        return this.#loop(command);
      case "for":
        return this.#for(command);
    }
  }

  #condition(commands: readonly Command[]): number {
    this.#deciding++;
    const status = this.runCommands(commands);
    if (status !== STATUS.ok) this.recording.forget();
    this.#deciding--;
    return status;
  }

  get #interrupted(): boolean {
    return this.halted || this.#breaking > 0 || this.#returning;
  }

  #if(command: Command & { kind: "if" }): number {
    for (const branch of command.branches) {
      const status = this.#condition(branch.condition);
      if (this.#interrupted) return status;
      if (status === STATUS.ok) return this.runCommands(branch.body);
    }
    return this.runCommands(command.otherwise);
  }

  /** After a round: whether the loop goes on. */
  #nextRound(): boolean {
    if (this.halted || this.#returning) return false;
    if (this.#breaking === 0) return true;
    this.#breaking--;
    return this.#breaking === 0 && this.#continuing;
  }

  #loop(command: Command & { kind: "loop" }): number {
    this.#loops++;
    let status: number = STATUS.ok;
    for (;;) {
      this.budget.step();
      status = this.#condition(command.condition);
      if (!this.#interrupted) {
        if ((status === STATUS.ok) === command.until) break;
        status = this.runCommands(command.body);
      }
      if (!this.#nextRound()) break;
    }
    this.#loops--;
    return status;
  }

  #for(command: Command & { kind: "for" }): number {
    this.#at = command.origin;
    const values = expandWords(command.words, this, this.budget);
    this.#loops++;
    let status: number = STATUS.ok;
    for (const value of values) {
      this.budget.step();
      this.assign(command.variable, value, command.origin, "for");
      status = this.runCommands(command.body);
      if (!this.#nextRound()) break;
    }
    this.#loops--;
    return status;
  }

  #simple(command: SimpleCommand): number {
    this.#at = command.origin;
    const args = expandWords(command.words, this, this.budget);
    // `return` alone hands on the status of the command before it.
    if (args[0]?.text !== "return") this.#openStatus = null;
    if (command.block !== null) args.push(command.block.text);
    let first = args[0];
    if (first === undefined) return STATUS.ok;
    let inverted = false;
    if (first.text === "!") {
      inverted = true;
      args.shift();
      first = args[0];
      if (first === undefined) {
        this.recording.postpone("no command is specified.");
        return STATUS.badArgument;
      }
    }
    const name = first.text;
    const call: Call = {
      name,
      args: args.slice(1),
      block: command.block,
      origin: command.origin,
      decides: inverted || this.#deciding > 0,
      inverted,
    };
    const found = this.options.commands.get(name);
    let status: number;
    if (found !== undefined) {
      status = found(this, call);
    } else {
      const body = this.functions.get(name);
      if (body !== undefined) status = this.#call(body, call);
      else return this.#assignmentOrUnknown(first, call);
    }
    if (inverted) return status === STATUS.ok ? STATUS.testFailed : STATUS.ok;
    return status;
  }

  /** A word with a `=` in it assigns; anything else is no command, which GRUB reports as a success. */
  #assignmentOrUnknown(word: Traced, call: Call): number {
    const equals = word.text.indexOf("=");
    if (equals < 0) return this.unknown(call);
    const name = word.text.slice(0, equals);
    if (NAME_CANNOT_START_WITH.test(name)) {
      this.recording.error(`invalid variable name \`${toUnicode(name)}'.`);
      return STATUS.ok;
    }
    this.diagnostics.assignment(name, word.text.slice(equals + 1), call, call.args.length);
    this.assign(name, sliceFrom(word, equals + 1), call.origin, "assignment");
    return STATUS.ok;
  }

  /** What GRUB does with a command that it does not have. */
  unknown(call: Call): number {
    this.recording.error(`can't find command \`${toUnicode(call.name)}'.`);
    this.diagnostics.unknownCommand(call, this.options.commands.has(call.name.toLowerCase()));
    return STATUS.ok;
  }

  /** A function has its own positional parameters, its own loops, and its own `return`. */
  #call(body: readonly Command[], call: Call): number {
    const status = this.runWith(call.args, body);
    this.#returning = false;
    return status;
  }

  /** Runs commands with positional parameters: a function's, or a menu entry's. */
  runWith(parameters: readonly Traced[], body: readonly Command[]): number {
    this.budget.enter();
    const saved = { parameters: this.#parameters, loops: this.#loops };
    this.#parameters = parameters;
    this.#loops = 0;
    const status = this.runCommands(body);
    this.#parameters = saved.parameters;
    this.#loops = saved.loops;
    this.budget.leave();
    return status;
  }

  // Control flow, for commands

  /** Leaves loops; more than there are is all of them. */
  breakLoops(count: number, goOn: boolean): void {
    if (this.#loops === 0) return;
    this.#breaking = Math.min(count, this.#loops);
    this.#continuing = goOn;
  }

  returnFromFunction(): void {
    this.#returning = true;
  }
}

function withoutParentheses(value: Traced): Traced {
  const { text } = value;
  return text.startsWith("(") && text.endsWith(")") ? sliceOf(value, 1, text.length - 1) : value;
}

function sliceFrom(value: Traced, start: number): Traced {
  return sliceOf(value, start, value.text.length);
}

function usesAssignment(value: Traced, assignment: number): boolean {
  return value.runs.some((run) => {
    let steps = 0;
    for (let via: Via | null = run.via; via !== null && steps < 4; via = via.next, steps++) {
      if (via.assignment === assignment) return true;
    }
    return false;
  });
}
