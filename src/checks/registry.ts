/**
 * All checks, in the order in which their findings are shown: first what makes the rest pointless, last what is
 * only good to know.
 *
 * @module
 */
import { arm64NoCpuHotplug } from "./arm64_no_cpu_hotplug.ts";
import { bootNotConfirmed } from "./boot_not_confirmed.ts";
import type { Check } from "./check.ts";
import { cmdlineTooLong } from "./cmdline_too_long.ts";
import { confidentialVm } from "./confidential_vm.ts";
import { configNotUnderstood } from "./config_not_understood.ts";
import { firmwareRequestPending } from "./firmware_request_pending.ts";
import { firstBootChanged } from "./first_boot_changed.ts";
import { foreignKernelLoaded } from "./foreign_kernel_loaded.ts";
import { gptInvalid } from "./gpt_invalid.ts";
import { gpuDriver } from "./gpu_driver.ts";
import { kernelFormat } from "./kernel_format.ts";
import { kernelMissing } from "./kernel_missing.ts";
import { kexecDisabled } from "./kexec_disabled.ts";
import { kexecToolsMissing } from "./kexec_tools_missing.ts";
import { kexecToolsVersion } from "./kexec_tools_version.ts";
import { lockdown } from "./lockdown.ts";
import { memoryLow } from "./memory_low.ts";
import { netbootConfig } from "./netboot_config.ts";
import { newBootLayout } from "./new_boot_layout.ts";
import { noSlot } from "./no_slot.ts";
import { notFlatcar } from "./not_flatcar.ts";
import { oemAmbiguous } from "./oem_ambiguous.ts";
import { pairingMismatch } from "./pairing_mismatch.ts";
import { parityMismatch } from "./parity_mismatch.ts";
import { parityUnknown } from "./parity_unknown.ts";
import { platformAzure } from "./platform_azure.ts";
import { platformGce } from "./platform_gce.ts";
import { platformXen } from "./platform_xen.ts";
import { pluginFailed } from "./plugin_failed.ts";
import { pluginNote } from "./plugin_note.ts";
import { pluginVeto } from "./plugin_veto.ts";
import { quarantined } from "./quarantined.ts";
import { secureBoot } from "./secure_boot.ts";
import { slotChanged } from "./slot_changed.ts";
import { syscallUnavailable } from "./syscall_unavailable.ts";
import { tooManyKexecs } from "./too_many_kexecs.ts";
import { tpmUnlock } from "./tpm_unlock.ts";
import { updateEngineBusy } from "./update_engine_busy.ts";
import { usrhashMissing } from "./usrhash_missing.ts";
import { watchdogMissing } from "./watchdog_missing.ts";

export const CHECKS: readonly Check[] = [
  notFlatcar,
  gptInvalid,
  configNotUnderstood,
  noSlot,
  newBootLayout,
  kernelMissing,
  kernelFormat,
  usrhashMissing,
  pairingMismatch,
  cmdlineTooLong,
  parityMismatch,
  parityUnknown,
  netbootConfig,
  oemAmbiguous,
  foreignKernelLoaded,
  updateEngineBusy,
  slotChanged,
  firstBootChanged,
  bootNotConfirmed,
  firmwareRequestPending,
  secureBoot,
  lockdown,
  kexecDisabled,
  kexecToolsMissing,
  kexecToolsVersion,
  syscallUnavailable,
  memoryLow,
  arm64NoCpuHotplug,
  platformXen,
  platformAzure,
  platformGce,
  confidentialVm,
  tpmUnlock,
  gpuDriver,
  quarantined,
  tooManyKexecs,
  pluginFailed,
  pluginVeto,
  pluginNote,
  watchdogMissing,
];
