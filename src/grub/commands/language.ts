/**
 * Commands that belong to the language itself: variables, control flow, `test`, `echo`, `eval`.
 *
 * @module
 */
import { fromUnicode, toUnicode } from "../bytes.ts";
import { type Call, GRUB_ORIGIN, type Interpreter } from "../interpreter.ts";
import { textSource } from "../source_text.ts";
import { STATUS } from "../status.ts";
import { sliceTraced, type Traced, TracedBuilder } from "../traced.ts";
import { fileTests } from "./files.ts";
import { BAD_NUMBER } from "../numbers.ts";
import { evaluateTest } from "./test_expression.ts";

const ONE_ARGUMENT = "one argument expected.";

export function set(interpreter: Interpreter, call: Call): number {
  const arg = call.args[0];
  if (arg === undefined) {
    for (const name of [...interpreter.variables.keys()].sort()) {
      interpreter.print(`${toUnicode(name)}=${toUnicode(interpreter.get(name))}\n`);
    }
    return STATUS.ok;
  }
  const equals = arg.text.indexOf("=");
  if (equals < 0) {
    interpreter.diagnostics.add(call.origin, {
      id: "not-an-assignment",
      level: "warn",
      message: `\`set ${toUnicode(arg.text)}\` assigns nothing: there is no \`=\` in its first word`,
      hint: call.args[1]?.text.startsWith("=") === true ? "write NAME=VALUE without blanks" : null,
    });
    return interpreter.fail("not an assignment.", STATUS.badArgument);
  }
  const name = arg.text.slice(0, equals);
  interpreter.diagnostics.assignment(name, arg.text.slice(equals + 1), call, call.args.length - 1);
  interpreter.assign(name, sliceTraced(arg, equals + 1, arg.text.length), call.origin, "set");
  return STATUS.ok;
}

export function unset(interpreter: Interpreter, call: Call): number {
  const arg = call.args[0];
  if (arg === undefined) return interpreter.fail(ONE_ARGUMENT, STATUS.badArgument);
  interpreter.unset(arg.text, call.origin);
  return STATUS.ok;
}

export function exportVariable(interpreter: Interpreter, call: Call): number {
  const arg = call.args[0];
  if (arg === undefined) return interpreter.fail(ONE_ARGUMENT, STATUS.badArgument);
  const name = arg.text;
  if (name.includes("=")) {
    interpreter.diagnostics.add(call.origin, {
      id: "not-an-assignment",
      level: "warn",
      message: `\`export\` assigns nothing: it names a variable \`${toUnicode(name)}\``,
      hint: "use `set`; only `configfile` needs `export` as well",
    });
  }
  interpreter.exportName(name);
  return STATUS.ok;
}

/** A plain decimal number, as `break`, `shift` and `return` want it. */
function count(text: string): { readonly value: number } | { readonly status: number } {
  if (!/^[0-9]/.test(text)) return { status: STATUS.badNumber };
  if (!/^[0-9]+$/.test(text)) return { status: STATUS.badArgument };
  return { value: Number(text) };
}

function leaveLoops(interpreter: Interpreter, call: Call, goOn: boolean): number {
  const arg = call.args[0];
  if (call.args.length > 1) return interpreter.fail(ONE_ARGUMENT, STATUS.badArgument);
  let loops = 1;
  if (arg !== undefined) {
    const number = count(arg.text);
    if ("status" in number) return interpreter.fail(BAD_NUMBER, number.status);
    loops = number.value;
    if (loops === 0) return interpreter.fail("can't break 0 loops.", STATUS.badArgument);
  }
  interpreter.breakLoops(loops, goOn);
  return STATUS.ok;
}

export function breakCommand(interpreter: Interpreter, call: Call): number {
  return leaveLoops(interpreter, call, false);
}

export function continueCommand(interpreter: Interpreter, call: Call): number {
  return leaveLoops(interpreter, call, true);
}

export function returnCommand(interpreter: Interpreter, call: Call): number {
  const arg = call.args[0];
  if (!interpreter.inFunction || call.args.length > 1) {
    return interpreter.fail("not in function body.", STATUS.badArgument);
  }
  let status = interpreter.status;
  if (arg !== undefined) {
    const number = count(arg.text);
    if ("status" in number) return interpreter.fail(BAD_NUMBER, number.status);
    status = number.value;
    // Any status is an error of GRUB's own, and printed as one; 1 is the quiet "false".
    if (status > 1) interpreter.recording.error("false.");
  }
  interpreter.returnFromFunction();
  return status;
}

export function shift(interpreter: Interpreter, call: Call): number {
  if (!interpreter.inFunction) return STATUS.ok;
  const arg = call.args[0];
  if (call.args.length > 1) return STATUS.badArgument;
  let places = 1;
  if (arg !== undefined) {
    const number = count(arg.text);
    if ("status" in number) {
      if (number.status === STATUS.badNumber) interpreter.recording.error(BAD_NUMBER);
      return STATUS.badArgument;
    }
    places = number.value;
  }
  if (places > interpreter.parameters.length) return STATUS.badArgument;
  interpreter.parameters = interpreter.parameters.slice(places);
  return STATUS.ok;
}

export function setparams(interpreter: Interpreter, call: Call): number {
  if (!interpreter.inFunction) return STATUS.invalidCommand;
  interpreter.parameters = call.args;
  return STATUS.ok;
}

export function evalCommand(interpreter: Interpreter, call: Call): number {
  if (call.args.length === 0) return STATUS.ok;
  const builder = new TracedBuilder();
  call.args.forEach((arg, index) => {
    if (index > 0) builder.addText(" ", call.origin);
    builder.add(arg);
  });
  interpreter.budget.expand(builder.length);
  interpreter.budget.enter();
  const status = interpreter.runText(textSource(builder.build(), call.origin), "giveUp");
  interpreter.budget.leave();
  return status;
}

export function testCommand(interpreter: Interpreter, call: Call): number {
  const args = call.args.map((arg) => arg.text);
  if (call.name === "[" && args.at(-1) === "]") args.pop();
  const outcome = evaluateTest(args, fileTests(interpreter, call.origin));
  interpreter.diagnostics.test(call, args, outcome.value);
  if (!outcome.value) return STATUS.testFailed;
  if (outcome.error !== null && !call.inverted) interpreter.recording.error(outcome.error);
  return STATUS.ok;
}

export function trueCommand(): number {
  return STATUS.ok;
}

export function falseCommand(): number {
  return STATUS.testFailed;
}

export function echo(interpreter: Interpreter, call: Call): number {
  let newline = true;
  let escapes = false;
  const words: Traced[] = [];
  let options = true;
  for (const arg of call.args) {
    const { text } = arg;
    if (options && text === "--") {
      options = false;
    } else if (options && /^-[ne]+$/.test(text)) {
      newline = newline && !text.includes("n");
      escapes = escapes || text.includes("e");
    } else {
      options = false;
      words.push(arg);
    }
  }
  let line = words.map((word) => word.text).join(" ");
  if (escapes) {
    const unescaped = unescape(line);
    line = unescaped.text;
    newline = newline && !unescaped.stop;
  }
  interpreter.print(toUnicode(newline ? `${line}\n` : line));
  return STATUS.ok;
}

const ESCAPES: Readonly<Record<string, string>> = {
  "\\": "\\",
  a: "\x07",
  b: "\b",
  f: "\f",
  n: "\n",
  r: "\r",
  t: "\t",
  v: "\v",
};

function unescape(text: string): { readonly text: string; readonly stop: boolean } {
  let result = "";
  let stop = false;
  for (let at = 0; at < text.length; at++) {
    const char = text.charAt(at);
    if (char !== "\\") {
      result += char;
      continue;
    }
    at++;
    const escape = text.charAt(at);
    if (escape === "c") stop = true;
    // What is no escape vanishes.
    else result += Object.hasOwn(ESCAPES, escape) ? ESCAPES[escape] : "";
  }
  return { text: result, stop };
}

/** Values given with `--var`, as if GRUB had them from the start. */
export function presetVariables(interpreter: Interpreter, values: Readonly<Record<string, string>>): void {
  for (const [name, value] of Object.entries(values)) {
    interpreter.preset(fromUnicode(name), fromUnicode(value), GRUB_ORIGIN);
  }
}
