/**
 * What the checks are given on a host on which nothing is wrong; tests change what they are about.
 *
 * @module
 */
import type { CheckInput } from "../../src/checks/check.ts";
import { CHECKS } from "../../src/checks/registry.ts";
import { DEFAULT_CONFIG } from "../../src/config/config.ts";
import type { SlotState } from "../../src/gpt/slot.ts";
import type { HostFacts } from "../../src/host/facts.ts";
import type { CheckId } from "../../src/lib/errors.ts";
import type { Finding } from "../../src/lib/finding.ts";
import { USR_A, USR_B } from "./flatcar_sysfs.ts";
import { memoryHost, type MemoryHostOptions } from "./memory_host.ts";

export const SLOT_A: SlotState = {
  partition: 3,
  partuuid: USR_A,
  label: "USR-A",
  priority: 1,
  tries: 0,
  successful: true,
};
export const SLOT_B: SlotState = {
  partition: 4,
  partuuid: USR_B,
  label: "USR-B",
  priority: 2,
  tries: 1,
  successful: false,
};

export const HASH = "0123456789abcdef".repeat(4);
export const CMDLINE = "BOOT_IMAGE=/flatcar/vmlinuz-b mount.usr=/dev/mapper/usr " +
  `verity.usr=PARTUUID=${USR_B} root=LABEL=ROOT console=ttyS0,115200n8 verity.usrhash=${HASH}`;

export const FACTS: HostFacts = {
  arch: "x86_64",
  platform: "efi",
  kernelRelease: "6.12.99-flatcar",
  cmdline: "rootflags=rw mount.usrflags=ro BOOT_IMAGE=/flatcar/vmlinuz-a",
  bootId: "ef0aec68-085f-4260-bae7-184998b4e851",
  oem: { id: null, release: {} },
  osRelease: { ID: "flatcar" },
  dmi: {},
  virtualization: "none",
  confidentialVm: null,
  firmware: { efi: true, secureBoot: false, setupMode: false, acpi: true, deviceTree: false, model: null },
  lockdown: "none",
  kexec: { loaded: false, loadDisabled: false },
  memory: { total: 16 << 20, available: 12 << 20 },
  cpus: { online: 8, possible: 8 },
  modules: ["ext4", "nvme"],
};

/** Files of a host with kexec-tools and a hardware watchdog. */
export const GOOD_HOST: MemoryHostOptions = {
  files: {
    "/usr/sbin/kexec": "program",
    "/sys/class/watchdog/watchdog0/identity": "iTCO_wdt\n",
    "/sys/module/watchdog/parameters/stop_on_reboot": "-1\n",
  },
  statuses: { "/usr/sbin/kexec": { mode: 0o755 } },
};

/** A good host with more, or other, files. */
export function hostWith(options: MemoryHostOptions): ReturnType<typeof memoryHost> {
  return memoryHost({
    ...GOOD_HOST,
    ...options,
    files: { ...GOOD_HOST.files, ...options.files },
    statuses: { ...GOOD_HOST.statuses, ...options.statuses },
  });
}

export function goodInput(changes: Partial<CheckInput> = {}): CheckInput {
  return {
    host: memoryHost(GOOD_HOST),
    facts: FACTS,
    config: DEFAULT_CONFIG,
    disk: {
      found: {
        ok: true,
        disk: { path: "/dev/sda", name: "sda", running: { partition: 3, partuuid: USR_A } },
      },
      failure: null,
      gpt: { ok: true, reasons: { primary: null, backup: null }, readError: null },
      slots: [SLOT_A, SLOT_B],
    },
    mounts: { boot: null, oem: null, oemPartitions: [], problems: [] },
    slot: { ...SLOT_B, gptWrite: true },
    next: SLOT_B,
    running: USR_A,
    main: { ok: true, path: "/boot/flatcar/grub/grub.cfg.tar" },
    grub: {
      linux: { kernel: "/flatcar/vmlinuz-b", device: "hd0,gpt1", origin: { file: "grub.cfg", line: 130 } },
      diagnostics: [],
    },
    kernelFile: "/boot/flatcar/vmlinuz-b",
    kernel: {
      ok: true,
      kernel: {
        format: "bzImage",
        version: "6.12.103-flatcar",
        size: 34 << 20,
        usrhash: HASH,
        cmdlineSize: 2047,
        memorySize: 90 << 20,
      },
    },
    cmdline: CMDLINE,
    grubCmdline: CMDLINE,
    addedWords: [],
    pairing: { ok: true, rootHash: HASH, hashOffset: 1065345024, dataSize: 1065345024 },
    parity: { verdict: "match" },
    syscall: "file",
    history: { consecutive: 0, quarantined: [] },
    plugins: [],
    loaded: null,
    ...changes,
  };
}

/** Facts of the good host with changes. */
export function facts(changes: Partial<HostFacts>): HostFacts {
  return { ...FACTS, ...changes };
}

/** What one check finds. */
export function findingsOf(id: CheckId, changes: Partial<CheckInput> = {}): readonly Finding[] {
  const check = CHECKS.find((candidate) => candidate.id === id);
  if (check === undefined) throw new Error(`no check '${id}'`);
  return check.run(goodInput(changes));
}

/** The one finding of a check as `level: message`; all of them if there are more, empty if there is none. */
export function verdict(id: CheckId, changes: Partial<CheckInput> = {}): string {
  return findingsOf(id, changes).map(({ level, message }) => `${level}: ${message}`).join("\n");
}
