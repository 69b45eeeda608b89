/**
 * Which hardware description the next arm64 kernel gets.
 *
 * What it knows:
 * - Servers with ACPI find their tables through EFI; the flattened tree at /sys/firmware/fdt then holds little more
 *   than /chosen, written by the EFI stub (kernel Documentation/arch/arm64/acpi_object_usage.rst and
 *   Documentation/arch/arm/uefi.rst). Boards without ACPI, such as the Raspberry Pi 4 with UEFI firmware in device
 *   tree mode, are described by that tree alone, overlays included.
 * - kexec_load: kexec-tools takes the tree from `--dtb`, else /sys/firmware/fdt, else /proc/device-tree, replaces
 *   /chosen's bootargs and gives a fresh kaslr-seed; it stops if the seed it finds was not wiped
 *   (kexec-tools kexec/arch/arm64/kexec-arm64.c).
 * - A kernel told `nokaslr` does not look at the seed, and so does not wipe it (as of kernel 6.1:
 *   arch/arm64/kernel/pi/kaslr_early.c).
 * - kexec_file_load has no argument for a tree. The kernel copies the running one, and `--dtb` is ignored
 *   (kernel drivers/of/kexec.c). Flatcar's arm64 kernels do not have the call at all.
 * - `acpi=off` wins over GRUB's own `acpi=force` wherever it stands. With `acpi=force` a kernel that finds no
 *   usable tables does not turn to the tree instead (kernel arch/arm64/kernel/acpi.c).
 * - Raspberry Pi 4: kexec was switched off by Talos for hangs (siderolabs/talos#4608); the firmware mailbox and the
 *   xHCI controller keep their state over a kexec.
 */
import type { PlanContext, Plugin, PluginFinding } from "../src/plugin/api.ts";

interface Options {
  /** Host path of the tree to hand on, or null: the running one. */
  readonly dtb: string | null;
}

const SEED = "/proc/device-tree/chosen/kaslr-seed";

export default {
  name: "arm64-dtb",
  apiVersion: 1,
  description: "decides which device tree an arm64 kernel is handed",
  reads: [SEED],
  options(raw) {
    const unknown = Object.keys(raw).find((key) => key !== "dtb");
    if (unknown !== undefined) throw new Error(`${unknown}: no such option; there is only dtb`);
    const dtb = raw["dtb"] ?? null;
    if (dtb === null || dtb === "running") return { dtb: null };
    if (typeof dtb === "string" && dtb.startsWith("/")) return { dtb };
    throw new Error(`dtb: expected an absolute path or "running", found ${JSON.stringify(dtb)}`);
  },
  matches: ({ host }) => host.arch === "aarch64",
  hooks: {
    deviceTree: ({ options, plan }) => plan.syscall === "load" ? options.dtb : null,
    check: (context) => [...treeFindings(context), ...boardFindings(context)],
  },
} satisfies Plugin<Options>;

function treeFindings(context: PlanContext<Options>): readonly PluginFinding[] {
  const { host, options, plan, files } = context;
  const findings: PluginFinding[] = [];
  if (options.dtb !== null && plan.syscall === "file") {
    findings.push({
      level: "refuse",
      message: `The configuration hands on ${options.dtb}, and kexec_file_load would ignore it: that call ` +
        "always copies the running device tree",
      hint: 'Set kexec.syscall = "load", or take dtb out of [plugins.arm64-dtb]',
    });
  }
  if (plan.syscall === "file") return findings;

  const seed = files[SEED];
  if (options.dtb === null && seed !== undefined && !wiped(seed)) {
    findings.push({
      level: "refuse",
      message: "The running device tree still has its kaslr-seed in /chosen: kexec-tools does not load it",
      hint:
        "A kernel without CONFIG_RANDOMIZE_BASE leaves the seed, and so does one that is told nokaslr; take the " +
        "word out of the OEM grub.cfg, or hand on a tree without seed with dtb = …",
    });
  }
  if (options.dtb === null && !host.firmware.deviceTree) {
    findings.push({
      level: "warn",
      message: "/sys/firmware/fdt is not there: kexec-tools puts a tree together from /proc/device-tree",
    });
  }
  return findings;
}

function boardFindings({ host, options, plan }: PlanContext<Options>): readonly PluginFinding[] {
  const off = plan.tokens.some((token) => token.text === "acpi=off");
  const findings: PluginFinding[] = [];
  if (host.firmware.acpi && off) {
    findings.push({
      level: "warn",
      message:
        "This boot uses ACPI, and the next one is told acpi=off: it has the device tree alone, which " +
        "on such a machine holds little more than /chosen",
      hint: "Take acpi=off out of the OEM grub.cfg, unless the tree is complete",
    });
  }
  if (host.firmware.acpi) return findings;
  const model = host.firmware.model;
  findings.push({
    level: "info",
    message: `${model ?? "This board"} is described by a device tree; the next kernel is handed ` +
      (options.dtb ?? "the running one, with its overlays"),
  });
  if (!off && plan.tokens.some((token) => token.text === "acpi=force")) {
    findings.push({
      level: "warn",
      message:
        "This boot uses no ACPI, and GRUB passes acpi=force: with it the next kernel does not fall back " +
        "to the device tree",
      hint: "Put acpi=off into linux_append in /oem/grub.cfg (flatcar/Flatcar#634)",
    });
  }
  if (model?.startsWith("Raspberry Pi 4") === true) {
    findings.push({
      level: "warn",
      message: "Kexec on a Raspberry Pi 4 is known to hang on some firmware: the mailbox and the USB " +
        "controller keep their state",
      hint: "Try it once with somebody beside the board",
    });
  }
  return findings;
}

/** The kernel overwrites the seed with zeros once it has used it. */
function wiped(seed: string): boolean {
  return [...seed].every((character) => character === "\0");
}
