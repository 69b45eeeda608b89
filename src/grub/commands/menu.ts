/**
 * `menuentry` and `submenu`.
 *
 * @module
 */
import { toUnicode } from "../bytes.ts";
import type { Call, Interpreter } from "../interpreter.ts";
import { BoundReached } from "../limits.ts";
import { STATUS } from "../status.ts";
import { parseOptions } from "./options.ts";

const SPECS = [
  { name: "class", value: "needed" },
  { name: "users", value: "needed" },
  { name: "hotkey", value: "needed" },
  { name: "source", value: "needed" },
  { name: "id", value: "needed" },
  { name: "unrestricted", value: "none" },
] as const;

export function menuentry(interpreter: Interpreter, call: Call): number {
  if (call.args.length === 0) return interpreter.fail("missing arguments.", STATUS.badArgument);
  const options = call.block === null ? call.args : call.args.slice(0, -1);
  const { values, rest, error } = parseOptions(options, SPECS);
  if (error !== null) return interpreter.fail(error, STATUS.badArgument);
  const title = rest[0];
  if (call.block === null) return interpreter.fail("no menuentry definition.", STATUS.badArgument);
  if (title === undefined) return interpreter.fail("menuentry is missing title.", STATUS.menu);
  if (interpreter.entries.length >= interpreter.budget.limits.entries) throw new BoundReached("entries");
  interpreter.entries.push({
    id: values.get("id")?.at(-1)?.text ?? title.text,
    title: title.text,
    submenu: call.name === "submenu",
    parameters: rest,
    body: call.block.body,
    origin: call.origin,
  });
  interpreter.diagnostics.menuEntry(call, toUnicode(title.text));
  return STATUS.ok;
}
