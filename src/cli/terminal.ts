/**
 * Where text goes and how it looks there: two streams, colour or not, a width.
 *
 * @module
 */
import process from "node:process";

export interface Terminal {
  /** The answer. */
  out(text: string): void;
  /** The diagnosis. */
  err(text: string): void;
  /** Whether `out` takes colour: only a terminal does, and never with NO_COLOR. */
  readonly color: boolean;
  readonly errColor: boolean;
  /** Columns to lay text out for. */
  readonly width: number;
}

export type Style = "bold" | "dim" | "red" | "green" | "yellow" | "cyan";

const SGR: Readonly<Record<Style, readonly [number, number]>> = {
  bold: [1, 22],
  dim: [2, 22],
  red: [31, 39],
  green: [32, 39],
  yellow: [33, 39],
  cyan: [36, 39],
};

export type Paint = (style: Style, text: string) => string;

/** A function that colours, or one that does not. */
export function painter(color: boolean): Paint {
  if (!color) return (_style, text) => text;
  return (style, text) => `\u001b[${SGR[style][0]}m${text}\u001b[${SGR[style][1]}m`;
}

/** The process's own streams. Writes are synchronous in effect: the process does not exit before they are out. */
export function processTerminal(): Terminal {
  const noColor = (process.env["NO_COLOR"] ?? "") !== "" || process.env["TERM"] === "dumb";
  const columns = process.stdout.isTTY ? process.stdout.columns : Number(process.env["COLUMNS"] ?? "");
  return {
    out: (text) => void process.stdout.write(text),
    err: (text) => void process.stderr.write(text),
    color: process.stdout.isTTY === true && !noColor,
    errColor: process.stderr.isTTY === true && !noColor,
    width: Number.isInteger(columns) && columns >= 40 ? Math.min(columns, 120) : 80,
  };
}

/**
 * Break text at blanks so that no line is longer than `width` columns, where words allow it. Lines after the
 * first start with `indent`.
 */
export function wrap(text: string, width: number, indent = ""): string {
  const lines: string[] = [];
  let line = "";
  for (const word of text.split(/\s+/)) {
    if (line === "") line = lines.length === 0 ? word : indent + word;
    else if (line.length + 1 + word.length <= width) line += ` ${word}`;
    else {
      lines.push(line);
      line = indent + word;
    }
  }
  lines.push(line);
  return lines.join("\n");
}

/**
 * What is shown for text from files: control characters, which could move a terminal's cursor or hide words,
 * become visible escapes.
 */
export function printable(text: string): string {
  return text.replace(
    // deno-lint-ignore no-control-regex
    /[\u0000-\u001f\u007f-\u009f\u2028\u2029\u202a-\u202e\u2066-\u2069]/g,
    (character) => {
      const code = character.codePointAt(0) ?? 0;
      return code < 0x100
        ? `\\x${code.toString(16).padStart(2, "0")}`
        : `\\u${code.toString(16).padStart(4, "0")}`;
    },
  );
}
