/**
 * Turns the words of a command into its arguments.
 *
 * An unquoted variable is split at white space, but its ends do not part it from its neighbours: with
 * v=" x y ", `pre$v` gives `prex` and `y`. Quotes make an argument even of nothing; an unquoted empty variable
 * on its own makes none.
 *
 * @module
 */
import type { Budget } from "./limits.ts";
import type { Word } from "./syntax.ts";
import { splitWords, type Traced, TracedBuilder } from "./traced.ts";

export interface Variables {
  /** A variable's value as seen through its name; null if it has none. */
  value(name: string): Traced | null;
  /** `$1` and following. */
  readonly parameters: readonly Traced[];
}

/** What a change of origin costs, in characters. */
const RUN_COST = 8;

export function expandWords(words: readonly Word[], variables: Variables, budget: Budget): Traced[] {
  const args: Traced[] = [];
  for (const word of words) expandWord(word, variables, budget, args);
  return args;
}

function expandWord(word: Word, variables: Variables, budget: Budget, args: Traced[]): void {
  budget.step();
  const only = word.pieces[0];
  if (word.pieces.length === 1 && only !== undefined && only.kind === "text") {
    args.push(only.value);
    return;
  }
  let current: TracedBuilder | null = null;
  const extend = (value: Traced): void => {
    current ??= new TracedBuilder();
    current.add(value);
    budget.expand(current.length + RUN_COST * value.runs.length);
  };
  const end = (): void => {
    if (current === null) return;
    budget.step();
    args.push(current.build());
    current = null;
  };
  /** Words of which only those inside part. */
  const spread = (values: readonly Traced[]): void => {
    values.forEach((value, index) => {
      if (index > 0) end();
      extend(value);
    });
  };
  for (const piece of word.pieces) {
    if (piece.kind === "text") {
      extend(piece.value);
    } else if (piece.name === "@" || piece.name === "*") {
      const { parameters } = variables;
      if (!piece.quoted) {
        spread(parameters.flatMap((parameter) => splitWords(parameter)));
      } else if (piece.name === "@") {
        spread(parameters);
      } else {
        parameters.forEach((parameter, index) => {
          if (index > 0) extend({ text: " ", runs: [{ length: 1, origin: piece.origin, via: null }] });
          extend(parameter);
        });
      }
      budget.step(parameters.length);
    } else {
      const value = variables.value(piece.name);
      if (value === null) continue;
      if (piece.quoted) extend(value);
      else spread(splitWords(value));
    }
  }
  end();
}
