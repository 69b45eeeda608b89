import { readFileSync } from "node:fs";
import { checkScript, runScript } from "../grub/evaluate.ts";
import type { GrubCpu, GrubPlatform } from "../grub/platform.ts";
import type { GrubDiagnostic, GrubResult } from "../grub/result.ts";
import { EXIT, KexecError } from "../lib/errors.ts";
import { fromSystemError } from "../host/system_failure.ts";
import { type Command, command, defineArgs, type Invocation } from "./command.ts";
import { OUTPUT_ARGS } from "./host_options.ts";
import { renderDiagnostic } from "./render_diagnostic.ts";
import { painter, printable, type Terminal } from "./terminal.ts";

const GRUB_ARGS = defineArgs({
  file: { type: "positional", required: true, description: "a GRUB script; - reads standard input" },
  platform: { type: "enum", options: ["pc", "efi", "xen"], default: "efi", description: "GRUB's platform" },
  cpu: {
    type: "enum",
    options: ["i386", "x86_64", "arm64"],
    description: "GRUB's processor; default: i386 on pc, else x86_64",
  },
  var: { type: "string", description: "set a variable first; may be repeated", valueHint: "NAME=VALUE" },
  ...OUTPUT_ARGS,
});

type GrubInvocation = Invocation<typeof GRUB_ARGS>;

export const grubRun: Command = command({
  name: "grub run",
  description: "Run a GRUB script the way GRUB would: what echo prints goes to standard output",
  args: GRUB_ARGS,
  run(invocation) {
    const { args, terminal } = invocation;
    const result = evaluateFile(invocation, runScript);
    if (args.json === true) terminal.out(`${JSON.stringify({ version: 1, ...result })}\n`);
    else {
      terminal.out(result.output);
      if (args.quiet !== true) terminal.err(renderDiagnostics(result.diagnostics, terminal));
    }
    return result.bounded ? EXIT.refused : EXIT.done;
  },
});

export const grubCheck: Command = command({
  name: "grub check",
  description: "Tell what GRUB would silently do wrong with an OEM's grub.cfg",
  args: GRUB_ARGS,
  run(invocation) {
    const { args, terminal } = invocation;
    const { diagnostics } = evaluateFile(invocation, checkScript);
    const serious = diagnostics.filter((diagnostic) => diagnostic.level !== "info");
    if (args.json === true) terminal.out(`${JSON.stringify({ version: 1, diagnostics })}\n`);
    else if (args.quiet !== true) {
      terminal.err(renderDiagnostics(diagnostics, terminal));
      if (diagnostics.length === 0) terminal.err(`${printable(args.file)}: nothing to complain of\n`);
    }
    return serious.length === 0 ? EXIT.done : EXIT.refused;
  },
});

function evaluateFile({ args, all }: GrubInvocation, evaluate: typeof runScript): GrubResult {
  const platform = oneOf<GrubPlatform>(args.platform, ["pc", "efi", "xen"], "efi");
  const cpu = oneOf<GrubCpu>(args.cpu, ["i386", "x86_64", "arm64"], platform === "pc" ? "i386" : "x86_64");
  const name = args.file === "-" ? "standard input" : args.file;
  return evaluate({ name, bytes: readScript(args.file) }, {
    platform,
    cpu,
    variables: variables(all("var")),
  });
}

function readScript(path: string): Uint8Array {
  try {
    return readFileSync(path === "-" ? 0 : path);
  } catch (error) {
    throw new KexecError(
      "unreadable",
      `Cannot read the script: ${fromSystemError(path, error).failure.message}`,
      { cause: error },
    );
  }
}

function oneOf<T extends string>(value: string | undefined, values: readonly T[], otherwise: T): T {
  return values.find((candidate) => candidate === value) ?? otherwise;
}

/** @throws {KexecError} `usage` */
function variables(settings: readonly string[]): Readonly<Record<string, string>> {
  return Object.fromEntries(settings.map((setting) => {
    const equals = setting.indexOf("=");
    if (equals < 1) {
      throw new KexecError("usage", `Cannot set a variable: expected NAME=VALUE, found '${setting}'`);
    }
    return [setting.slice(0, equals), setting.slice(equals + 1)];
  }));
}

function renderDiagnostics(diagnostics: readonly GrubDiagnostic[], terminal: Terminal): string {
  const paint = painter(terminal.errColor);
  return diagnostics.map((diagnostic) => `${renderDiagnostic(diagnostic, paint, terminal.width)}\n`).join("");
}
