import { KexecError } from "../lib/errors.ts";

/** A plugin did something that makes it fail as a whole. The message becomes its finding. */
export function pluginFault(message: string, hint?: string): KexecError {
  return new KexecError("plugin-failed", message, hint === undefined ? {} : { hint });
}
