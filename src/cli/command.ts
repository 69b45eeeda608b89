/**
 * The form of a command, and the strict reading of its arguments. citty parses and prints help, but takes any
 * option without a word; a mistyped `--alow` on a tool that reboots machines must not pass.
 *
 * @module
 */
import type { ArgsDef, CommandDef, ParsedArgs } from "citty";
import { type ExitCode, KexecError } from "../lib/errors.ts";
import { nearest } from "../lib/nearest.ts";
import type { Terminal } from "./terminal.ts";

export interface Invocation<T extends ArgsDef> {
  readonly args: ParsedArgs<T>;
  /** Every value given to an option that may be repeated, commas taken apart. */
  readonly all: (option: string) => readonly string[];
  /** Words that are neither options nor their values. */
  readonly positionals: readonly string[];
  readonly terminal: Terminal;
}

export interface Command<T extends ArgsDef = ArgsDef> {
  readonly name: string;
  readonly description: string;
  readonly args: T;
  /** Most positional words it takes; those with a name in `args` count. */
  readonly maxPositionals?: number;
  run(invocation: Invocation<T>): ExitCode | Promise<ExitCode>;
}

/** Identity, for inference. */
export function command<T extends ArgsDef>(definition: Command<T>): Command<T> {
  return definition;
}

/** Identity, for options that several commands share. */
export function defineArgs<T extends ArgsDef>(args: T): T {
  return args;
}

/** The same as citty has it, for its parser and its help page. */
export function toCitty<T extends ArgsDef>(definition: Command<T>, prefix = "flatcar-kexec"): CommandDef<T> {
  return {
    meta: { name: `${prefix} ${definition.name}`, description: definition.description },
    args: definition.args,
  };
}

export interface RawOptions {
  readonly options: readonly { readonly name: string; readonly value: string | null }[];
  readonly positionals: readonly string[];
}

/**
 * Take arguments apart by the definition.
 *
 * @throws {KexecError} `usage` for an option that is not defined, a missing or a superfluous value.
 */
export function readArguments(raw: readonly string[], definition: Command<ArgsDef>): RawOptions {
  const options: { name: string; value: string | null }[] = [];
  const positionals: string[] = [];
  const known = new Map(Object.entries(definition.args).filter(([, arg]) => arg.type !== "positional"));
  const fail = (why: string, hint?: string): never => {
    throw new KexecError("usage", `Cannot run '${definition.name}': ${why}`, {
      hint: hint ?? `see 'flatcar-kexec ${definition.name} --help'`,
    });
  };
  for (let i = 0; i < raw.length; i++) {
    const word = raw[i] ?? "";
    if (word === "--") {
      positionals.push(...raw.slice(i + 1));
      break;
    }
    if (!word.startsWith("-") || word === "-") {
      positionals.push(word);
      continue;
    }
    const equals = word.indexOf("=");
    const written = equals < 0 ? word : word.slice(0, equals);
    const name = written.startsWith("--") ? written.slice(2) : aliasTarget(known, written.slice(1));
    const arg = name === null ? undefined : known.get(name);
    if (name === null || arg === undefined) {
      const suggestion = nearest(written.replace(/^-+/, ""), [...known.keys()]);
      return fail(
        `unknown option '${written}'`,
        suggestion === null ? undefined : `did you mean '--${suggestion}'?`,
      );
    }
    if (arg.type === "boolean") {
      if (equals >= 0) return fail(`option '--${name}' takes no value, found '${word.slice(equals + 1)}'`);
      options.push({ name, value: null });
      continue;
    }
    const value = equals < 0 ? raw[++i] : word.slice(equals + 1);
    if (value === undefined || value === "") return fail(`option '--${name}' needs a value`);
    options.push({ name, value });
  }
  const named = Object.values(definition.args).filter((arg) => arg.type === "positional").length;
  const most = definition.maxPositionals ?? named;
  if (positionals.length > most) return fail(`unexpected argument '${positionals[most]}'`);
  return { options, positionals };
}

function aliasTarget(known: ReadonlyMap<string, ArgsDef[string]>, letter: string): string | null {
  for (const [name, arg] of known) {
    const alias = "alias" in arg ? arg.alias : undefined;
    if (alias === letter || (Array.isArray(alias) && alias.includes(letter))) return name;
  }
  return null;
}
