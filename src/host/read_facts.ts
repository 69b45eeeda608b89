import { readEfiFlag } from "./efi_variables.ts";
import type { HostFacts } from "./facts.ts";
import type { Host } from "./host.ts";
import { parseOsRelease } from "./os_release.ts";
import { exists, readAttribute, readText } from "./text.ts";
import { cpuFlags, detectConfidentialVm, detectVirtualization } from "./virtualization.ts";

/** Attributes of /sys/class/dmi/id that are the same for every machine of a kind. */
const DMI_ATTRIBUTES = [
  "bios_date",
  "bios_vendor",
  "bios_version",
  "board_name",
  "board_vendor",
  "board_version",
  "chassis_asset_tag",
  "chassis_type",
  "chassis_vendor",
  "product_family",
  "product_name",
  "product_sku",
  "product_version",
  "sys_vendor",
] as const;

/** What Azure's machines all have as asset tag; any other is the owner's own, and left out. */
export const AZURE_ASSET_TAG = "7783-7084-3265-9085-8269-3286-77";

/** How many processors a list such as `0-3,8` names; null for anything else. */
export function countCpus(list: string | null): number | null {
  if (list === null || !/^\d+(-\d+)?(,\d+(-\d+)?)*$/.test(list)) return null;
  let count = 0;
  for (const range of list.split(",")) {
    const [first = 0, last = first] = range.split("-").map(Number);
    count += last - first + 1;
  }
  return count;
}

function readDmi(host: Host): Readonly<Record<string, string>> {
  const dmi: Record<string, string> = {};
  // Most arm64 boards have none: one question instead of fourteen.
  if (!exists(host, "/sys/class/dmi/id")) return dmi;
  for (const name of DMI_ATTRIBUTES) {
    const value = readAttribute(host, `/sys/class/dmi/id/${name}`);
    if (value === null || value === "") continue;
    if (name === "chassis_asset_tag" && value !== AZURE_ASSET_TAG) continue;
    dmi[name] = value;
  }
  return dmi;
}

function readMemory(host: Host): HostFacts["memory"] {
  const text = readAttribute(host, "/proc/meminfo") ?? "";
  const field = (name: string): number | null => {
    const value = new RegExp(`^${name}:\\s*([0-9]+) kB$`, "m").exec(text)?.[1];
    return value === undefined ? null : Number(value);
  };
  return { total: field("MemTotal"), available: field("MemAvailable") };
}

function readLockdown(host: Host): HostFacts["lockdown"] {
  const active = /\[([a-z]+)\]/.exec(readAttribute(host, "/sys/kernel/security/lockdown") ?? "")?.[1];
  return active === "none" || active === "integrity" || active === "confidentiality" ? active : null;
}

function readFlag(host: Host, path: string): boolean | null {
  const value = readAttribute(host, path);
  return value === "1" ? true : value === "0" ? false : null;
}

function oemOfCmdline(cmdline: string | null): string | null {
  let id: string | null = null;
  for (const word of (cmdline ?? "").split(/\s+/)) {
    const match = /^(?:flatcar|coreos)\.oem\.id=(.+)$/.exec(word);
    if (match?.[1] !== undefined) id = match[1];
  }
  return id;
}

/** Read the facts: some thirty small files, no program is run. */
export function readFacts(host: Host): HostFacts {
  const { arch } = host;
  const line = readText(host, "/proc/cmdline");
  const cmdline = line.ok ? line.value.replace(/\n$/, "") : null;
  const dmi = readDmi(host);
  const flags = cpuFlags(host);
  const efi = exists(host, "/sys/firmware/efi");
  const isXenPv = readAttribute(host, "/sys/hypervisor/guest_type") === "PV";
  const release = readAttribute(host, "/oem/oem-release") ??
    readAttribute(host, "/usr/share/oem/oem-release");
  const modules = readAttribute(host, "/proc/modules") ?? "";
  return {
    arch,
    platform: isXenPv ? "xen" : efi ? "efi" : "pc",
    kernelRelease: readAttribute(host, "/proc/sys/kernel/osrelease"),
    cmdline,
    bootId: readAttribute(host, "/proc/sys/kernel/random/boot_id"),
    oem: { id: oemOfCmdline(cmdline), release: parseOsRelease(release ?? "") },
    osRelease: parseOsRelease(readAttribute(host, "/usr/lib/os-release") ?? ""),
    dmi,
    virtualization: detectVirtualization(host, arch, dmi, flags),
    confidentialVm: detectConfidentialVm(host, flags),
    firmware: {
      efi,
      secureBoot: efi ? readEfiFlag(host, "SecureBoot") : null,
      setupMode: efi ? readEfiFlag(host, "SetupMode") : null,
      acpi: exists(host, "/sys/firmware/acpi/tables"),
      deviceTree: exists(host, "/sys/firmware/fdt"),
      model: readAttribute(host, "/proc/device-tree/model"),
    },
    lockdown: readLockdown(host),
    kexec: {
      loaded: readFlag(host, "/sys/kernel/kexec_loaded"),
      loadDisabled: readFlag(host, "/proc/sys/kernel/kexec_load_disabled"),
    },
    memory: readMemory(host),
    cpus: {
      online: countCpus(readAttribute(host, "/sys/devices/system/cpu/online")),
      possible: countCpus(readAttribute(host, "/sys/devices/system/cpu/possible")),
    },
    modules: modules.split("\n").map((line) => line.split(" ")[0] ?? "").filter((name) => name !== "").sort(),
  };
}
