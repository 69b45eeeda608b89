/**
 * The public types of the plugin interface as text, for `plugin new`: a vendor's editor finds them beside the plugin.
 *
 * A test compares this with the sources. If it fails, the interface has changed: an optional field more, or a new
 * hook, is fine; anything else needs a new API_VERSION. Then run: deno run -A tasks/plugin_types.ts
 *
 * @module
 */
export const API_TYPES: string =
  `// The plugin interface of flatcar-kexec, version 1: docs/plugins.md tells how it is used.
// Types alone: import them with \`import type\`, and nothing of this file is needed at run time.

export type Arch = "x86_64" | "aarch64";
export type CheckId = string;

export interface HostFacts {
  readonly arch: Arch;
  /** Which GRUB booted, or would boot, this machine. */
  readonly platform: "pc" | "efi" | "xen";
  /** \`/proc/sys/kernel/osrelease\`: \`6.12.103-flatcar\`. */
  readonly kernelRelease: string | null;
  /** \`/proc/cmdline\` without its line end. */
  readonly cmdline: string | null;
  readonly bootId: string | null;
  readonly oem: {
    /** \`flatcar.oem.id\` (or \`coreos.oem.id\`) of the running command line. */
    readonly id: string | null;
    /** \`/oem/oem-release\`, unquoted. */
    readonly release: Readonly<Record<string, string>>;
  };
  /** \`/usr/lib/os-release\`, unquoted. */
  readonly osRelease: Readonly<Record<string, string>>;
  /** Readable attributes of \`/sys/class/dmi/id\`, serial numbers and UUIDs left out. */
  readonly dmi: Readonly<Record<string, string>>;
  readonly virtualization:
    | "none"
    | "kvm"
    | "qemu"
    | "vmware"
    | "microsoft"
    | "xen"
    | "amazon"
    | "google"
    | "oracle"
    | "other";
  readonly confidentialVm: "sev" | "sev-snp" | "tdx" | null;
  readonly firmware: {
    readonly efi: boolean;
    readonly secureBoot: boolean | null;
    readonly setupMode: boolean | null;
    /** ACPI tables are in use (\`/sys/firmware/acpi/tables\`). */
    readonly acpi: boolean;
    /** \`/sys/firmware/fdt\` is there. */
    readonly deviceTree: boolean;
    /** \`model\` of the device tree. */
    readonly model: string | null;
  };
  readonly lockdown: "none" | "integrity" | "confidentiality" | null;
  readonly kexec: { readonly loaded: boolean | null; readonly loadDisabled: boolean | null };
  /** KiB, from \`/proc/meminfo\`. */
  readonly memory: { readonly total: number | null; readonly available: number | null };
  readonly cpus: { readonly online: number | null; readonly possible: number | null };
  /** Names of loaded modules, sorted. */
  readonly modules: readonly string[];
}

/** One word of the command line and who wrote it. */
export interface Token {
  readonly text: string;
  /** \`grub.cfg:76\`, \`oem/grub.cfg:3\`, \`plugin:NAME\`, \`kernel\`, \`config\` or \`marker\`. */
  readonly origin: string;
}

/** The plan as GRUB's result gives it, before any plugin. */
export interface PlanDraft {
  readonly arch: Arch;
  /** Which GRUB chose. */
  readonly platform: "pc" | "efi" | "xen";
  readonly slot: {
    readonly label: string;
    readonly partition: number;
    readonly partuuid: string;
  } | null;
  readonly kernel: {
    /** Path as GRUB names it: \`/flatcar/vmlinuz-b\`. */
    readonly path: string;
    readonly version: string | null;
    /** dm-verity root hash of the slot's /usr, 64 lower-case hex digits. */
    readonly usrhash: string | null;
  } | null;
  /** The words of the command line, \`BOOT_IMAGE=\` first. */
  readonly tokens: readonly Token[];
  readonly firstBoot: boolean;
  readonly oem: { readonly id: string | null };
  /** The system call that will load the kernel: kexec_file_load or kexec_load. */
  readonly syscall: "file" | "load";
  /** Command line of the running kernel, null if it could not be read. */
  readonly runningCmdline: string | null;
}

/** The newest version of this interface that the program speaks. */
export const API_VERSION = 1;

export interface Plugin<Options = unknown> {
  /** Lower-case letters, digits and dashes; the file's name without its extension (and without a \`10-\` prefix). */
  readonly name: string;
  /** The version of this interface that the plugin was written for. */
  readonly apiVersion: 1;
  /** One line for \`plugin list\`. */
  readonly description: string;
  /**
   * Files to put into the context: absolute paths in which \`*\` and \`?\` match within one name. They are read only
   * where {@link Plugin.matches} says yes, and only what every user of the host may read. At most 32 paths of
   * 256 characters and 16 names, and 64 files of 64 KiB each.
   */
  readonly reads?: readonly string[];
  /**
   * Keys among the protected ones (\`root\`, \`verity.*\`, …) that the plugin edits. The administrator has to allow
   * it as well, by \`plugins.may-edit-protected\`.
   */
  readonly protectedKeys?: readonly string[];
  /**
   * Turn the plugin's section of the configuration, \`[plugins.NAME]\`, into its options. Throw an Error with a
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
  /** Objections and remarks; one of level \`refuse\` stops the kexec, and the host reboots through the firmware. */
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
  /** What \`reads\` asked for, by path. Invalid UTF-8 is replaced. */
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
 * stands before the first \`=\`; as in the kernel, \`-\` and \`_\` are the same in it.
 */
export type Edit =
  | {
    /** Last of the kernel's words. Nothing happens where the same word already is the last of its key. */
    readonly kind: "append";
    readonly text: string;
    readonly reason: string;
  }
  | {
    /** Before all others, after \`BOOT_IMAGE\`. */
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
    /** Relative path without \`..\`: \`etc/acme.conf\`. */
    readonly path: string;
    /** Permission bits; 0o644 unless told. */
    readonly mode?: number;
    readonly text: string;
  }
  | { readonly kind: "file"; readonly path: string; readonly mode?: number; readonly base64: string }
  | { readonly kind: "directory"; readonly path: string; readonly mode?: number }
  | { readonly kind: "link"; readonly path: string; readonly target: string };

export interface PluginFinding {
  /** \`refuse\`: no kexec. \`warn\` and \`info\` are shown. */
  readonly level: "refuse" | "warn" | "info";
  /** A sentence with the values in it. */
  readonly message: string;
  /** What to do about it. */
  readonly hint?: string;
  /** Built-in plugins speak under the id of their check; for files this is ignored. */
  readonly id?: CheckId;
}

/**
 * Something the core does before the jump, in order, each within its time limit. \`onFailure\`: \`refuse\` (the
 * default) drops the kexec, \`ignore\` goes on.
 */
export type QuiesceAction = QuiesceStep & {
  readonly reason: string;
  readonly onFailure?: "refuse" | "ignore";
  /** Seconds, 1 to 60; 10 unless told. */
  readonly timeLimit?: number;
};

export type QuiesceStep =
  | {
    /** \`modprobe --remove\`; what is not loaded counts as done. */
    readonly kind: "unload-module";
    readonly module: string;
  }
  | {
    /** \`systemctl stop\`; what is not running counts as done. */
    readonly kind: "stop-unit";
    readonly unit: string;
  }
  | {
    /** Detach a PCI function from its driver: \`0000:3b:00.0\`. */
    readonly kind: "unbind-pci";
    readonly address: string;
  }
  | {
    /** Write to an attribute below \`/sys\`. */
    readonly kind: "write-sysfs";
    readonly path: string;
    readonly value: string;
  };
`;
