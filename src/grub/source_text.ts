/**
 * A configuration as GRUB's line reader hands it to the script lexer, with the way back to file and line.
 *
 * @module
 */
import type { Origin } from "./result.ts";
import { sliceTraced, type Traced, traced, TracedBuilder } from "./traced.ts";

/** Text made of whole lines, each ending in a newline. */
export interface SourceText {
  readonly text: string;
  /** Offset just past the line that holds `offset`. */
  lineEnd(offset: number): number;
  originAt(offset: number): Origin;
  slice(start: number, end: number): Traced;
}

/**
 * A file. Its reader drops carriage returns, and every line whose first character is `#` - even where such a
 * line stands inside quotes. A NUL byte hides the rest of its line.
 */
export function fileSource(file: string, content: string): SourceText {
  const kept: string[] = [];
  const starts: number[] = [];
  const numbers: number[] = [];
  let length = 0;
  let at = 0;
  for (let number = 1; at < content.length; number++) {
    let end = content.indexOf("\n", at);
    if (end < 0) end = content.length;
    let line = content.slice(at, end);
    at = end + 1;
    const nul = line.indexOf("\0");
    if (nul >= 0) line = line.slice(0, nul);
    if (line.includes("\r")) line = line.replaceAll("\r", "");
    if (line.charCodeAt(0) === 0x23) continue;
    starts.push(length);
    numbers.push(number);
    kept.push(line);
    length += line.length + 1;
  }
  kept.push("");
  return new FileSource(file, kept.join("\n"), starts, numbers);
}

class FileSource implements SourceText {
  readonly text: string;
  readonly #file: string;
  readonly #starts: readonly number[];
  readonly #numbers: readonly number[];
  readonly #origins = new Map<number, Origin>();
  #lastIndex = 0;

  constructor(file: string, text: string, starts: readonly number[], numbers: readonly number[]) {
    this.#file = file;
    this.text = text;
    this.#starts = starts;
    this.#numbers = numbers;
  }

  lineEnd(offset: number): number {
    return this.#start(this.#index(offset) + 1);
  }

  originAt(offset: number): Origin {
    const index = this.#index(offset);
    let origin = this.#origins.get(index);
    if (origin === undefined) {
      origin = { file: this.#file, line: this.#numbers[index] ?? 1 };
      this.#origins.set(index, origin);
    }
    return origin;
  }

  slice(start: number, end: number): Traced {
    if (end <= this.lineEnd(start)) return traced(this.text.slice(start, end), this.originAt(start));
    const builder = new TracedBuilder();
    for (let at = start; at < end;) {
      const stop = Math.min(end, this.lineEnd(at));
      builder.addText(this.text.slice(at, stop), this.originAt(at));
      at = stop;
    }
    return builder.build();
  }

  #start(index: number): number {
    return this.#starts[index] ?? this.text.length;
  }

  /** Index of the line that holds an offset: nearly always the one of the question before, or the next. */
  #index(offset: number): number {
    const starts = this.#starts;
    const last = this.#lastIndex;
    if ((starts[last] ?? 0) <= offset) {
      if (offset < (starts[last + 1] ?? Infinity)) return last;
      if (offset < (starts[last + 2] ?? Infinity)) return this.#lastIndex = last + 1;
    }
    let low = 0;
    let high = starts.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if ((starts[middle] ?? Infinity) <= offset) low = middle;
      else high = middle - 1;
    }
    return this.#lastIndex = low;
  }
}

/** Text that a command made: what `eval` runs. Every character keeps the origin it had. */
export function textSource(value: Traced, origin: Origin): SourceText {
  const builder = new TracedBuilder();
  builder.add(value);
  if (!value.text.endsWith("\n")) builder.addText("\n", origin);
  return new MadeSource(builder.build(), origin);
}

class MadeSource implements SourceText {
  readonly text: string;
  readonly #value: Traced;
  readonly #origin: Origin;

  constructor(value: Traced, origin: Origin) {
    this.text = value.text;
    this.#value = value;
    this.#origin = origin;
  }

  lineEnd(offset: number): number {
    return this.text.indexOf("\n", offset) + 1 || this.text.length;
  }

  originAt(_offset: number): Origin {
    // Its lines are not lines of a file; the command that ran it is what people can look at.
    return this.#origin;
  }

  slice(start: number, end: number): Traced {
    return sliceTraced(this.#value, start, end);
  }
}
