/**
 * The form of a command, and the strict reading of its arguments. citty parses and prints help, but takes any
 * option without a word; a mistyped `--alow` on a tool that reboots machines must not pass.
 *
 * @module
 */
import { type ArgsDef, parseArgs, type ParsedArgs } from "citty";
import { type ExitCode, KexecError, messageOf } from "../lib/errors.ts";
import { nearest } from "../lib/nearest.ts";
import type { Terminal } from "./terminal.ts";

export interface Invocation<T extends ArgsDef> {
  readonly args: ParsedArgs<T>;
  /** Every value given to an option that may be repeated. */
  readonly all: (option: string) => readonly string[];
  /** Words that are neither options nor their values. */
  readonly positionals: readonly string[];
  readonly terminal: Terminal;
}

export interface Definition<T extends ArgsDef> {
  /** As it is called: `plan`, `grub check`. */
  readonly name: string;
  readonly description: string;
  readonly args: T;
  /** Most positional words it takes; those with a name in `args` count. */
  readonly maxPositionals?: number;
  run(invocation: Invocation<T>): ExitCode | Promise<ExitCode>;
}

/** A command whose own argument types are settled. */
export interface Command {
  readonly name: string;
  readonly description: string;
  readonly args: ArgsDef;
  readonly maxPositionals?: number;
  /** @throws {KexecError} `usage`, and whatever the command throws. */
  execute(raw: readonly string[], terminal: Terminal): ExitCode | Promise<ExitCode>;
}

export function command<T extends ArgsDef>(definition: Definition<T>): Command {
  const { run, ...shape } = definition;
  return {
    ...shape,
    execute(raw, terminal) {
      const { options, positionals } = readArguments(raw, shape);
      let args: ParsedArgs<T>;
      try {
        args = parseArgs([...raw], definition.args);
      } catch (error) {
        throw new KexecError(
          "usage",
          `Cannot run '${shape.name}': ${withoutColor(messageOf(error)).replace(/\.$/, "")}`,
          {
            hint: `see 'flatcar-kexec ${shape.name} --help'`,
          },
        );
      }
      const all = (name: string): readonly string[] =>
        options.filter((option) => option.name === name).map((option) => option.value ?? "");
      return run({ args, all, positionals, terminal });
    },
  };
}

/** Identity, for options that several commands share. */
export function defineArgs<T extends ArgsDef>(args: T): T {
  return args;
}

/** citty colours its messages whenever the environment does not forbid it; a pipe wants none. */
export function withoutColor(text: string): string {
  // deno-lint-ignore no-control-regex
  return text.replace(/\u001b\[[0-9;]*m/g, "");
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
export function readArguments(
  raw: readonly string[],
  definition: Pick<Command, "name" | "args" | "maxPositionals">,
): RawOptions {
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
