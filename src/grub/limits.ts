/**
 * What bounds the interpreter. Any bytes may come in; past one of these the evaluation stops with a `refuse`
 * diagnostic, since nobody knows what GRUB would have done after that.
 *
 * @module
 */

export interface GrubLimits {
  /** Commands, loop rounds and expanded words, all files together. */
  readonly steps: number;
  /** Words and marks read. */
  readonly tokens: number;
  /** Commands nested in one another in the text: `if` in `while` in `{`. */
  readonly nesting: number;
  /** Function calls, `eval`, `source` and `configfile` inside one another. */
  readonly depth: number;
  /** Characters of one value or word. */
  readonly valueLength: number;
  /** Characters made by expansion, all together. */
  readonly expansion: number;
  /** Files read by `source` and `configfile`. */
  readonly files: number;
  /** Bytes of one file. */
  readonly fileSize: number;
  /** Characters printed. */
  readonly output: number;
  readonly diagnostics: number;
  readonly entries: number;
}

export const DEFAULT_LIMITS: GrubLimits = {
  steps: 10_000,
  tokens: 100_000,
  nesting: 64,
  depth: 60,
  valueLength: 65_536,
  expansion: 2_097_152,
  files: 64,
  fileSize: 1_048_576,
  output: 262_144,
  diagnostics: 200,
  entries: 500,
};

export type BoundName = keyof GrubLimits;

/** Thrown inside the interpreter when a bound is reached; never leaves src/grub. */
export class BoundReached extends Error {
  readonly bound: BoundName;

  constructor(bound: BoundName) {
    super(`bound reached: ${bound}`);
    this.name = "BoundReached";
    this.bound = bound;
  }
}

/** What is left of the limits in one evaluation. */
export class Budget {
  readonly limits: GrubLimits;
  #steps = 0;
  #tokens = 0;
  #expansion = 0;
  #files = 0;
  #depth = 0;

  constructor(limits: GrubLimits) {
    this.limits = limits;
  }

  step(count = 1): void {
    this.#steps += count;
    if (this.#steps > this.limits.steps) throw new BoundReached("steps");
  }

  token(): void {
    this.#tokens++;
    if (this.#tokens > this.limits.tokens) throw new BoundReached("tokens");
  }

  expand(characters: number): void {
    if (characters > this.limits.valueLength) throw new BoundReached("valueLength");
    this.#expansion += characters;
    if (this.#expansion > this.limits.expansion) throw new BoundReached("expansion");
  }

  file(bytes: number): void {
    this.#files++;
    if (this.#files > this.limits.files) throw new BoundReached("files");
    if (bytes > this.limits.fileSize) throw new BoundReached("fileSize");
  }

  enter(): void {
    this.#depth++;
    if (this.#depth > this.limits.depth) throw new BoundReached("depth");
  }

  leave(): void {
    this.#depth--;
  }
}
