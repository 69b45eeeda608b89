/**
 * Shell completions: `flatcar-kexec complete bash|zsh|fish` prints the script, the script asks back.
 *
 * @module
 */
import t, { type Command as TabCommand } from "@bomb.sh/tab";
import { CHECK_IDS, EXIT, type ExitCode, KexecError } from "../lib/errors.ts";
import { type CommandEntry, COMMANDS } from "./commands.ts";

const SHELLS: readonly string[] = ["bash", "zsh", "fish"];

export async function complete(args: readonly string[]): Promise<ExitCode> {
  const [shell, ...rest] = args;
  for (const [name, entry] of Object.entries(COMMANDS)) {
    if ("load" in entry) await describe(name, entry);
    else {
      t.command(name, entry.description);
      for (const [inner, innerEntry] of Object.entries(entry.commands)) {
        await describe(`${name} ${inner}`, innerEntry);
      }
    }
  }
  if (shell === "--") {
    t.parse([...rest]);
    return EXIT.done;
  }
  if (shell === undefined || !SHELLS.includes(shell)) {
    throw new KexecError(
      "usage",
      `Cannot complete: expected one of ${SHELLS.join(", ")}, found '${shell ?? ""}'`,
    );
  }
  t.setup("flatcar-kexec", "flatcar-kexec", shell);
  return EXIT.done;
}

async function describe(name: string, entry: CommandEntry): Promise<void> {
  const definition = await entry.load();
  const command: TabCommand = t.command(name, entry.description);
  for (const [option, arg] of Object.entries(definition.args)) {
    if (arg.type === "positional") continue;
    const values = option === "allow" ? CHECK_IDS : arg.type === "enum" ? arg.options ?? [] : null;
    if (values === null) command.option(option, arg.description ?? "");
    else {command.option(option, arg.description ?? "", (suggest) => {
        for (const value of values) suggest(value, "");
      });}
  }
}
