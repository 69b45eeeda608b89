/**
 * Where text goes and how it looks there: two streams, colour or not, a width.
 *
 * @module
 */
import { fstatSync, writeSync } from "node:fs";
import process from "node:process";
import { KexecError, messageOf, systemErrorCode } from "../lib/errors.ts";

export { printable } from "../lib/printable.ts";

export interface Terminal {
  /** The answer. */
  out(text: string): void;
  /** The diagnosis; where it goes to the journal, with this severity. */
  err(text: string, severity?: Severity): void;
  /** Whether `out` takes colour: only a terminal does, and never with NO_COLOR. */
  readonly color: boolean;
  readonly errColor: boolean;
  /** Columns to lay text out for; infinite where lines are not to be broken, as for `grep` and the journal. */
  readonly width: number;
}

export type Severity = "error" | "warning";

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

/** What a pipe takes as a whole or not at all, bytes: PIPE_BUF of pipe(7). Deno forgets what a part came to. */
const ATOMIC = 4096;
const STDOUT = 1;
const STDERR = 2;

/** The process's own streams. Text is out when a call returns. */
export function processTerminal(): Terminal {
  const noColor = (process.env["NO_COLOR"] ?? "") !== "" || process.env["TERM"] === "dumb";
  const isTerminal = mayBeTerminal(STDOUT) && process.stdout.isTTY === true;
  const isJournal = isJournalStream(STDERR, process.env["JOURNAL_STREAM"]);
  return {
    out: (text) => writeText(STDOUT, text),
    err: (text, severity) =>
      writeText(STDERR, isJournal && severity !== undefined ? withPriority(text, severity) : text),
    color: isTerminal && !noColor,
    errColor: !noColor && mayBeTerminal(STDERR) && process.stderr.isTTY === true,
    width: isTerminal
      ? layoutWidth(process.stdout.columns) ?? 80
      : layoutWidth(Number(process.env["COLUMNS"] ?? "")) ?? Infinity,
  };
}

/** Below 40 columns nothing is readable any more, beyond 120 not well. Null where the number is none. */
function layoutWidth(columns: number): number | null {
  return Number.isInteger(columns) && columns > 0 ? Math.min(Math.max(columns, 40), 120) : null;
}

/** Asked before `process.stdout` is touched: that alone loads all of node:stream, which takes longer than a plan. */
function mayBeTerminal(fd: number): boolean {
  try {
    const status = fstatSync(fd);
    // Major number 1 is /dev/null and its kin.
    return status.isCharacterDevice() && ((status.rdev >> 8) & 0xfff) !== 1;
  } catch {
    // Closed by whoever started us.
    return false;
  }
}

/**
 * Whether a descriptor leads to the journal.
 *
 * @param stream `$JOURNAL_STREAM`: device and inode number, in decimal, with a colon between (systemd.exec(5)). A program
 * that redirects its own output passes the variable on all the same.
 */
export function isJournalStream(fd: number, stream: string | undefined): boolean {
  if (stream === undefined || stream === "") return false;
  try {
    const { dev, ino } = fstatSync(fd, { bigint: true });
    return stream === `${dev}:${ino}`;
  } catch {
    return false;
  }
}

const PRIORITIES: Readonly<Record<Severity, number>> = { error: 3, warning: 4 };

/** Each line with the mark that the journal reads as its priority (sd-daemon(3)). */
export function withPriority(text: string, severity: Severity): string {
  return text.replace(/^(?=.)/gm, `<${PRIORITIES[severity]}>`);
}

/** Write all of a text to a descriptor. Where nobody reads it, or nobody can, it is lost without a word. */
export function writeText(fd: number, text: string): void {
  const bytes = new TextEncoder().encode(text);
  for (let offset = 0; offset < bytes.length;) {
    try {
      offset += writeSync(fd, bytes, offset, Math.min(ATOMIC, bytes.length - offset));
    } catch (error) {
      const code = systemErrorCode(error);
      if (code !== "EAGAIN") {
        if (code === "EPIPE" || code === "EBADF" || code === "EIO") return;
        // An answer that is cut short must not look like a success; a diagnosis has nobody else to be told to.
        if (fd === STDERR) return;
        throw new KexecError("write-failed", `Cannot write the answer: ${messageOf(error)}`, {
          cause: error,
        });
      }
      // A pipe that its reader made non-blocking, and that is full.
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 5);
    }
  }
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
