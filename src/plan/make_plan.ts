/**
 * From a host to a plan: observe, decide, adjust, prove. Reads through the host alone and changes nothing.
 *
 * @module
 */
import { CHECKS } from "../checks/registry.ts";
import {
  type CheckInput,
  type CheckOutcome,
  findingsOf,
  type KexecHistory,
  runChecks,
} from "../checks/check.ts";
import type { Config } from "../config/config.ts";
import { type Gpt, type GptRead, readGpt, tableDigest } from "../gpt/read.ts";
import { byteRange, nextSlot, partitionByUuid, slotsOf, triesAfter } from "../gpt/select.ts";
import type { SlotState } from "../gpt/slot.ts";
import { repairFault } from "../gpt/repair.ts";
import { planSpend } from "../gpt/spend.ts";
import { type BootDiskResult, findBootDisk } from "../host/boot_disk.ts";
import type { HostFacts } from "../host/facts.ts";
import type { BlockReader, Host } from "../host/host.ts";
import { checkMounts } from "../host/mount_check.ts";
import { readFacts } from "../host/read_facts.ts";
import { isFirstBootWord } from "../kernel/first_boot.ts";
import { markerOf } from "../kernel/marker.ts";
import type { KernelImage } from "../kernel/image.ts";
import { type PairingResult, verifyPairing } from "../kernel/verity.ts";
import { chooseSyscall, type Syscall } from "../kernel/syscall.ts";
import type { CheckId } from "../lib/errors.ts";
import { VERSION } from "../lib/version.ts";
import type { PlanDraft } from "../plugin/draft.ts";
import { type PluginOutcome, runPlugins } from "../plugin/run.ts";
import { administratorTokens, attemptId, isAdded, joinTokens, markerToken } from "./boot_line.ts";
import { type GrubBoot, grubTarget, runGrub, slotNamed } from "./grub_boot.ts";
import { type MainConfig, readMainConfig } from "./main_config.ts";
import { compareParity, type Parity } from "./parity.ts";
import type { Plan, PlannedKernel, PlannedSlot, PlannedToken } from "./plan.ts";

export interface PlanOptions {
  readonly config: Config;
  /** Checks that the user lowers to a warning; those that protect data stay. */
  readonly allow: readonly CheckId[];
  /** What earlier kexecs came to. */
  readonly history: KexecHistory;
  /** The kernel of ours that is loaded, to be compared with the plan; not given where it is to be replaced anyway. */
  readonly loaded?: CheckInput["loaded"];
}

/** A plan, and what `load` needs beyond it. */
export interface Planning {
  readonly plan: Plan;
  /** All checks, those included that found nothing or did not look. */
  readonly checks: readonly CheckOutcome[];
  readonly facts: HostFacts;
  /** Null where no attempt can be made. */
  readonly attempt: string | null;
  readonly disk: { readonly path: string; readonly sectorSize: number; readonly tableDigest: string } | null;
  /** Paths whose content the plan rests on; some may be absent, and must stay so. */
  readonly watched: readonly string[];
  readonly syscall: Syscall;
  readonly plugins: PluginOutcome | null;
  readonly grub: GrubBoot | null;
}

/** The disk as far as it could be read. */
interface ObservedDisk {
  readonly found: BootDiskResult;
  readonly block: BlockReader | null;
  /** Why the device could not be opened. */
  readonly failure: string | null;
  readonly read: GptRead | null;
  readonly gpt: Gpt | null;
  readonly slots: readonly SlotState[];
  /** PARTUUID of the running /usr, null if this disk does not hold it or it is not known. */
  readonly running: string | null;
}

export function makePlan(host: Host, options: PlanOptions): Planning {
  const { config } = options;
  const facts = readFacts(host);
  const disk = observeDisk(host);
  const main = readMainConfig(host);
  const next = disk.gpt === null ? null : nextSlot(disk.gpt);
  const grub = main.ok ? runGrub(host, facts, disk.gpt, main, { slot: next, firstBoot: null }) : null;
  const slot = slotOfBoot(grub, disk, next);
  const syscall = chooseSyscall(config.kexec.syscall, facts.arch);
  const kernel = plannedKernel(grub);
  const draft = grub === null ? null : draftOf(grub, facts, slot, kernel, syscall);
  const plugins = draft === null ? null : runPlugins({ host, facts, config: config.plugins, draft });
  const line = plugins === null ? null : administratorTokens(plugins.tokens, config.cmdline);
  const attempt = line === null || slot === null || line.length === 0
    ? null
    : attemptId(facts.bootId ?? "", slot.partuuid, line);
  const tokens = line === null
    ? []
    : attempt !== null && config.marker
    ? [...line, markerToken(attempt)]
    : line;
  const cmdline = tokens.length === 0 ? null : joinTokens(tokens);
  const grubCmdline = grub === null || grub.tokens === null ? null : joinTokens(grub.tokens);
  const pairing = provePairing(disk, slot, kernel);
  const parity = proveParity(host, facts, disk, main, config);

  const checks = runChecks(CHECKS, {
    host,
    facts,
    config,
    disk: {
      found: disk.found,
      failure: disk.failure,
      gpt: disk.read,
      slots: disk.slots,
      repairFault: disk.gpt === null ? null : repairFault(disk.gpt),
    },
    mounts: disk.found.ok ? checkMounts(host, disk.found.disk) : null,
    slot,
    spend: disk.gpt !== null && slot?.gptWrite === true && config.tries === "spend"
      ? planSpend(disk.gpt, slot)
      : null,
    next,
    running: disk.running,
    main,
    grub: grub?.result ?? null,
    kernelFile: grub?.kernelFile ?? null,
    kernel: grub?.kernel ?? null,
    cmdline,
    grubCmdline,
    addedWords: tokens.filter(isAdded).map((token) => token.text),
    pairing,
    parity,
    syscall,
    history: options.history,
    plugins: plugins?.findings ?? [],
    loaded: options.loaded ?? null,
  }, options.allow);
  const findings = findingsOf(checks);

  const plan: Plan = {
    version: 1,
    tool: { name: "flatcar-kexec", version: VERSION },
    decision: findings.some((finding) => finding.level === "refuse") ? "refuse" : "kexec",
    slot,
    slots: disk.slots.map((candidate) => planned(candidate, disk.running, true)),
    kernel,
    initrds: [
      ...config.kexec.initrds,
      ...(plugins?.initrds ?? []).map((initrd) => pluginInitrdPath(initrd.plugin)),
    ],
    deviceTree: plugins?.deviceTree ?? null,
    cmdline,
    tokens,
    grub: {
      ...grubTarget(facts),
      entry: grub?.result.entry?.id ?? grub?.result.entry?.title ?? null,
      cmdline: grubCmdline,
      config: main.ok ? main.path : null,
      oemConfig: host.status("/oem/grub.cfg").ok ? "/oem/grub.cfg" : null,
      diagnostics: grub?.result.diagnostics ?? [],
    },
    firstBoot: tokens.some((token) => isFirstBootWord(token.text)),
    oem: { id: lastValueOf(tokens, ["flatcar.oem.id", "coreos.oem.id"]) },
    plugins: plugins?.reports ?? [],
    quiesce: plugins?.quiesce ?? [],
    findings,
  };
  return {
    plan,
    checks,
    facts,
    attempt,
    disk: disk.gpt === null || disk.block === null
      ? null
      : { path: disk.block.path, sectorSize: disk.gpt.sectorSize, tableDigest: tableDigest(disk.gpt) },
    watched: watchedPaths(main, grub, config),
    syscall,
    plugins,
    grub,
  };
}

/** Where `load` puts what a plugin adds to the initial RAM disk. */
export function pluginInitrdPath(plugin: string): string {
  return `/run/flatcar-kexec/initrd/${plugin}.cpio`;
}

function observeDisk(host: Host): ObservedDisk {
  const found = findBootDisk(host);
  const nothing = { found, block: null, failure: null, read: null, gpt: null, slots: [], running: null };
  if (!found.ok) return nothing;
  const block = host.block(found.disk.path);
  if (!block.ok) return { ...nothing, failure: block.failure.message };
  const read = readGpt(block.value);
  const gpt = read.ok ? read : null;
  const slots = gpt === null ? [] : slotsOf(gpt);
  const running = found.disk.running?.partuuid ?? null;
  return {
    found,
    block: block.value,
    failure: null,
    read,
    gpt,
    slots,
    running: slots.some((slot) => slot.partuuid === running) ? running : null,
  };
}

/** The slot that GRUB boots: the one it counted, or, for an entry that counts none, the one it names. */
function slotOfBoot(grub: GrubBoot | null, disk: ObservedDisk, next: SlotState | null): PlannedSlot | null {
  const { running, slots } = disk;
  if (grub === null || grub.tokens === null) return next === null ? null : planned(next, running, true);
  const counted = (grub.result.gptprio.at(-1)?.slot ?? null) !== null;
  const named = slotNamed(grub.tokens, slots);
  if (named === null) return null;
  return planned(named, running, counted);
}

/** @param counted Whether GRUB takes a try of it. */
function planned(slot: SlotState, running: string | null, counted: boolean): PlannedSlot {
  return {
    ...slot,
    triesAfter: counted ? triesAfter(slot) : slot.tries,
    gptWrite: counted && slot.tries > 0,
    running: slot.partuuid === running,
  };
}

function plannedKernel(grub: GrubBoot | null): PlannedKernel | null {
  const image: KernelImage | null = grub?.kernel?.ok === true ? grub.kernel.kernel : null;
  const linux = grub?.result.linux ?? null;
  if (grub === null || image === null || linux === null || grub.kernelFile === null) return null;
  return {
    path: linux.kernel,
    file: grub.kernelFile,
    format: image.format,
    version: image.version,
    size: image.size,
    usrhash: image.usrhash,
  };
}

function draftOf(
  grub: GrubBoot,
  facts: HostFacts,
  slot: PlannedSlot | null,
  kernel: PlannedKernel | null,
  syscall: Syscall,
): PlanDraft | null {
  if (grub.tokens === null || grub.result.linux === null) return null;
  const tokens = grub.tokens;
  return {
    arch: facts.arch,
    platform: facts.platform,
    slot: slot === null ? null : { label: slot.label, partition: slot.partition, partuuid: slot.partuuid },
    kernel: kernel === null ? null : { path: kernel.path, version: kernel.version, usrhash: kernel.usrhash },
    tokens,
    firstBoot: tokens.some((token) => isFirstBootWord(token.text)),
    oem: { id: lastValueOf(tokens, ["flatcar.oem.id", "coreos.oem.id"]) },
    syscall,
    runningCmdline: facts.cmdline,
  };
}

function lastValueOf(tokens: readonly PlannedToken[], keys: readonly string[]): string | null {
  const found = tokens.findLast((token) => keys.some((key) => token.text.startsWith(`${key}=`)));
  return found === undefined ? null : found.text.slice(found.text.indexOf("=") + 1);
}

/** Does the kernel belong to the /usr of the slot? Null where there is no hash or no slot to compare. */
function provePairing(
  disk: ObservedDisk,
  slot: SlotState | null,
  kernel: PlannedKernel | null,
): PairingResult | null {
  if (
    disk.gpt === null || disk.block === null || slot === null || kernel === null || kernel.usrhash === null
  ) {
    return null;
  }
  const partition = partitionByUuid(disk.gpt, slot.partuuid);
  const range = partition === null ? null : byteRange(disk.gpt, partition);
  const label = `partition ${slot.partition} (${slot.label})`;
  if (range === null) {
    return {
      ok: false,
      id: "pairing-mismatch",
      message: `Cannot compare the kernel with /usr: ${label} does not lie on ${disk.block.path}`,
      hint: "look at the partition table with: sgdisk --verify",
    };
  }
  return verifyPairing(disk.block, range, kernel.usrhash, label);
}

/** Does the same code come to the command line of the boot that is running? */
function proveParity(
  host: Host,
  facts: HostFacts,
  disk: ObservedDisk,
  main: MainConfig,
  config: Config,
): Parity {
  const running = facts.cmdline;
  const slot = disk.slots.find((candidate) => candidate.partuuid === disk.running) ?? null;
  if (running === null) return compareParity(null, null, facts.arch);
  if (slot === null) {
    return { verdict: "unknown", reason: "the running system does not use a slot of this disk" };
  }
  if (!main.ok) return { verdict: "unknown", reason: "GRUB's configuration cannot be read" };
  const firstBoot = /(?:^| )(?:flatcar|coreos)\.first_boot=detected(?: |$)/.test(running);
  const boot = runGrub(host, facts, disk.gpt, main, { slot, firstBoot });
  const byGrub = compareParity(running, boot.tokens, facts.arch);
  const marker = markerOf(running);
  if (byGrub.verdict === "match" || boot.tokens === null) return byGrub;
  const syscall = chooseSyscall(config.kexec.syscall, facts.arch);
  const bootedSlot = slotOfBoot(boot, disk, slot);
  const draft = draftOf(boot, facts, bootedSlot, plannedKernel(boot), syscall);
  if (draft === null) return byGrub;
  const adjusted = administratorTokens(
    runPlugins({ host, facts, config: config.plugins, draft }).tokens,
    config.cmdline,
  );
  const byKexec = compareParity(
    running,
    marker === null ? adjusted : [...adjusted, markerToken(marker)],
    facts.arch,
  );
  return byKexec.verdict === "match" || marker !== null ? byKexec : byGrub;
}

/** Files that must not change between load and the jump. */
function watchedPaths(main: MainConfig, grub: GrubBoot | null, config: Config): readonly string[] {
  return [
    ...config.kexec.initrds,
    ...(main.ok ? [main.path] : []),
    "/oem/grub.cfg",
    ...(grub?.kernelFile === null || grub === null ? [] : [grub.kernelFile]),
  ];
}
