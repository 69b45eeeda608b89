import { test } from "node:test";
import { missingPrograms } from "./debian.ts";

/** A test that is skipped, with the reason in its name, where `reason` says that it cannot run. */
export function testUnless(reason: string | null, name: string, body: () => void): void {
  // What runs other programs may take its time on a busy machine.
  if (reason === null) test(name, { timeout: 60_000 }, body);
  else test(`${name} (skipped: ${reason})`, { skip: true }, body);
}

/** Why a test that calls these programs cannot run here, or null. */
export function lacking(programs: readonly string[]): string | null {
  const missing = missingPrograms(programs);
  return missing.length === 0 ? null : `${missing.join(", ")} not installed`;
}
