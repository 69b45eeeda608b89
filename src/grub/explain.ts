/**
 * The story of a word on the command line: which lines made it, and what was overwritten on the way.
 *
 * @module
 */
import type { Assignment, GrubResult, Origin, OriginToken, TokenSpan } from "./result.ts";

/** One assignment in the story, with those that lost their value to it. */
export interface StoryStep {
  readonly variable: string;
  readonly value: string;
  readonly origin: Origin;
  readonly by: string;
  /** Whether the value builds on the one before it. */
  readonly extends: boolean;
  /** Earlier values of the same variable that nothing is left of, newest first. */
  readonly overwritten: readonly Assignment[];
}

export interface TokenStory {
  readonly token: OriginToken;
  /** Position among the arguments of `linux`, counted from 0. */
  readonly position: number;
  /** From the word itself back to GRUB's command: innermost variable first. */
  readonly steps: readonly StoryStep[];
  /** Where `linux` was called. */
  readonly command: Origin;
}

/**
 * Tells the story of every word that is `wanted`, or that begins with it and a `=`; a word that GRUB quotes may
 * be given as it appears on the command line. Empty if the command line has none.
 */
export function explainToken(result: GrubResult, wanted: string): readonly TokenStory[] {
  const { linux, assignments } = result;
  if (linux === null) return [];
  const stories: TokenStory[] = [];
  linux.tokens.forEach((token, position) => {
    if (token.text !== wanted && !token.text.startsWith(`${wanted}=`)) return;
    const seen = new Set<number>();
    const steps: StoryStep[] = [];
    for (const span of token.spans) {
      for (const assignment of contributions(span, assignments)) {
        if (seen.has(assignment.index)) continue;
        seen.add(assignment.index);
        steps.push({
          variable: assignment.name,
          value: assignment.value,
          origin: assignment.origin,
          by: assignment.by,
          extends: assignment.extends,
          overwritten: overwrittenBy(assignment, assignments),
        });
      }
    }
    stories.push({ token, position, steps, command: linux.origin });
  });
  return stories;
}

/** The assignments that a range came through, innermost first, with those that were extended on the way. */
function contributions(span: TokenSpan, assignments: readonly Assignment[]): readonly Assignment[] {
  const found: Assignment[] = [];
  for (const index of span.assignments) {
    let assignment = assignments[index];
    while (assignment !== undefined) {
      found.push(assignment);
      const { origin, extends: extended, replaced } = assignment;
      const wroteIt = origin.file === span.origin.file && origin.line === span.origin.line;
      assignment = extended && !wroteIt && replaced !== null ? assignments[replaced] : undefined;
    }
  }
  return found.reverse();
}

/** What an assignment took the place of, back to the first that lives on in it. */
function overwrittenBy(assignment: Assignment, assignments: readonly Assignment[]): readonly Assignment[] {
  const found: Assignment[] = [];
  let current: Assignment | undefined = assignment;
  while (current !== undefined && !current.extends && current.replaced !== null) {
    current = assignments[current.replaced];
    if (current !== undefined && current.value !== "") found.push(current);
  }
  return found;
}

/** What became of a variable that never reached the command line: `linux_append` overwritten in line 9. */
export function historyOf(result: GrubResult, name: string): readonly Assignment[] {
  return result.assignments.filter((assignment) => assignment.name === name);
}
