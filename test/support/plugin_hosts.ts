/**
 * Facts and plan drafts for tests of plugins: an ordinary machine, from which a test changes what it is about.
 *
 * @module
 */
import { DEFAULT_CONFIG, type PluginSettings } from "../../src/config/config.ts";
import type { HostFacts } from "../../src/host/facts.ts";
import type { Host } from "../../src/host/host.ts";
import type { Plugin } from "../../src/plugin/api.ts";
import type { PlanDraft, Token } from "../../src/plugin/draft.ts";
import { type PluginOutcome, runPlugins } from "../../src/plugin/run.ts";
import { memoryHost } from "./memory_host.ts";

const USRHASH = "0123456789abcdef".repeat(4);

export function factsOf(changes: Partial<HostFacts> = {}): HostFacts {
  return {
    arch: "x86_64",
    platform: "pc",
    kernelRelease: "6.12.103-flatcar",
    cmdline: "rootflags=rw mount.usrflags=ro BOOT_IMAGE=/flatcar/vmlinuz-a root=LABEL=ROOT",
    bootId: "6d0b7b0e-6f3c-4a5e-9b0e-0d9b6a1c2d3e",
    oem: { id: null, release: {} },
    osRelease: { ID: "flatcar", VERSION_ID: "4593.0.0" },
    dmi: {},
    virtualization: "none",
    confidentialVm: null,
    firmware: {
      efi: false,
      secureBoot: null,
      setupMode: null,
      acpi: true,
      deviceTree: false,
      model: null,
    },
    lockdown: "none",
    kexec: { loaded: false, loadDisabled: false },
    memory: { total: 16_000_000, available: 12_000_000 },
    cpus: { online: 4, possible: 4 },
    modules: [],
    ...changes,
  };
}

/** An arm64 machine: ACPI unless told. */
export function armFacts(changes: Partial<HostFacts["firmware"]> = {}): Partial<HostFacts> {
  return {
    arch: "aarch64",
    platform: "efi",
    firmware: {
      efi: true,
      secureBoot: false,
      setupMode: false,
      acpi: true,
      deviceTree: true,
      model: null,
      ...changes,
    },
  };
}

/** The draft of Flatcar's default entry, with these consoles and words after them. */
export function draftOf(
  facts: HostFacts,
  words: { readonly console?: string; readonly append?: string; readonly syscall?: "file" | "load" } = {},
): PlanDraft {
  const arm = facts.arch === "aarch64";
  const console = words.console ??
    (arm ? "console=ttyAMA0,115200n8 console=tty0" : "console=ttyS0,115200n8 console=tty0");
  const token = (origin: string) => (text: string): Token => ({ text, origin });
  const split = (text: string) => text.split(" ").filter((word) => word !== "");
  return {
    arch: facts.arch,
    platform: facts.platform,
    slot: { label: "USR-B", partition: 4, partuuid: "e03dd35c-7c2d-4a47-b3fe-27f15780a57c" },
    kernel: { path: "/flatcar/vmlinuz-b", version: "6.12.110-flatcar", usrhash: USRHASH },
    tokens: [
      ...split(
        "BOOT_IMAGE=/flatcar/vmlinuz-b mount.usr=/dev/mapper/usr " +
          "verity.usr=PARTUUID=e03dd35c-7c2d-4a47-b3fe-27f15780a57c rootflags=rw mount.usrflags=ro " +
          "consoleblank=0 root=LABEL=ROOT",
      ).map(token("grub.cfg:99")),
      ...split(console).map(token(words.console === undefined ? "grub.cfg:76" : "oem/grub.cfg:5")),
      ...(arm ? [token("grub.cfg:92")("acpi=force")] : []),
      ...(facts.oem.id === null ? [] : [token("grub.cfg:70")(`flatcar.oem.id=${facts.oem.id}`)]),
      ...split(words.append ?? "").map(token("oem/grub.cfg:3")),
      token("kernel")(`verity.usrhash=${USRHASH}`),
    ],
    firstBoot: false,
    oem: { id: facts.oem.id },
    syscall: words.syscall ?? (arm ? "load" : "file"),
    runningCmdline: facts.cmdline,
  };
}

/** One built-in plugin alone on a recorded machine. */
export function ask(
  plugin: Plugin,
  recorded: {
    readonly facts: HostFacts;
    readonly draft?: PlanDraft;
    readonly files?: Readonly<Record<string, string | Uint8Array>>;
    readonly links?: Readonly<Record<string, string>>;
    readonly host?: Host;
    readonly config?: Partial<PluginSettings>;
  },
): PluginOutcome {
  return runPlugins(
    {
      host: recorded.host ?? memoryHost({
        arch: recorded.facts.arch,
        files: recorded.files ?? {},
        links: recorded.links ?? {},
      }),
      facts: recorded.facts,
      config: { ...DEFAULT_CONFIG.plugins, ...recorded.config },
      draft: recorded.draft ?? draftOf(recorded.facts),
    },
    {
      builtIn: [plugin],
      run: () => {
        throw new Error("no plugin from a file was expected");
      },
    },
  );
}

/** The words that differ from the draft: `-old`, `+new`. */
export function changes(draft: PlanDraft, outcome: PluginOutcome): readonly string[] {
  const before = draft.tokens.map((token) => token.text);
  const after = outcome.tokens.map((token) => token.text);
  return [
    ...before.filter((text) => !after.includes(text)).map((text) => `-${text}`),
    ...after.filter((text) => !before.includes(text)).map((text) => `+${text}`),
  ];
}

/** Findings in one line each: `info plugin-note This machine …`. */
export function said(outcome: PluginOutcome): readonly string[] {
  return outcome.findings.map(({ level, id, message }) => `${level} ${id} ${message}`);
}
