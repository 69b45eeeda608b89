/**
 * Options of GRUB's commands: `--name value`, `--name=value`, `-n value`, `-abc`, `--` ends them.
 *
 * @module
 */
import type { Traced } from "../traced.ts";
import { sliceTraced } from "../traced.ts";

export interface OptionSpec {
  readonly name: string;
  readonly short?: string;
  /** `optional`: the next word belongs to it unless that looks like an option. */
  readonly value: "none" | "needed" | "optional";
}

export interface ParsedOptions {
  /** Values given, in order; an option without a value is present with `null`. */
  readonly values: ReadonlyMap<string, readonly (Traced | null)[]>;
  readonly rest: readonly Traced[];
  /** What GRUB complains about. */
  readonly error: string | null;
}

/** Unknown options are passed over, as the commands that we know do with each other's. */
export function parseOptions(args: readonly Traced[], specs: readonly OptionSpec[]): ParsedOptions {
  const values = new Map<string, (Traced | null)[]>();
  const rest: Traced[] = [];
  let error: string | null = null;
  const keep = (name: string, value: Traced | null): void => {
    const list = values.get(name);
    if (list === undefined) values.set(name, [value]);
    else list.push(value);
  };
  for (let index = 0; index < args.length; index++) {
    const arg = args[index];
    if (arg === undefined) break;
    const { text } = arg;
    if (text === "--") {
      rest.push(...args.slice(index + 1));
      break;
    }
    if (!text.startsWith("-") || text.length < 2) {
      rest.push(arg);
      continue;
    }
    const takeNext = (spec: OptionSpec): void => {
      const next = args[index + 1];
      const wants = spec.value === "needed" ||
        (spec.value === "optional" && next?.text.startsWith("-") !== true);
      if (wants && next !== undefined) {
        keep(spec.name, next);
        index++;
      } else {
        if (spec.value === "needed") error ??= `missing mandatory option for \`${text}'.`;
        keep(spec.name, null);
      }
    };
    if (text.startsWith("--")) {
      const equals = text.indexOf("=");
      const name = equals < 0 ? text.slice(2) : text.slice(2, equals);
      const spec = specs.find((one) => one.name === name);
      if (spec === undefined) continue;
      if (equals < 0) {
        if (spec.value === "none") keep(name, null);
        else takeNext(spec);
      } else if (spec.value === "none") {
        error ??= `a value was assigned to the argument \`${text}' while it doesn't require an argument.`;
      } else {
        keep(name, sliceTraced(arg, equals + 1, text.length));
      }
      continue;
    }
    for (let at = 1; at < text.length; at++) {
      const spec = specs.find((one) => one.short === text[at]);
      if (spec === undefined) continue;
      if (spec.value === "none") {
        keep(spec.name, null);
      } else if (at + 1 < text.length) {
        keep(spec.name, sliceTraced(arg, at + 1, text.length));
        break;
      } else {
        takeNext(spec);
      }
    }
  }
  return { values, rest, error };
}
