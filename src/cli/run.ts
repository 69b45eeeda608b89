/**
 * From an argument vector to an exit code: finds the command, reads its arguments, prints help and errors.
 * Nothing that goes wrong reaches the caller as an exception.
 *
 * @module
 */
import { renderUsage } from "citty";
import { EXIT, type ExitCode, exitCodeOf, KexecError, messageOf } from "../lib/errors.ts";
import { nearest } from "../lib/nearest.ts";
import { VERSION } from "../lib/version.ts";
import { type Command, withoutColor } from "./command.ts";
import { type CommandEntry, type CommandGroup, COMMANDS } from "./commands.ts";
import { painter, printable, type Terminal } from "./terminal.ts";

export async function run(argv: readonly string[], terminal: Terminal): Promise<ExitCode> {
  const options = argv.includes("--") ? argv.slice(0, argv.indexOf("--")) : argv;
  let hasAnswered = false;
  const out = (text: string): void => {
    hasAnswered = true;
    terminal.out(text);
  };
  try {
    return await dispatch(argv, { ...terminal, out });
  } catch (error) {
    // Whoever asked for a document gets one, and only one.
    if (options.includes("--json") && !hasAnswered) terminal.out(`${JSON.stringify(errorDocument(error))}\n`);
    reportError(error, options.includes("--verbose"), terminal);
    return error instanceof KexecError ? exitCodeOf(error.code) : EXIT.error;
  }
}

async function dispatch(argv: readonly string[], terminal: Terminal): Promise<ExitCode> {
  const [first, ...rest] = argv;
  if (first === undefined || first === "help" || first === "--help" || first === "-h") {
    terminal.out(overview(terminal));
    return first === undefined ? EXIT.usage : EXIT.done;
  }
  if (first === "--version" || first === "-V") {
    terminal.out(`flatcar-kexec ${VERSION}\n`);
    return EXIT.done;
  }
  if (first === "complete" && !rest.includes("--help") && !rest.includes("-h")) {
    return await (await import("./complete.ts")).complete(rest);
  }
  if (first === "complete") {
    terminal.out(
      "flatcar-kexec complete bash|zsh|fish: print a script that completes commands and options\n",
    );
    return EXIT.done;
  }
  const entry = find(first, COMMANDS, "");
  if ("load" in entry) return await runCommand(await entry.load(), rest, terminal);
  const [second, ...more] = rest;
  if (second === undefined || second === "--help" || second === "-h") {
    terminal.out(groupOverview(first, entry, terminal));
    return second === undefined ? EXIT.usage : EXIT.done;
  }
  const inner = find(second, entry.commands, `${first} `);
  if (!("load" in inner)) {
    throw new KexecError("internal", `Cannot run '${first} ${second}': groups nest too deeply`);
  }
  return await runCommand(await inner.load(), more, terminal);
}

async function runCommand(
  definition: Command,
  raw: readonly string[],
  terminal: Terminal,
): Promise<ExitCode> {
  const beforeDashes = raw.includes("--") ? raw.slice(0, raw.indexOf("--")) : raw;
  if (beforeDashes.includes("--help") || beforeDashes.includes("-h")) {
    terminal.out(await usage(definition, terminal));
    return EXIT.done;
  }
  return await definition.execute(raw, terminal);
}

function find<T extends CommandEntry | CommandGroup>(
  name: string,
  table: Readonly<Record<string, T>>,
  prefix: string,
): T {
  const entry = Object.hasOwn(table, name) ? table[name] : undefined;
  if (entry !== undefined) return entry;
  const suggestion = nearest(name, Object.keys(table));
  throw new KexecError("usage", `Cannot run '${prefix}${printable(name)}': no such command`, {
    hint: suggestion === null
      ? `see 'flatcar-kexec ${prefix}--help' for the commands`
      : `did you mean '${prefix}${suggestion}'?`,
  });
}

function overview(terminal: Terminal): string {
  const paint = painter(terminal.color);
  const width = Math.max(...Object.keys(COMMANDS).map((name) => name.length));
  const rows = [
    ...Object.entries(COMMANDS),
    ["complete", { description: "print a script for the shell: complete bash, zsh or fish" }] as const,
  ].map(([name, entry]) => `  ${paint("cyan", name.padEnd(width))}  ${entry.description}`);
  return [
    `${
      paint("bold", "flatcar-kexec")
    } ${VERSION}: reboot Flatcar through kexec, exactly as GRUB would have booted it`,
    "",
    ...rows,
    "",
    "'flatcar-kexec COMMAND --help' tells a command's options. Exit codes: 0 done, 1 error, 2 usage,",
    "3 refused (take an ordinary reboot), 4 not Flatcar or disk unreadable, 5 kexec refused the kernel,",
    "6 a foreign kernel is loaded, 75 try later.",
    "",
  ].join("\n");
}

function groupOverview(name: string, group: CommandGroup, terminal: Terminal): string {
  const paint = painter(terminal.color);
  const width = Math.max(...Object.keys(group.commands).map((command) => command.length));
  return [
    `${paint("bold", `flatcar-kexec ${name}`)}: ${group.description}`,
    "",
    ...Object.entries(group.commands).map(([command, entry]) =>
      `  ${paint("cyan", command.padEnd(width))}  ${entry.description}`
    ),
    "",
  ].join("\n");
}

async function usage(definition: Command, terminal: Terminal): Promise<string> {
  const { name, description, args } = definition;
  const text = await renderUsage({ meta: { name: `flatcar-kexec ${name}`, description }, args });
  // citty fills its columns up with blanks.
  return `${(terminal.color ? text : withoutColor(text)).replace(/[ \t]+$/gm, "")}\n`;
}

function errorDocument(error: unknown): unknown {
  const [code, hint] = error instanceof KexecError ? [error.code, error.hint] : ["internal", null];
  return { version: 1, error: { code, message: messageOf(error), hint } };
}

function reportError(error: unknown, verbose: boolean, terminal: Terminal): void {
  // Said once more by whoever tries again, which the unit does.
  const isLater = error instanceof KexecError && exitCodeOf(error.code) === EXIT.tryLater;
  const severity = isLater ? "warning" : "error";
  const say = (text: string) => terminal.err(`${text}\n`, severity);
  say(`${painter(terminal.errColor)("red", "flatcar-kexec:")} ${printable(messageOf(error))}`);
  if (!(error instanceof KexecError)) {
    say("  hint: this is a defect of flatcar-kexec; run again with --verbose and report what it prints");
  } else if (error.hint !== null) say(`  hint: ${printable(error.hint)}`);
  if (verbose && error instanceof Error) {
    for (let cause: unknown = error; cause instanceof Error; cause = cause.cause) say(cause.stack ?? "");
  }
}
