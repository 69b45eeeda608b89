/**
 * One boot as GRUB would do it on this host: its configuration run for a given slot and first-boot flag.
 *
 * @module
 */
import type { Gpt } from "../gpt/read.ts";
import type { SlotState } from "../gpt/slot.ts";
import { flatcarCommands } from "../grub/commands/registry.ts";
import { evaluate } from "../grub/evaluate.ts";
import type { GrubResult } from "../grub/result.ts";
import type { HostFacts } from "../host/facts.ts";
import type { Host } from "../host/host.ts";
import { type KernelResult, readKernel } from "../kernel/image.ts";
import { grubTokens } from "./boot_line.ts";
import { type BootCase, grubDisks } from "./grub_disks.ts";
import { readModules } from "./grub_modules.ts";
import type { MainConfig } from "./main_config.ts";
import type { PlannedGrub, PlannedToken } from "./plan.ts";

export interface GrubBoot {
  readonly result: GrubResult;
  /** Host path of the kernel, null if GRUB came to none that lies on the EFI system partition. */
  readonly kernelFile: string | null;
  readonly kernel: KernelResult | null;
  /** What GRUB passes, null if it came to no `linux` command. */
  readonly tokens: readonly PlannedToken[] | null;
}

/** GRUB's names for a machine: BIOS GRUB is a 32-bit program whatever the machine. */
export function grubTarget(facts: HostFacts): Pick<PlannedGrub, "platform" | "cpu"> {
  if (facts.arch === "aarch64") return { platform: "efi", cpu: "arm64" };
  return { platform: facts.platform, cpu: facts.platform === "pc" ? "i386" : "x86_64" };
}

export function runGrub(
  host: Host,
  facts: HostFacts,
  gpt: Gpt | null,
  main: Extract<MainConfig, { ok: true }>,
  boot: BootCase,
): GrubBoot {
  const { environment, isBootPartition } = grubDisks(host, gpt, boot);
  const { platform, cpu } = grubTarget(facts);
  const result = evaluate({
    main: { name: "grub.cfg", bytes: main.bytes },
    platform,
    cpu,
    environment,
    commands: flatcarCommands(platform, readModules(host, main.path, platform, cpu)),
  });
  if (result.linux === null) return { result, kernelFile: null, kernel: null, tokens: null };
  const kernelFile = isBootPartition(result.linux.device) ? fileOf(result.linux.kernel) : null;
  const kernel = kernelFile === null ? null : readKernel(host, kernelFile, facts.arch);
  // The Xen loader is the one that Flatcar's GRUB does not teach to look for the hash.
  const usrhash = platform === "xen" || kernel === null || !kernel.ok ? null : kernel.kernel.usrhash;
  return { result, kernelFile, kernel, tokens: grubTokens(result.linux, usrhash) };
}

/** `/flatcar/vmlinuz-a`, or the same with its device before it, as a path on the host. */
function fileOf(kernel: string): string | null {
  const path = kernel.replace(/^\([^)]*\)/, "");
  const isPlain = /^\/(?:flatcar|coreos)\/[^/]+$/.test(path) && !path.includes("..");
  return isPlain ? `/boot${path}` : null;
}

/** The slot that a command line starts, by the partition that it names for /usr. */
export function slotNamed(
  tokens: readonly PlannedToken[],
  slots: readonly SlotState[],
): SlotState | null {
  let named: string | null = null;
  for (const { text } of tokens) {
    const match = /^(?:verity\.usr|mount\.usr|usr)=(PARTUUID=.+|PARTLABEL=.+)$/.exec(text);
    if (match?.[1] !== undefined) named = match[1];
  }
  if (named === null) return null;
  const [key, value = ""] = named.split("=", 2);
  const found = slots.filter((slot) =>
    key === "PARTUUID" ? slot.partuuid === value.toLowerCase() : slot.label === value
  );
  return found.length === 1 ? found[0] ?? null : null;
}
