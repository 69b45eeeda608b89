/**
 * What old configurations ask the firmware for: `getenv` and `smbios`.
 *
 * @module
 */
import { fromUnicode, toUnicode } from "../bytes.ts";
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
  if (found === null) return interpreter.fail(`no such variable: ${toUnicode(name)}.`, STATUS.fileNotFound);
  interpreter.assign(variable.text, traced(fromUnicode(found), call.origin), call.origin, call.name);
  return STATUS.ok;
}

export function smbios(interpreter: Interpreter, call: Call): number {
  const { values } = parseOptions(call.args, [{ name: "set", value: "needed" }]);
  const found = interpreter.environment.firmware({
    kind: "smbios",
    args: call.args.map((arg) => toUnicode(arg.text)),
  });
  if (found === null) return interpreter.fail("structure not found.", STATUS.badDevice);
  const variable = values.get("set")?.at(-1)?.text;
  if (variable === undefined) interpreter.print(`${found}\n`);
  else interpreter.assign(variable, traced(fromUnicode(found), call.origin), call.origin, call.name);
  return STATUS.ok;
}
