/** Attempts, slots and boots for tests: USR-A (partition 3) runs, USR-B (4) holds the update. */
import type { CheckInput } from "../../src/checks/check.ts";
import type { PreparedEvent } from "../../src/journal/attempt.ts";
import type { BootFacts } from "../../src/journal/classify.ts";
import type { SlotState } from "../../src/gpt/slot.ts";
import type { KernelIdentity } from "../../src/kernel/identity.ts";

export const USR_A = "7130c94a-213a-4e5a-8e26-6cce9662f132";
export const USR_B = "e03dd35c-7c2d-4a47-b3fe-27f15780a57c";
export const HASH_B = "b".repeat(64);

export const OLD_KERNEL = "6.12.95-flatcar";
export const NEW_KERNEL = "6.12.103-flatcar";

export const NOW = new Date("2026-11-23T10:00:00.000Z");

export function slotA(over: Partial<SlotState> = {}): SlotState {
  return {
    partition: 3,
    partuuid: USR_A,
    label: "USR-A",
    priority: 1,
    tries: 0,
    successful: true,
    ...over,
  };
}

export function slotB(over: Partial<SlotState> = {}): SlotState {
  return {
    partition: 4,
    partuuid: USR_B,
    label: "USR-B",
    priority: 2,
    tries: 0,
    successful: false,
    ...over,
  };
}

export function prepared(over: Partial<PreparedEvent> = {}): PreparedEvent {
  return {
    event: "prepared",
    id: "attempt-1",
    at: "2026-11-23T09:58:00.000Z",
    bootId: "boot-1",
    tries: "spend",
    slot: { partition: 4, partuuid: USR_B, label: "USR-B" },
    triesBefore: 1,
    triesAfter: 0,
    kernelVersion: NEW_KERNEL,
    usrhash: HASH_B,
    cmdline: null,
    from: { partuuid: USR_A, kernelRelease: OLD_KERNEL },
    ...over,
  };
}

/** What the checks see of a kernel that is to be started. */
export function checkedKernel(
  { kernelVersion, usrhash, partuuid }: KernelIdentity,
): Pick<CheckInput, "slot" | "kernel"> {
  const kernel = { format: "bzImage", size: 1, cmdlineSize: 2047, memorySize: 1 } as const;
  return {
    slot: { ...slotB({ partuuid }), gptWrite: true },
    kernel: { ok: true, kernel: { ...kernel, version: kernelVersion, usrhash } },
  };
}

/** A boot of the update by kexec on x86. */
export function arrivedBoot(over: Partial<BootFacts> = {}): BootFacts {
  return {
    bootId: "boot-2",
    cmdline: "BOOT_IMAGE=/flatcar/vmlinuz-b mount.usr=/dev/mapper/usr flatcar.kexec=attempt-1",
    runningPartuuid: USR_B,
    kernelRelease: NEW_KERNEL,
    bootloaderType: 0xd0,
    slots: [slotA(), slotB()],
    ...over,
  };
}

/** A boot of the old system through GRUB. */
export function firmwareBoot(over: Partial<BootFacts> = {}): BootFacts {
  return {
    bootId: "boot-2",
    cmdline: "BOOT_IMAGE=/flatcar/vmlinuz-a mount.usr=/dev/mapper/usr",
    runningPartuuid: USR_A,
    kernelRelease: OLD_KERNEL,
    bootloaderType: 0x72,
    slots: [slotA(), slotB()],
    ...over,
  };
}
