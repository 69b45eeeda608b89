/**
 * `search` and its short forms `search.fs_uuid` and so on.
 *
 * @module
 */
import { isText, toUnicode } from "../bytes.ts";
import type { GrubAnswer, SearchKind } from "../environment.ts";
import type { Call, Interpreter } from "../interpreter.ts";
import { STATUS } from "../status.ts";
import { type Traced, traced } from "../traced.ts";
import { parseOptions } from "./options.ts";

const KINDS: readonly { readonly name: string; readonly short?: string; readonly kind: SearchKind }[] = [
  { name: "file", short: "f", kind: "file" },
  { name: "label", short: "l", kind: "label" },
  { name: "fs-uuid", short: "u", kind: "fs-uuid" },
  { name: "part-label", kind: "part-label" },
  { name: "part-uuid", kind: "part-uuid" },
  { name: "disk-uuid", kind: "disk-uuid" },
];

const SPECS = [
  ...KINDS.map(({ name, short }) =>
    short === undefined ? { name, value: "none" as const } : { name, short, value: "none" as const }
  ),
  { name: "set", short: "s", value: "optional" as const },
  { name: "no-floppy", short: "n", value: "none" as const },
  { name: "hint", short: "h", value: "needed" as const },
  ...["hint-ieee1275", "hint-bios", "hint-baremetal", "hint-efi", "hint-arc"].map((name) => ({
    name,
    value: "needed" as const,
  })),
];

export function search(interpreter: Interpreter, call: Call): number {
  const { values, rest, error } = parseOptions(call.args, SPECS);
  if (error !== null) return interpreter.fail(error, STATUS.badArgument);
  const name = rest[0];
  if (call.args.length === 0) return interpreter.fail("one argument expected.", STATUS.badArgument);
  const kind = KINDS.find((one) => values.has(one.name))?.kind;
  if (kind === undefined) return interpreter.fail("unspecified search type.", STATUS.invalidCommand);
  if (name === undefined) return interpreter.fail("one argument expected.", STATUS.badArgument);
  const variable = values.has("set") ? values.get("set")?.at(-1)?.text ?? "root" : null;
  return find(interpreter, call, kind, name, variable, values.get("hint")?.[0] ?? null);
}

export function searchFor(kind: SearchKind): (interpreter: Interpreter, call: Call) => number {
  return (interpreter, call) => {
    const [name, variable, hint] = call.args;
    if (name === undefined) return interpreter.fail("one argument expected.", STATUS.badArgument);
    return find(interpreter, call, kind, name, variable?.text ?? null, hint ?? null);
  };
}

function find(
  interpreter: Interpreter,
  call: Call,
  kind: SearchKind,
  name: Traced,
  variable: string | null,
  hint: Traced | null,
): number {
  const value = toUnicode(name.text);
  const answer: GrubAnswer = isText(name.text)
    ? interpreter.environment.search(kind, value, hint === null ? null : toUnicode(hint.text))
    : { kind: "unknown", reason: "the name holds control characters, or bytes that are not UTF-8" };
  switch (answer.kind) {
    case "missing":
      return interpreter.fail(`no such device: ${value}.`, STATUS.fileNotFound);
    case "unknown":
      interpreter.leaveStatusOpen(call, answer.reason);
      if (variable !== null) interpreter.leaveVariableOpen(variable, call);
      return STATUS.ok;
    case "found":
      if (variable === null) interpreter.print(` ${answer.text}\n`);
      else interpreter.assign(variable, traced(answer.text, call.origin), call.origin, "search");
      return STATUS.ok;
  }
}
