/**
 * What GRUB silently does wrong with a file, said to its author. The ids are documented in docs/grub.md and
 * never renamed.
 *
 * @module
 */
import { toUnicode } from "./bytes.ts";
import type { Call, Interpreter } from "./interpreter.ts";
import type { BoundName, GrubLimits } from "./limits.ts";
import type { SyntaxFault } from "./parser.ts";
import type { GrubDiagnostic, Origin } from "./result.ts";
import type { SourceText } from "./source_text.ts";

/** Longest piece of a file that a diagnostic quotes. */
const MAX_TEXT = 120;

/** Assigned by Flatcar's main configuration after the OEM file has been read. */
const OVERWRITTEN_LATER: ReadonlyMap<string, string> = new Map([
  ["linux_cmdline", "linux_append"],
  ["extra_options", "linux_append"],
  ["suf", ""],
  ["oem", "oem_id"],
]);

/** Where GRUB looks for files. */
const LOOKUP_VARIABLES: ReadonlySet<string> = new Set(["root", "prefix"]);

const BYPASSED = "default-bypasses-counters";

export interface DiagnosticText {
  readonly id: string;
  readonly level: GrubDiagnostic["level"];
  readonly message: string;
  readonly hint?: string | null;
}

export class Diagnostics {
  readonly #found: GrubDiagnostic[] = [];
  readonly #seen = new Set<string>();
  readonly #lines = new Map<string, readonly string[]>();
  readonly #limit: number;
  #dropped = 0;
  /** The file whose variables the OEM file can set in vain; null when there is none. */
  mainFile: string | null = null;
  /** Whether an entry is booted in the end; without one, `default` can only be guessed about. */
  hasMenu = false;

  constructor(limits: GrubLimits) {
    this.#limit = limits.diagnostics;
  }

  /** How many there were beyond the limit. */
  get dropped(): number {
    return this.#dropped;
  }

  get found(): readonly GrubDiagnostic[] {
    return this.#found;
  }

  /** Makes the text of a file known, to be quoted. */
  addFile(file: string, content: string): void {
    // Split when first asked: most files need it never.
    this.#contents.set(file, content);
  }

  readonly #contents = new Map<string, string>();

  #line(origin: Origin): string {
    let lines = this.#lines.get(origin.file);
    if (lines === undefined) {
      lines = (this.#contents.get(origin.file) ?? "").split("\n");
      this.#lines.set(origin.file, lines);
    }
    const line = toUnicode((lines[origin.line - 1] ?? "").slice(0, 4 * MAX_TEXT)).trim();
    return shorten(line);
  }

  add(origin: Origin, text: DiagnosticText, quoted?: string): void {
    const key = `${text.id}\0${origin.file}\0${origin.line}\0${text.message}`;
    if (this.#seen.has(key)) return;
    this.#seen.add(key);
    // A refusal is never lost behind a flood of warnings.
    if (this.#found.length >= this.#limit && text.level !== "refuse") {
      this.#dropped++;
      return;
    }
    this.#found.push({
      id: text.id,
      level: text.level,
      file: origin.file,
      line: origin.line,
      text: quoted === undefined ? this.#line(origin) : shorten(quoted),
      message: text.message,
      hint: text.hint ?? null,
    });
  }

  bound(bound: BoundName, limit: number, origin: Origin): void {
    this.add(origin, {
      id: "bound-reached",
      level: "refuse",
      message: `evaluation stopped here: ${BOUND_SENTENCES[bound]} (limit: ${limit})`,
      hint: "a loop that does not end, or a file that is no GRUB configuration?",
    });
  }

  syntaxFault(fault: SyntaxFault, source: SourceText): void {
    const { token, origin, lostFrom, lostTo } = fault;
    const text = token.kind === "end" || token.kind === "newline"
      ? ""
      : toUnicode(source.text.slice(token.start, Math.min(token.end, token.start + MAX_TEXT))).trim();
    const lost = lostFrom.line === lostTo.line
      ? `line ${lostTo.line}`
      : `lines ${lostFrom.line} to ${lostTo.line}`;
    const unfinished = token.kind === "bad" && token.fault === "unfinished";
    const what = unfinished
      ? fault.within === null
        ? "a quote or a line continuation is still open at the end of the file"
        : `\`${fault.within}\` is still open at the end of the file`
      : token.kind === "newline"
      ? "the line ends too early"
      : `\`${text}\` cannot stand here`;
    const rest = unfinished
      ? `everything from line ${lostFrom.line} on is dropped`
      : fault.within !== null && fault.within !== "function"
      ? `${lost} are dropped, and the lines after them run one by one, whatever the condition was`
        .replace(/^(line \d+) are dropped, and the lines after them/, "$1 is dropped, and the lines after it")
      : lostFrom.line === lostTo.line
      ? `${lost} is dropped as a whole`
      : `${lost} are dropped`;
    this.add(origin, {
      id: unfinished ? "unfinished" : "syntax-error",
      level: "warn",
      message: `${what}: ${rest}`,
      hint: syntaxHint(text, token.kind === "bad" ? token.fault : null),
    });
  }

  /** @param lowerCase Whether GRUB would know the command in lower case. */
  unknownCommand(call: Call, lowerCase: boolean): void {
    const name = toUnicode(call.name);
    const lowerCaseHint = lowerCase ? `write \`${shorten(name.toLowerCase())}\`` : null;
    if (call.decides) {
      this.add(call.origin, {
        id: "unknown-command-decides",
        level: "warn",
        message: `this GRUB has no command \`${
          shorten(name)
        }\`, and takes one that it does not know for true`,
        hint: name.startsWith("[") ? "put a blank after `[`" : lowerCaseHint,
      });
    } else {
      this.add(call.origin, {
        id: "unknown-command",
        level: "warn",
        message: `this GRUB has no command \`${shorten(name)}\`; the line does nothing`,
        hint: call.args[0]?.text.startsWith("=") === true
          ? `write \`${shorten(name)}=VALUE\` without blanks`
          : lowerCaseHint,
      });
    }
  }

  /** A condition whose outcome is not what it looks like. */
  test(call: Call, args: readonly string[], value: boolean): void {
    if (!call.decides || !value) return;
    const alone = args.length === 1 ? args[0] ?? "" : null;
    if (args.length === 0) {
      this.add(call.origin, {
        id: "test-always-true",
        level: "warn",
        message: "an empty condition is true",
        hint: "quote variables in conditions: an empty one vanishes otherwise",
      });
    } else if (alone !== null && /^-[defnsz]$/.test(alone)) {
      this.add(call.origin, {
        id: "test-always-true",
        level: "warn",
        message: `nothing follows \`${alone}\`: the condition is true, as any word on its own is`,
        hint: "quote the variable: an empty one vanishes otherwise",
      });
    } else if (alone !== null && /.(==|!=|=).|^(==|!=|=)/.test(alone)) {
      this.add(call.origin, {
        id: "test-always-true",
        level: "warn",
        message: `\`${shorten(toUnicode(alone))}\` is one word, and any word is true`,
        hint: "put blanks round the operator",
      });
    } else if (args.length === 2 && ["=", "==", "!="].includes(args[0] ?? "")) {
      this.add(call.origin, {
        id: "test-always-true",
        level: "warn",
        message: `nothing stands before \`${args[0]}\`: the condition is true, as words on their own are`,
        hint: "quote the variable: an empty one vanishes otherwise",
      });
    }
  }

  /** A menu entry that is not the main configuration's. */
  menuEntry(call: Call, title: string): void {
    if (this.mainFile === null || call.origin.file === this.mainFile) return;
    this.add(call.origin, {
      id: "menu-entry",
      level: "info",
      message: `adds the menu entry \`${shorten(title)}\` in front of Flatcar's own`,
    });
  }

  /** After the menu: a kernel was chosen, and nobody asked for the slot that is next. */
  bypassedCounters(interpreter: Interpreter): void {
    const { linux, gptprio } = interpreter.recording;
    if (linux === null || gptprio.length > 0) return;
    const entry = interpreter.menu.path.at(-1);
    this.add(interpreter.menu.defaultOrigin, {
      id: BYPASSED,
      level: "warn",
      message: `the entry \`${shorten(entry?.title ?? "")}\` is booted without asking for the next slot: ` +
        "priorities and tries in the GPT count for nothing",
    });
  }

  fileContent(file: string, content: string): void {
    if (content.startsWith("\xef\xbb\xbf")) {
      this.add({ file, line: 1 }, {
        id: "byte-order-mark",
        level: "warn",
        message: "the file begins with a byte order mark, which GRUB takes for a part of its first word",
        hint: "save it without one",
      }, "");
    }
    const nul = content.indexOf("\0");
    if (nul >= 0) {
      let line = 1;
      for (let at = content.indexOf("\n"); at >= 0 && at < nul; at = content.indexOf("\n", at + 1)) line++;
      this.add({ file, line }, {
        id: "binary-file",
        level: "refuse",
        message: "the file holds NUL bytes: it is no GRUB configuration",
      }, "");
    }
  }

  /** An assignment that will not do what its author wants. `extra` words are ignored. */
  assignment(name: string, value: string, call: Call, extra: number): void {
    const { origin } = call;
    if (extra > 0) {
      this.add(origin, {
        id: "words-lost",
        level: "warn",
        message: `only the first word is assigned to \`${shorten(toUnicode(name))}\`; ` +
          `${extra === 1 ? "the word" : `${extra} words`} after it ${extra === 1 ? "is" : "are"} lost`,
        hint: `put the whole value in double quotes`,
      });
    }
    if (this.mainFile === null || origin.file === this.mainFile) return;
    const instead = OVERWRITTEN_LATER.get(name);
    if (instead !== undefined) {
      this.add(origin, {
        id: "no-effect",
        level: "warn",
        message:
          `${this.mainFile} sets \`${name}\` again after it has read this file: the line has no effect`,
        hint: instead === "" ? null : `use \`${instead}\``,
      });
    } else if (name === "default" && !this.hasMenu && value !== "flatcar") {
      this.add(origin, {
        id: BYPASSED,
        level: "warn",
        message: `\`${shorten(toUnicode(value))}\` is booted by default; ` +
          "only the entry `flatcar` goes by the slot counters, so updates and their fall-back may not work",
        hint: "leave `default` alone",
      });
    } else if (LOOKUP_VARIABLES.has(name)) {
      this.add(origin, {
        id: "lookup-changed",
        level: "warn",
        message: `\`${name}\` says where GRUB finds its files and kernels; every later lookup goes there`,
      });
    }
  }
}

export function shorten(text: string): string {
  const line = text.replaceAll(/\s+/g, " ");
  return line.length > MAX_TEXT ? `${line.slice(0, MAX_TEXT - 1)}…` : line;
}

function syntaxHint(text: string, fault: string | null): string | null {
  if (text.startsWith("||")) {
    return "GRUB has no `||`: use `-o` inside one `[ … ]`, or a second `if`";
  }
  if (text.startsWith("&&")) {
    return "GRUB has no `&&`: use `-a` inside one `[ … ]`, or an `if` inside the `if`";
  }
  if (text.startsWith("[[") || text.startsWith("]]")) return "GRUB has no `[[`: use `[`";
  if (fault === "operator") return "quote `&`, `|`, `;`, `<` and `>` where they belong to a value";
  if (fault === "dollar" || fault === "quoted-dollar") {
    return "write `\\$` for a dollar sign; GRUB has no `$(…)` and no `$'…'`";
  }
  if (text === "case" || text === "esac" || text === "select") {
    return "GRUB has no `case`: use `if` and `elif`";
  }
  return null;
}

const BOUND_SENTENCES: Readonly<Record<BoundName, string>> = {
  steps: "too many commands and loop rounds",
  tokens: "too many words",
  nesting: "too many commands inside one another",
  depth: "functions or files call one another too deeply",
  valueLength: "a value grew too long",
  expansion: "expansion made too much text",
  files: "too many files are read",
  fileSize: "a file is too large",
  output: "too much is printed",
  diagnostics: "too many things are wrong",
  entries: "too many menu entries",
};
