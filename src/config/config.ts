/**
 * The administrator's settings, resolved: every value is there. Files are read by load.ts.
 *
 * @module
 */
import type { CheckId } from "../lib/errors.ts";
import type { Level } from "../lib/finding.ts";

export interface Config {
  /**
   * Whose try a kexec uses up. `spend`: one is taken before the jump, as GRUB would. `keep`: the counter is
   * left to GRUB, so a kexec that fails costs nothing and a bad slot costs one more power cycle.
   */
  readonly tries: "spend" | "keep";
  readonly kexec: {
    /** `auto`: kexec_file_load on x86_64, kexec_load on aarch64. */
    readonly syscall: "auto" | "file" | "load";
    /** Path of the kexec program. */
    readonly program: string;
    /** Further options for it, before ours. */
    readonly options: readonly string[];
    /**
     * Paths of initial RAM disks for the next kernel, unpacked in order over the one that it carries. Flatcar's
     * kernels carry theirs and need none.
     */
    readonly initrds: readonly string[];
  };
  /** Put `flatcar.kexec=ID` on the command line, so that a boot can be told to have come by kexec. */
  readonly marker: boolean;
  /** Kexecs in a row before one cold boot is taken; 0 sets no limit. */
  readonly maxConsecutive: number;
  /** KExecWatchdogUSec while a kernel is loaded, in seconds; 0 leaves it alone. */
  readonly watchdogSeconds: number;
  /** The administrator's own words; they come after GRUB's and the plugins'. */
  readonly cmdline: { readonly append: readonly string[]; readonly remove: readonly string[] };
  /** Level by check id; checks that protect data ignore it. */
  readonly checks: Readonly<Partial<Record<CheckId, Level | "off">>>;
  readonly plugins: PluginSettings;
  readonly metrics: {
    /**
     * File that confirm writes for node-exporter's textfile collector; its folder has to be there, else
     * nothing is written. Empty: none.
     */
    readonly textfile: string;
  };
}

export interface PluginSettings {
  /** Plugins that are not run, by name. */
  readonly disabled: readonly string[];
  /** Time that an external plugin has for all its hooks together, its start included, in milliseconds. */
  readonly timeLimit: number;
  /** What a plugin that fails does to the kexec. */
  readonly onFailure: "refuse" | "warn";
  /** SHA-256 by file name; a plugin named here whose bytes differ is not run and refuses. */
  readonly digests: Readonly<Record<string, string>>;
  /** Plugins, by name, that may edit the keys that name the root file systems (`root`, `verity.*`, …). */
  readonly mayEditProtected: readonly string[];
  /** `[plugins.NAME]`: each plugin's own section, checked by the plugin. */
  readonly options: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
}

export const DEFAULT_CONFIG: Config = {
  tries: "spend",
  kexec: { syscall: "auto", program: "/usr/sbin/kexec", options: [], initrds: [] },
  marker: true,
  maxConsecutive: 10,
  watchdogSeconds: 0,
  cmdline: { append: [], remove: [] },
  checks: {},
  plugins: {
    disabled: [],
    timeLimit: 2000,
    onFailure: "refuse",
    digests: {},
    mayEditProtected: [],
    options: {},
  },
  metrics: { textfile: "/var/lib/node_exporter/textfile_collector/flatcar_kexec.prom" },
};
