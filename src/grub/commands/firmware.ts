/**
 * What old configurations ask the firmware for: `getenv` and `smbios`.
 *
 * @module
 */
import { fromUnicode, toUnicode } from "../bytes.ts";
import type { GrubAnswer } from "../environment.ts";
import type { Call, Interpreter } from "../interpreter.ts";
import { STATUS } from "../status.ts";
import { traced } from "../traced.ts";
import { parseOptions } from "./options.ts";

/** `getenv -e NAME -g GUID -b VARIABLE`: an EFI variable, with `-b` its bytes in hexadecimal. */
export function getenv(interpreter: Interpreter, call: Call): number {
  const { values, rest } = parseOptions(call.args, [
    { name: "var-name", short: "e", value: "needed" },
    { name: "var-guid", short: "g", value: "needed" },
    { name: "binary", short: "b", value: "none" },
  ]);
  const name = values.get("var-name")?.at(-1)?.text ?? "";
  const guid = values.get("var-guid")?.at(-1)?.text ?? "";
  const variable = rest[0];
  if (variable === undefined || name === "" || guid === "") {
    return interpreter.fail("missing arguments.", STATUS.invalidCommand);
  }
  const found = interpreter.environment.firmware({
    kind: "efi-variable",
    name: toUnicode(name),
    guid: toUnicode(guid).toLowerCase(),
    bytes: values.has("binary"),
  });
  if (found.kind === "missing") {
    return interpreter.fail(`no such variable: ${toUnicode(name)}.`, STATUS.fileNotFound);
  }
  return keep(interpreter, call, variable.text, found);
}

export function smbios(interpreter: Interpreter, call: Call): number {
  const { values } = parseOptions(call.args, [{ name: "set", value: "needed" }]);
  const found = interpreter.environment.firmware({
    kind: "smbios",
    args: call.args.map((arg) => toUnicode(arg.text)),
  });
  if (found.kind === "missing") return interpreter.fail("structure not found.", STATUS.badDevice);
  return keep(interpreter, call, values.get("set")?.at(-1)?.text ?? null, found);
}

/** @param variable Null: printed. */
function keep(
  interpreter: Interpreter,
  call: Call,
  variable: string | null,
  answer: Exclude<GrubAnswer, { kind: "missing" }>,
): number {
  if (answer.kind === "unknown") {
    interpreter.leaveStatusOpen(call, answer.reason);
    if (variable !== null) interpreter.leaveVariableOpen(variable, call);
  } else if (variable === null) {
    interpreter.print(`${answer.text}\n`);
  } else {
    interpreter.assign(variable, traced(fromUnicode(answer.text), call.origin), call.origin, call.name);
  }
  return STATUS.ok;
}
