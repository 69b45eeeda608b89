/**
 * What a test run came to, read from the JUnit report that Bun and Deno both write.
 *
 * @module
 */

export interface Counts {
  readonly passed: number;
  readonly failed: number;
  /** Names of skipped tests; by convention the reason is in the name. */
  readonly skipped: readonly string[];
}

export const NONE: Counts = { passed: 0, failed: 0, skipped: [] };

export function add(a: Counts, b: Counts): Counts {
  return {
    passed: a.passed + b.passed,
    failed: a.failed + b.failed,
    skipped: [...a.skipped, ...b.skipped],
  };
}

/** The last line of a run, for people and for scripts. */
export function summary(counts: Counts): string {
  return `${counts.passed} passed, ${counts.failed} failed, ${counts.skipped.length} skipped`;
}

interface Case {
  readonly name: string;
  readonly file: string;
  verdict: "passed" | "failed" | "skipped";
}

/** Count the test cases of a report. A suite of tests that is listed as a case of its own is not counted. */
export function readJunit(xml: string): Counts {
  const cases: Case[] = [];
  let current: Case | null = null;
  for (
    const [tag, name = "", attributes = ""] of xml.matchAll(/<(\/?[a-z-]+)((?:\s+[a-z]+="[^"]*")*)\s*\/?>/g)
  ) {
    switch (name) {
      case "testcase": {
        const group = attribute(attributes, "classname");
        current = {
          name: attribute(attributes, "name"),
          file: attribute(attributes, "file") || group,
          verdict: "passed",
        };
        cases.push(current);
        if (tag.endsWith("/>")) current = null;
        break;
      }
      case "/testcase":
        current = null;
        break;
      case "failure":
      case "error":
        if (current !== null) current.verdict = "failed";
        break;
      case "skipped":
        if (current !== null) current.verdict = "skipped";
        break;
    }
  }
  const names = cases.map((entry) => entry.name);
  const isGroup = (entry: Case): boolean => names.some((name) => name.startsWith(`${entry.name} > `));
  const counted = cases.filter((entry) => entry.verdict === "failed" || !isGroup(entry));
  return {
    passed: counted.filter((entry) => entry.verdict === "passed").length,
    failed: counted.filter((entry) => entry.verdict === "failed").length,
    skipped: counted.filter((entry) => entry.verdict === "skipped").map((entry) => entry.name),
  };
}

function attribute(attributes: string, name: string): string {
  const value = new RegExp(`\\s${name}="([^"]*)"`).exec(attributes)?.[1] ?? "";
  return value.replace(/&(amp|lt|gt|quot|apos|#[0-9]+);/g, (_, entity: string) => {
    switch (entity) {
      case "amp":
        return "&";
      case "lt":
        return "<";
      case "gt":
        return ">";
      case "quot":
        return '"';
      case "apos":
        return "'";
      default:
        return String.fromCodePoint(Number(entity.slice(1)));
    }
  });
}
