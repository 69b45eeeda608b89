/**
 * What a configuration file may say. Keys are written in kebab case, as TOML files are.
 *
 * @module
 */
import * as v from "valibot";
import { CHECK_IDS } from "../lib/errors.ts";
import { type Config, DEFAULT_CONFIG } from "./config.ts";

/** Options of kexec(8) that decide what it does; they are ours to give. */
const OUR_OPTIONS = [
  "-l",
  "--load",
  "-e",
  "--exec",
  "-u",
  "--unload",
  "-p",
  "--load-panic",
  "-f",
  "--force",
  "-a",
  "--kexec-syscall-auto",
  "-c",
  "--kexec-syscall",
  "-s",
  "--kexec-file-syscall",
  "--append",
  "--command-line",
  "--reuse-cmdline",
  "--initrd",
  "--ramdisk",
  "--dtb",
];

const wholeNumber = (min: number, max: number) =>
  v.pipe(v.number(), v.integer("expected a whole number"), v.minValue(min), v.maxValue(max));
/** valibot takes lists and dates for objects. */
const table = v.custom<Readonly<Record<string, unknown>>>(isTable, "expected a table");
const absolutePath = v.pipe(
  v.string(),
  v.regex(/^\/[^\0\n]*$/, 'expected an absolute path, as in "/usr/sbin/kexec"'),
);
/** One word of the command line; blanks only between double quotes, as the kernel reads them. */
const word = v.pipe(
  v.string(),
  v.regex(
    /^(?:[^\s"\0]|"[^"\n\0]*")+$/,
    "expected one word without blanks, or with them in double quotes, as in 'dyndbg=\"file ec.c +p\"'",
  ),
);
const kexecOption = v.pipe(
  v.string(),
  v.regex(/^-[^\s\0]+$/, 'expected one option, as in "--debug"'),
  v.check(
    (option) => !OUR_OPTIONS.includes(option.replace(/=.*$/s, "")),
    "expected an option that flatcar-kexec does not give itself",
  ),
);
const names = v.array(v.string());
const level = v.picklist(["refuse", "warn", "info", "off"]);
const digest = v.pipe(
  v.string(),
  v.regex(/^[0-9a-f]{64}$/, "expected 64 lower-case hexadecimal digits (SHA-256)"),
);

const PLUGIN_SETTINGS = {
  "disabled": v.optional(names),
  "time-limit": v.optional(wholeNumber(1, 600_000)),
  "on-failure": v.optional(v.picklist(["refuse", "warn"])),
  "digests": v.optional(v.pipe(table, v.record(v.string(), digest))),
  "may-edit-protected": v.optional(names),
};

const SECTIONS = {
  kexec: {
    "syscall": v.optional(v.picklist(["auto", "file", "load"])),
    "program": v.optional(absolutePath),
    "options": v.optional(v.array(kexecOption)),
    "initrds": v.optional(v.array(absolutePath)),
  },
  cmdline: { "append": v.optional(v.array(word)), "remove": v.optional(v.array(word)) },
  metrics: { "textfile": v.optional(v.union([v.literal(""), absolutePath])) },
};

const SETTINGS = {
  "tries": v.optional(v.picklist(["spend", "keep"])),
  "marker": v.optional(v.boolean()),
  "max-consecutive": v.optional(wholeNumber(0, 1_000_000)),
  "watchdog-seconds": v.optional(wholeNumber(0, 86_400)),
};

export const fileSchema = v.strictObject({
  ...SETTINGS,
  kexec: v.optional(v.pipe(table, v.strictObject(SECTIONS.kexec))),
  cmdline: v.optional(v.pipe(table, v.strictObject(SECTIONS.cmdline))),
  metrics: v.optional(v.pipe(table, v.strictObject(SECTIONS.metrics))),
  checks: v.optional(v.pipe(table, v.record(v.picklist(CHECK_IDS), level))),
  // What is not a setting of ours is the section of the plugin of that name.
  plugins: v.optional(v.pipe(table, v.objectWithRest(PLUGIN_SETTINGS, table))),
});

export type FileSettings = v.InferOutput<typeof fileSchema>;

/** Keys that are known in a table of a configuration file, for suggestions. */
export function knownKeys(table: readonly string[]): readonly string[] {
  switch (table.join(".")) {
    case "":
      return [...Object.keys(SETTINGS), ...Object.keys(SECTIONS), "checks", "plugins"];
    case "kexec":
      return Object.keys(SECTIONS.kexec);
    case "cmdline":
      return Object.keys(SECTIONS.cmdline);
    case "metrics":
      return Object.keys(SECTIONS.metrics);
    case "checks":
      return CHECK_IDS;
    case "plugins":
      return Object.keys(PLUGIN_SETTINGS);
    default:
      return [];
  }
}

/** Settings over the defaults. */
export function resolveSettings(settings: FileSettings): Config {
  const defaults = DEFAULT_CONFIG;
  const plugins = settings.plugins ?? {};
  const own = new Set(knownKeys(["plugins"]));
  return {
    tries: settings.tries ?? defaults.tries,
    kexec: {
      syscall: settings.kexec?.syscall ?? defaults.kexec.syscall,
      program: settings.kexec?.program ?? defaults.kexec.program,
      options: settings.kexec?.options ?? defaults.kexec.options,
      initrds: settings.kexec?.initrds ?? defaults.kexec.initrds,
    },
    marker: settings.marker ?? defaults.marker,
    maxConsecutive: settings["max-consecutive"] ?? defaults.maxConsecutive,
    watchdogSeconds: settings["watchdog-seconds"] ?? defaults.watchdogSeconds,
    cmdline: {
      append: settings.cmdline?.append ?? defaults.cmdline.append,
      remove: settings.cmdline?.remove ?? defaults.cmdline.remove,
    },
    checks: settings.checks ?? defaults.checks,
    plugins: {
      disabled: settings.plugins?.disabled ?? defaults.plugins.disabled,
      timeLimit: settings.plugins?.["time-limit"] ?? defaults.plugins.timeLimit,
      onFailure: settings.plugins?.["on-failure"] ?? defaults.plugins.onFailure,
      digests: settings.plugins?.digests ?? defaults.plugins.digests,
      mayEditProtected: settings.plugins?.["may-edit-protected"] ?? defaults.plugins.mayEditProtected,
      options: Object.fromEntries(
        Object.entries(plugins).flatMap(([name, section]) =>
          own.has(name) || !isTable(section) ? [] : [[name, section]]
        ),
      ),
    },
    metrics: { textfile: settings.metrics?.textfile ?? defaults.metrics.textfile },
  };
}

/** Whether a value parsed from TOML is a table. */
export function isTable(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value) && !(value instanceof Date);
}
