/**
 * The plugin interface, version 1.
 *
 * A plugin is one ES module whose default export is a {@link Plugin}. It is given facts and answers with data;
 * the core checks each answer, performs it, and shows in the plan who asked for what. A plugin needs nothing at
 * run time: these types are erased.
 *
 * Rules for all hooks:
 * - `null`, `undefined` or an empty list means "no opinion".
 * - A hook answers at once (no promises) and from its context alone: the same context gives the same answer.
 *   Recorded hosts are replayed elsewhere, where a clock or a file would say something else.
 * - A hook that throws, takes too long or answers the wrong shape makes the plugin fail as a whole: none of its
 *   edits are made, and by default the host reboots through the firmware instead.
 * - Unknown properties are ignored, so that a plugin may be written for a newer minor release.
 *
 * @example
 * ```ts
 * import type { Plugin } from "@flatcar-kexec/flatcar-kexec/plugin";
 *
 * export default {
 *   name: "acme",
 *   apiVersion: 1,
 *   description: "Acme servers have their serial console on ttyS1",
 *   matches: ({ host }) => host.dmi["sys_vendor"] === "Acme",
 *   hooks: {
 *     cmdline: () => [{ kind: "append", text: "console=ttyS1,115200n8", reason: "the BMC listens on ttyS1" }],
 *   },
 * } satisfies Plugin;
 * ```
 *
 * @module
 */
import type { CheckId } from "../lib/errors.ts";
import type { HostFacts } from "../host/facts.ts";
import type { PlanDraft } from "./draft.ts";

export type { CheckId, HostFacts, PlanDraft };
export type { Arch } from "../host/host.ts";
export type { Token } from "./draft.ts";

/** The newest version of this interface that the program speaks. */
export const API_VERSION = 1;

export interface Plugin<Options = unknown> {
  /** Lower-case letters, digits and dashes; the file's name without its extension (and without a `10-` prefix). */
  readonly name: string;
  /** The version of this interface that the plugin was written for. */
  readonly apiVersion: 1;
  /** One line for `plugin list`. */
  readonly description: string;
  /**
   * Files to put into the context: absolute paths in which `*` and `?` match within one name. They are read only
   * where {@link Plugin.matches} says yes, and only what every user of the host may read. At most 32 paths of
   * 256 characters and 16 names, and 64 files of 64 KiB each.
   */
  readonly reads?: readonly string[];
  /**
   * Keys among the protected ones (`root`, `verity.*`, …) that the plugin edits. The administrator has to allow
   * it as well, by `plugins.may-edit-protected`.
   */
  readonly protectedKeys?: readonly string[];
  /**
   * Turn the plugin's section of the configuration, `[plugins.NAME]`, into its options. Throw an Error with a
   * sentence where the section is wrong. Without this function the section must be absent, and options is null.
   */
  options?(raw: Readonly<Record<string, unknown>>): Options;
  /** Whether the plugin has to do with this host at all. */
  matches(context: MatchContext<Options>): boolean;
  readonly hooks: Hooks<Options>;
}

/** All optional. Called in this order, each seeing the plan as the earlier ones left it. */
export interface Hooks<Options = unknown> {
  /** Changes to the command line that GRUB would have passed. */
  cmdline?(context: PlanContext<Options>): Opinion<readonly Edit[]>;
  /** Absolute host path of a flattened device tree for the next kernel; only kexec_load hands one on. */
  deviceTree?(context: PlanContext<Options>): Opinion<string>;
  /** Files to lay over the next kernel's initial RAM disk. */
  initrd?(context: PlanContext<Options>): Opinion<readonly InitrdEntry[]>;
  /** Objections and remarks; one of level `refuse` stops the kexec, and the host reboots through the firmware. */
  check?(context: PlanContext<Options>): Opinion<readonly PluginFinding[]>;
  /** What has to be put at rest before the jump. The core does it, after the kernel is loaded. */
  quiesce?(context: PlanContext<Options>): Opinion<readonly QuiesceAction[]>;
  /** After the boot: what the plugin thinks of it. */
  confirm?(context: ConfirmContext<Options>): Opinion<readonly PluginFinding[]>;
}

export type HookName = keyof Hooks;
export const HOOK_NAMES: readonly HookName[] = [
  "cmdline",
  "deviceTree",
  "initrd",
  "check",
  "quiesce",
  "confirm",
];

/** An answer, or nothing to say. */
export type Opinion<T> = T | null | undefined | void;

export interface MatchContext<Options = unknown> {
  readonly host: HostFacts;
  readonly options: Options;
}

export interface PlanContext<Options = unknown> extends MatchContext<Options> {
  /** What `reads` asked for, by path. Invalid UTF-8 is replaced. */
  readonly files: Readonly<Record<string, string>>;
  readonly plan: PlanDraft;
}

export interface ConfirmContext<Options = unknown> extends MatchContext<Options> {
  readonly files: Readonly<Record<string, string>>;
  readonly boot: BootReport;
}

/** How the attempt that preceded this boot ended. */
export interface BootReport {
  readonly outcome: "arrived" | "arrived-elsewhere" | "fell-back" | "ordinary-reboot";
  /** Command line that was planned, null if no attempt is on record. */
  readonly plannedCmdline: string | null;
  readonly cmdline: string | null;
  /** From the start of the shutdown to userspace, in seconds, where known. */
  readonly seconds: number | null;
}

/**
 * One change to the command line. A word is printable ASCII without blanks and double quotes. A key is what
 * stands before the first `=`; as in the kernel, `-` and `_` are the same in it.
 */
export type Edit =
  | {
    /** Last of the kernel's words. Nothing happens where the same word already is the last of its key. */
    readonly kind: "append";
    readonly text: string;
    readonly reason: string;
  }
  | {
    /** Before all others, after `BOOT_IMAGE`. */
    readonly kind: "prepend";
    readonly text: string;
    readonly reason: string;
  }
  | (EditTarget & {
    readonly kind: "remove";
    readonly reason: string;
  })
  | (EditTarget & {
    /** The new word stands where the first match stood; further matches go. */
    readonly kind: "replace";
    readonly text: string;
    readonly reason: string;
  });

/** Every word with this key, or every word that is exactly this token. */
export type EditTarget =
  | { readonly key: string; readonly token?: never }
  | { readonly token: string; readonly key?: never };

/** A file, directory or link in the cpio archive that is unpacked over the initial RAM disk. Owner is root. */
export type InitrdEntry =
  | {
    readonly kind: "file";
    /** Relative path without `..`: `etc/acme.conf`. */
    readonly path: string;
    /** Permission bits; 0o644 unless told. */
    readonly mode?: number;
    readonly text: string;
  }
  | { readonly kind: "file"; readonly path: string; readonly mode?: number; readonly base64: string }
  | { readonly kind: "directory"; readonly path: string; readonly mode?: number }
  | { readonly kind: "link"; readonly path: string; readonly target: string };

export interface PluginFinding {
  /** `refuse`: no kexec. `warn` and `info` are shown. */
  readonly level: "refuse" | "warn" | "info";
  /** A sentence with the values in it. */
  readonly message: string;
  /** What to do about it. */
  readonly hint?: string;
  /** Built-in plugins speak under the id of their check; for files this is ignored. */
  readonly id?: CheckId;
}

/**
 * Something the core does before the jump, in order, each within its time limit. `onFailure`: `refuse` (the
 * default) drops the kexec, `ignore` goes on.
 */
export type QuiesceAction = QuiesceStep & {
  readonly reason: string;
  readonly onFailure?: "refuse" | "ignore";
  /** Seconds, 1 to 60; 10 unless told. */
  readonly timeLimit?: number;
};

export type QuiesceStep =
  | {
    /** `modprobe --remove`; what is not loaded counts as done. */
    readonly kind: "unload-module";
    readonly module: string;
  }
  | {
    /** `systemctl stop`; what is not running counts as done. */
    readonly kind: "stop-unit";
    readonly unit: string;
  }
  | {
    /** Detach a PCI function from its driver: `0000:3b:00.0`. */
    readonly kind: "unbind-pci";
    readonly address: string;
  }
  | {
    /** Write to an attribute below `/sys`. */
    readonly kind: "write-sysfs";
    readonly path: string;
    readonly value: string;
  };
