/**
 * Whether plugins can be run in a process of their own here.
 *
 * @module
 */
import { messageOf } from "../../src/lib/errors.ts";
import { askInProcess } from "../../src/plugin/process.ts";
import { draftOf, factsOf } from "./plugin_hosts.ts";

/** Null if they can; else why not, for a skipped test's name. */
export function reasonWithoutIsolation(): string | null {
  const facts = factsOf();
  try {
    askInProcess({
      name: "probe",
      text:
        'export default { name: "probe", apiVersion: 1, description: "d", matches: () => false, hooks: {} };',
      language: "js",
      question: { host: facts, section: null, subject: { kind: "plan", plan: draftOf(facts) } },
      files: null,
      timeLimit: 20_000,
    });
    return null;
  } catch (error) {
    return messageOf(error);
  }
}
