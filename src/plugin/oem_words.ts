/**
 * For built-in plugins of platforms: words that the platform's OEM grub.cfg brings along. A user who writes
 * `set linux_append="…"` without `$linux_append` in front loses them, on every boot and without a word from GRUB.
 *
 * @module
 */
import type { PlanContext, PluginFinding } from "./api.ts";

export interface OemWord {
  /** The whole word, or a key followed by `=`. */
  readonly word: string;
  /** What it is for: "so that …". */
  readonly purpose: string;
}

/** One finding of level `warn` for all that are missing, or none. */
export function missingOemWords(
  { plan }: Pick<PlanContext, "plan">,
  expected: readonly OemWord[],
): readonly PluginFinding[] {
  const missing = expected.filter(({ word }) => {
    if (word.endsWith("=")) return !plan.tokens.some((token) => token.text.startsWith(word));
    return !plan.tokens.some((token) => token.text === word);
  });
  if (missing.length === 0) return [];
  return [{
    level: "warn",
    message: `GRUB passes no ${
      missing.map(({ word, purpose }) => `${word} (${purpose})`).join(" and no ")
    }, ` +
      "which the platform's own grub.cfg has; firmware boots lack it as well",
    hint: 'In /oem/grub.cfg write: set linux_append="$linux_append …", so that earlier words stay',
  }];
}

/** The devices after `console=`, in order; the last one is /dev/console. */
export function consolesOf({ plan }: Pick<PlanContext, "plan">): readonly string[] {
  return plan.tokens.filter((token) => token.text.startsWith("console="))
    .map((token) => token.text.slice("console=".length));
}

/** A finding where no `console=` names one of the devices that the platform shows to its users. */
export function unseenConsole(
  context: Pick<PlanContext, "plan">,
  device: string,
  where: string,
): readonly PluginFinding[] {
  const consoles = consolesOf(context);
  if (consoles.some((name) => name === device || name.startsWith(`${device},`))) return [];
  return [{
    level: "warn",
    message: `${where} shows ${device}, and the kernel's messages go to ${
      consoles.length === 0 ? "no console" : consoles.join(" and ")
    }: a kexec that hangs leaves nothing to read`,
    hint: `Add console=${device} to linux_console in /oem/grub.cfg`,
  }];
}

/** A reader of a plugin's section that knows these keys, each true or false and false unless told. */
export function switches<const Key extends string>(
  keys: readonly Key[],
): (raw: Readonly<Record<string, unknown>>) => Readonly<Partial<Record<Key, boolean>>> {
  return (raw) => {
    const known: readonly string[] = keys;
    const unknown = Object.keys(raw).find((key) => !known.includes(key));
    if (unknown !== undefined) throw new Error(`${unknown}: no such option; there is ${keys.join(", ")}`);
    const values: Partial<Record<Key, boolean>> = {};
    for (const key of keys) {
      const value = raw[key] ?? false;
      if (typeof value !== "boolean") {
        throw new Error(`${key}: expected true or false, found ${JSON.stringify(value)}`);
      }
      values[key] = value;
    }
    return values;
  };
}
