/**
 * The ranges of a traced text as plain data.
 *
 * @module
 */
import { toUnicode } from "./bytes.ts";
import type { TokenSpan } from "./result.ts";
import { type Traced, type Via, viaNames } from "./traced.ts";

function assignmentsOf(via: Via | null): readonly number[] {
  const found: number[] = [];
  for (let node = via; node !== null; node = node.next) {
    if (node.assignment !== null) found.push(node.assignment);
  }
  return found;
}

export function spansOf(value: Traced): readonly TokenSpan[] {
  let at = 0;
  return value.runs.map((run) => {
    const text = toUnicode(value.text.slice(at, at + run.length));
    at += run.length;
    return { text, origin: run.origin, via: viaNames(run.via), assignments: assignmentsOf(run.via) };
  });
}
