/**
 * Whether what a module exports is a plugin.
 *
 * @module
 */
import { API_VERSION, HOOK_NAMES, type Plugin } from "./api.ts";
import { pluginFault } from "./fault.ts";

const NAME = /^[a-z][a-z0-9-]{0,63}$/;
const MOST_PATTERNS = 32;

/** What is wrong with a plugin object, as sentences; empty if nothing is. */
export function manifestFaults(value: unknown): readonly string[] {
  if (typeof value !== "object" || value === null) {
    return [
      `The default export is ${value === undefined ? "missing" : typeof value}, expected a plugin object`,
    ];
  }
  const get = (key: string): unknown => Reflect.get(value, key);
  const version = get("apiVersion");
  // Nothing else can be judged by this version's rules.
  if (typeof version === "number" && version > API_VERSION) {
    return [`apiVersion is ${version}, and this flatcar-kexec speaks version ${API_VERSION}`];
  }
  const faults: string[] = [];
  const expect = (holds: boolean, key: string, expected: string) => {
    if (!holds) faults.push(`${key} is ${shown(get(key))}, expected ${expected}`);
  };
  const name = get("name"), description = get("description"), hooks = get("hooks");
  expect(version === API_VERSION, "apiVersion", String(API_VERSION));
  expect(typeof name === "string" && NAME.test(name), "name", "lower-case letters, digits and dashes");
  expect(typeof description === "string" && description !== "", "description", "one line of text");
  expect(typeof get("matches") === "function", "matches", "a function");
  expect(["function", "undefined"].includes(typeof get("options")), "options", "a function or nothing");
  for (const key of ["reads", "protectedKeys"]) {
    const list = get(key);
    expect(list === undefined || isShortListOfText(list), key, `a list of at most ${MOST_PATTERNS} texts`);
  }
  expect(typeof hooks === "object" && hooks !== null, "hooks", "an object of functions");
  if (typeof hooks !== "object" || hooks === null) return faults;
  for (const hook of HOOK_NAMES) {
    const kind = typeof Reflect.get(hooks, hook);
    if (kind !== "function" && kind !== "undefined") {
      faults.push(`hooks.${hook} is ${kind}, expected a function or nothing`);
    }
  }
  return faults;
}

function isPlugin(value: unknown): value is Plugin {
  return manifestFaults(value).length === 0;
}

/** @throws {KexecError} `plugin-failed` with everything that is wrong. */
export function expectPlugin(value: unknown): Plugin {
  if (isPlugin(value)) return value;
  throw pluginFault(`Cannot use the plugin: ${manifestFaults(value).join("; ")}`);
}

/** Hooks that look like a slip of the pen: they are never called. */
export function strangeHooks(plugin: Plugin): readonly string[] {
  const known: readonly string[] = HOOK_NAMES;
  return Object.keys(plugin.hooks).filter((name) => !known.includes(name));
}

function isShortListOfText(value: unknown): boolean {
  return Array.isArray(value) && value.length <= MOST_PATTERNS &&
    value.every((item) => typeof item === "string");
}

function shown(value: unknown): string {
  if (value === undefined) return "missing";
  return typeof value === "string" || typeof value === "number"
    ? JSON.stringify(value)
    : `of type ${typeof value}`;
}
