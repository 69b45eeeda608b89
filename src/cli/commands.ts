/**
 * All commands, in the order help shows them. Each is loaded only when it is called: a start counts in
 * milliseconds.
 *
 * @module
 */
import type { Command } from "./command.ts";

export interface CommandEntry {
  readonly description: string;
  load(): Promise<Command>;
}

export interface CommandGroup {
  readonly description: string;
  readonly commands: Readonly<Record<string, CommandEntry>>;
}

export const COMMANDS: Readonly<Record<string, CommandEntry | CommandGroup>> = {
  plan: {
    description: "what the next kexec would boot, and why; changes nothing",
    load: async () => (await import("./plan.ts")).plan,
  },
  check: {
    description: "the checks alone",
    load: async () => (await import("./check.ts")).check,
  },
  load: {
    description: "plan, prove and load the kernel; spends no try",
    load: async () => (await import("./load.ts")).load,
  },
  unload: {
    description: "drop what load put in place",
    load: async () => (await import("./unload.ts")).unload,
  },
  reboot: {
    description: "load if needed, then hand over to systemd; --cold: ordinary reboot, once",
    load: async () => (await import("./reboot.ts")).reboot,
  },
  commit: {
    description: "used by the unit in kexec.target: re-check, spend the try",
    load: async () => (await import("./commit.ts")).commit,
  },
  confirm: {
    description: "used by the unit at boot: what became of the last attempt",
    load: async () => (await import("./confirm.ts")).confirm,
  },
  status: {
    description: "what is loaded, slots, last attempts, quarantine",
    load: async () => (await import("./status.ts")).status,
  },
  slots: {
    description: "the A/B slots and the one GRUB would take next; --spend takes the try",
    load: async () => (await import("./slots.ts")).slots,
  },
  snapshot: {
    description: "record this host for 'plan --snapshot'",
    load: async () => (await import("./snapshot.ts")).snapshot,
  },
  grub: {
    description: "run or check a GRUB script the way GRUB would",
    commands: {
      run: {
        description: "run FILE: what echo prints goes to stdout, diagnostics to stderr",
        load: async () => (await import("./grub.ts")).grubRun,
      },
      check: {
        description: "tell what GRUB would silently do wrong with FILE",
        load: async () => (await import("./grub.ts")).grubCheck,
      },
    },
  },
  plugin: {
    description: "write a plugin, try it on recorded hosts, list what is installed",
    commands: {
      list: {
        description: "the plugins, where each comes from, and what it did to the kernel that is loaded",
        load: async () => (await import("./plugin.ts")).pluginList,
      },
      check: {
        description: "run FILE as it would be run, and tell what it would change on recorded hosts",
        load: async () => (await import("./plugin.ts")).pluginCheck,
      },
      new: {
        description: "write plugin NAME with its test into a new folder",
        load: async () => (await import("./plugin.ts")).pluginNew,
      },
    },
  },
  enable: {
    description: "install the systemd integration",
    load: async () => (await import("./enable.ts")).enable,
  },
  disable: {
    description: "remove the systemd integration",
    load: async () => (await import("./enable.ts")).disable,
  },
  config: {
    description: "the effective configuration and where each value came from",
    load: async () => (await import("./config.ts")).config,
  },
};
