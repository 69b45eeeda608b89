/**
 * `plan --explain TOKEN`: how a word came to be on the command line, line by line.
 *
 * @module
 */
import { explainToken, historyOf, type TokenStory } from "../grub/explain.ts";
import type { Assignment, GrubResult, Origin } from "../grub/result.ts";
import type { Plan } from "../plan/plan.ts";
import { type Paint, painter, printable } from "./terminal.ts";

export interface Explanation {
  readonly wanted: string;
  /** Words of the final command line that are it, or that begin with it and `=`. */
  readonly tokens: Plan["tokens"];
  /** For the words that GRUB wrote. */
  readonly stories: readonly TokenStory[];
  /** Where TOKEN names a variable of GRUB's: every value that it had. */
  readonly variable: readonly Assignment[];
  /** What plugins did to it. */
  readonly edits: readonly { readonly plugin: string; readonly kind: string; readonly reason: string }[];
}

export function explain(plan: Plan, grub: GrubResult | null, wanted: string): Explanation {
  const isWanted = (text: string): boolean => text === wanted || text.startsWith(`${wanted}=`);
  return {
    wanted,
    tokens: plan.tokens.filter((token) => isWanted(token.text)),
    stories: grub === null ? [] : explainToken(grub, wanted),
    variable: grub === null ? [] : historyOf(grub, wanted),
    edits: plan.plugins.flatMap((plugin) =>
      plugin.edits.filter((edit) => isWanted(edit.target) || (edit.text !== null && isWanted(edit.text)))
        .map(({ kind, reason }) => ({ plugin: plugin.name, kind, reason }))
    ),
  };
}

export function renderExplanation(explanation: Explanation, color: boolean): string {
  const paint = painter(color);
  const { wanted, tokens, stories, variable, edits } = explanation;
  const lines = [
    ...stories.flatMap((story) => storyLines(story, paint)),
    ...tokens.filter((token) => !stories.some((story) => story.token.text === token.text))
      .map((token) => `${paint("bold", printable(token.text))}\n  ${sentenceFor(token.origin)}`),
    ...edits.map(({ plugin, kind, reason }) => `  plugin ${plugin}: ${kind}: ${printable(reason)}`),
    ...(variable.length === 0 ? [] : [`${paint("bold", `$${printable(wanted)}`)}, every value it had:`]),
    ...variable.map((assignment) => `  ${place(assignment.origin, paint)}  ${value(assignment)}`),
  ];
  if (lines.length === 0) return `Nothing on the command line is, or begins with, '${printable(wanted)}'\n`;
  const gone = stories.filter((story) => !tokens.some((token) => token.text === story.token.text));
  return [
    ...lines,
    ...gone.map((story) =>
      `'${printable(story.token.text)}' is GRUB's, but does not reach the kernel: see the edits`
    ),
    "",
  ].join("\n");
}

function storyLines(story: TokenStory, paint: Paint): readonly string[] {
  return [
    paint("bold", printable(story.token.text)),
    ...story.steps.flatMap((step) => [
      `  ${place(step.origin, paint)}  ${step.extends ? "adds to" : "sets"} $${step.variable}: "${
        printable(step.value)
      }"`,
      ...step.overwritten.map((lost) =>
        `  ${place(lost.origin, paint)}    overwritten: "${printable(lost.value)}"`
      ),
    ]),
    `  ${place(story.command, paint)}  passes it to the kernel`,
  ];
}

function place(origin: Origin, paint: Paint): string {
  return paint("cyan", `${printable(origin.file)}:${origin.line}`);
}

function value(assignment: Assignment): string {
  return `${assignment.by}: "${printable(assignment.value)}"`;
}

function sentenceFor(origin: string): string {
  if (origin === "kernel") return "the root hash that GRUB finds in the kernel image";
  if (origin === "marker") {
    return "flatcar-kexec's mark, by which the next boot is recognised (marker = false leaves it out)";
  }
  if (origin === "config") return "the administrator's configuration: see 'flatcar-kexec config'";
  return `from ${printable(origin)}`;
}
