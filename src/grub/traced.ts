/**
 * Text that remembers, character range by character range, which line of which file wrote it and through
 * which variables it came.
 *
 * GRUB handles bytes. Inside src/grub text is therefore a "binary string", one character a byte (ISO 8859-1);
 * it becomes Unicode at the edges only (bytes.ts).
 *
 * @module
 */
import type { Origin } from "./result.ts";

/** One variable on the way of a piece of text, innermost last. */
export interface Via {
  readonly name: string;
  /** Index into the history of assignments, null for a positional parameter or a value nobody assigned. */
  readonly assignment: number | null;
  readonly next: Via | null;
  /** Length of the chain. */
  readonly depth: number;
}

export interface Run {
  /** Characters, at least 1. */
  readonly length: number;
  readonly origin: Origin;
  readonly via: Via | null;
}

export interface Traced {
  readonly text: string;
  /** Cover `text` without gaps. */
  readonly runs: readonly Run[];
}

export const NOTHING: Traced = { text: "", runs: [] };

export function traced(text: string, origin: Origin, via: Via | null = null): Traced {
  return text === "" ? NOTHING : { text, runs: [{ length: text.length, origin, via }] };
}

/** Collects pieces into one {@link Traced}; neighbours of the same origin become one run. */
export class TracedBuilder {
  #text = "";
  #runs: Run[] = [];

  get length(): number {
    return this.#text.length;
  }

  add(piece: Traced): void {
    if (piece.text === "") return;
    this.#text += piece.text;
    for (const run of piece.runs) this.#addRun(run.length, run.origin, run.via);
  }

  addText(text: string, origin: Origin, via: Via | null = null): void {
    if (text === "") return;
    this.#text += text;
    this.#addRun(text.length, origin, via);
  }

  build(): Traced {
    return this.#text === "" ? NOTHING : { text: this.#text, runs: this.#runs };
  }

  #addRun(length: number, origin: Origin, via: Via | null): void {
    const last = this.#runs.at(-1);
    if (last !== undefined && last.origin === origin && last.via === via) {
      this.#runs[this.#runs.length - 1] = { length: last.length + length, origin, via };
    } else {
      this.#runs.push({ length, origin, via });
    }
  }
}

export function sliceTraced(value: Traced, start: number, end: number): Traced {
  if (start >= end) return NOTHING;
  if (start === 0 && end === value.text.length) return value;
  const runs: Run[] = [];
  let at = 0;
  for (const run of value.runs) {
    const from = Math.max(at, start);
    const to = Math.min(at + run.length, end);
    if (from < to) runs.push(to - from === run.length ? run : { ...run, length: to - from });
    at += run.length;
    if (at >= end) break;
  }
  return { text: value.text.slice(start, end), runs };
}

/** Longest chain of variables that is kept. */
const MAX_CHAIN = 16;

/**
 * The same text, seen through one more variable. A variable that was extended by itself (`a="$a b"`) stands in
 * the chain once, with its latest assignment: what came before it is in the history of assignments, and long
 * values stay cheap.
 */
export function throughVariable(value: Traced, name: string, assignment: number | null): Traced {
  if (value.text === "") return value;
  const runs: Run[] = [];
  let lastNext: Via | null | undefined;
  let via: Via = { name, assignment, next: null, depth: 1 };
  for (const run of value.runs) {
    let next = run.via?.name === name ? run.via.next : run.via;
    if (next !== null && next.depth >= MAX_CHAIN) next = null;
    if (next !== lastNext) {
      lastNext = next;
      via = { name, assignment, next, depth: (next?.depth ?? 0) + 1 };
    }
    const last = runs.at(-1);
    if (last !== undefined && last.origin === run.origin && last.via === via) {
      runs[runs.length - 1] = { length: last.length + run.length, origin: run.origin, via };
    } else {
      runs.push({ length: run.length, origin: run.origin, via });
    }
  }
  return { text: value.text, runs };
}

function isBlank(code: number): boolean {
  return code === 0x20 || code === 0x09 || code === 0x0a;
}

/** The words of a value, split at runs of spaces, tabs and newlines, in one pass over text and runs. */
export function splitWords(value: Traced): readonly Traced[] {
  const words: Traced[] = [];
  const { text, runs } = value;
  let runIndex = 0;
  let runStart = 0;
  let at = 0;
  while (at < text.length) {
    while (at < text.length && isBlank(text.charCodeAt(at))) at++;
    if (at >= text.length) break;
    const start = at;
    while (at < text.length && !isBlank(text.charCodeAt(at))) at++;
    const wordRuns: Run[] = [];
    for (;;) {
      const run = runs[runIndex];
      if (run === undefined || runStart >= at) break;
      const from = Math.max(runStart, start);
      const to = Math.min(runStart + run.length, at);
      if (from < to) wordRuns.push(to - from === run.length ? run : { ...run, length: to - from });
      if (runStart + run.length > at) break;
      runStart += run.length;
      runIndex++;
    }
    words.push({ text: text.slice(start, at), runs: wordRuns });
  }
  return words;
}

/** Names of a chain, outermost first. */
export function viaNames(via: Via | null): readonly string[] {
  const names: string[] = [];
  for (let node = via; node !== null; node = node.next) names.push(node.name);
  return names;
}
