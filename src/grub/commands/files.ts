/**
 * `source`, `configfile`, and the file tests of `[`.
 *
 * @module
 */
import { fromBytes, isText, toUnicode } from "../bytes.ts";
import type { GrubFile } from "../environment.ts";
import type { Call, Interpreter } from "../interpreter.ts";
import { runMenu } from "../menu_choice.ts";
import { parsePath } from "../paths.ts";
import type { Origin } from "../result.ts";
import { fileSource } from "../source_text.ts";
import { STATUS } from "../status.ts";
import type { FileTests } from "./test_expression.ts";

/** Looks at a file; one that cannot be read is a refusal, since something depends on it. */
function lookAt(interpreter: Interpreter, name: string, origin: Origin): GrubFile {
  const path = parsePath(name, interpreter.get("root"));
  if (path === null) return { kind: "missing" };
  const file: GrubFile = isText(path.path)
    ? interpreter.environment.file(path.device, toUnicode(path.path))
    : { kind: "unreadable", reason: "its name holds control characters, or bytes that are not UTF-8" };
  if (file.kind === "unreadable") {
    interpreter.diagnostics.add(origin, {
      id: "unreadable-file",
      level: "refuse",
      message: `GRUB looks at ${toUnicode(name)} here, which cannot be read: ${file.reason}`,
    });
  }
  return file;
}

export function fileTests(interpreter: Interpreter, origin: Origin): FileTests {
  return {
    kindOf: (name) => {
      const { kind } = lookAt(interpreter, name, origin);
      return kind === "unreadable" ? "missing" : kind;
    },
    sizeOf: (name) => {
      const file = lookAt(interpreter, name, origin);
      return file.kind === "file" ? file.bytes().length : 0;
    },
    timesWanted: () => {
      interpreter.diagnostics.add(origin, {
        id: "command-not-modelled",
        level: "refuse",
        message: "the outcome depends on which of two files is newer, and nobody can know it but GRUB",
      });
    },
  };
}

/** Reads a file that a command names; null if there is none, which GRUB passes over in silence. */
function read(
  interpreter: Interpreter,
  call: Call,
): { readonly name: string; readonly content: string } | null {
  const name = call.args[0]?.text ?? "";
  const file = lookAt(interpreter, name, call.origin);
  const path = parsePath(name, interpreter.get("root"));
  if (file.kind !== "file" || path === null) return null;
  const bytes = file.bytes();
  interpreter.budget.file(bytes.length);
  const short = interpreter.environment.shortName(path.device, toUnicode(path.path));
  const content = fromBytes(bytes);
  interpreter.recording.files.push(short);
  interpreter.diagnostics.addFile(short, content);
  return { name: short, content };
}

/** `source`: runs a file where it is called. */
export function source(interpreter: Interpreter, call: Call): number {
  if (call.args.length !== 1) return interpreter.fail("filename expected.", STATUS.badArgument);
  const file = read(interpreter, call);
  if (file === null) return STATUS.ok;
  interpreter.budget.enter();
  interpreter.inspectFile(file.name, file.content);
  interpreter.runText(fileSource(file.name, file.content), "goOn");
  interpreter.budget.leave();
  return STATUS.ok;
}

/** `configfile`: runs a file with a menu of its own, and boots from that menu if it has one. */
export function configfile(interpreter: Interpreter, call: Call): number {
  if (call.args.length !== 1) return interpreter.fail("filename expected.", STATUS.badArgument);
  interpreter.diagnostics.add(call.origin, {
    id: "configfile",
    level: "warn",
    message: `another configuration takes over here: ${toUnicode(call.args[0]?.text ?? "")}`,
  });
  const file = read(interpreter, call);
  if (file === null) return STATUS.ok;
  interpreter.budget.enter();
  interpreter.inNewContext(() => {
    interpreter.inspectFile(file.name, file.content);
    interpreter.runText(fileSource(file.name, file.content), "goOn");
    if (interpreter.entries.length > 0) runMenu(interpreter);
  });
  interpreter.budget.leave();
  return STATUS.ok;
}
