/**
 * What the machine runs on, by what the firmware and the kernel say of themselves: no program is run and no
 * instruction executed, so that a recorded host gives the same answer.
 *
 * @module
 */
import type { HostFacts } from "./facts.ts";
import type { Arch, Host } from "./host.ts";
import { exists, readAttribute } from "./text.ts";

type Virtualization = HostFacts["virtualization"];

/** The beginning of each vendor's or product's name in the DMI tables; the first that fits counts. */
const DMI_NAMES: readonly (readonly [string, Virtualization])[] = [
  ["Amazon EC2", "amazon"],
  ["Google", "google"],
  ["VMware", "vmware"],
  ["VMW", "vmware"],
  ["innotek GmbH", "oracle"],
  ["VirtualBox", "oracle"],
  ["Xen", "xen"],
  ["Parallels", "other"],
  ["BHYVE", "other"],
  ["Apple Virtualization", "other"],
  ["KVM", "kvm"],
  ["OpenStack", "kvm"],
  ["KubeVirt", "kvm"],
  ["oVirt", "kvm"],
  ["QEMU", "qemu"],
  ["Bochs", "qemu"],
];

/** The first processor's entry is enough, and reading all is slow where there are hundreds. */
const CPUINFO_LENGTH = 4096;

/** Flags of the first processor in `/proc/cpuinfo`; empty if it cannot be read. */
export function cpuFlags(host: Host): ReadonlySet<string> {
  const bytes = host.readRange("/proc/cpuinfo", 0, CPUINFO_LENGTH);
  if (!bytes.ok) return new Set();
  const line = /^(?:flags|Features)\s*:(.*)$/m.exec(new TextDecoder().decode(bytes.value))?.[1] ?? "";
  return new Set(line.split(/\s+/).filter((flag) => flag !== ""));
}

function byDmi(dmi: HostFacts["dmi"]): Virtualization | null {
  const {
    ["sys_vendor"]: system,
    ["product_name"]: product,
    ["board_vendor"]: board,
    ["bios_vendor"]: bios,
  } = dmi;
  if (system === "Microsoft Corporation" && product === "Virtual Machine") return "microsoft";
  for (const text of [product, system, board, bios]) {
    const found = DMI_NAMES.find(([name]) => text?.startsWith(name) === true);
    if (found !== undefined) return found[1];
  }
  return null;
}

export function detectVirtualization(
  host: Host,
  arch: Arch,
  dmi: HostFacts["dmi"],
  flags: ReadonlySet<string>,
): Virtualization {
  if (readAttribute(host, "/sys/hypervisor/type") === "xen") {
    // Xen's own control domain runs on the real machine, but under Xen all the same.
    return "xen";
  }
  // EC2's bare-metal types have Amazon's DMI tables too.
  const named = dmi["product_name"]?.endsWith(".metal") === true ? null : byDmi(dmi);
  // Only x86 says in its flags that it is virtual; there, firmware by a cloud's vendor on real hardware is not.
  if (arch === "x86_64" && flags.size > 0 && !flags.has("hypervisor")) return "none";
  if (named !== null && named !== "qemu") return named;
  if (named === "qemu" || flags.has("hypervisor")) {
    const clocks =
      readAttribute(host, "/sys/devices/system/clocksource/clocksource0/available_clocksource") ?? "";
    if (clocks.includes("kvm-clock")) return "kvm";
    if (clocks.includes("hyperv_clocksource")) return "microsoft";
    return named ?? "other";
  }
  const compatible = readAttribute(host, "/proc/device-tree/hypervisor/compatible");
  if (compatible?.includes("xen") === true) return "xen";
  if (compatible?.includes("kvm") === true) return "kvm";
  if (readAttribute(host, "/proc/device-tree/model") === "linux,dummy-virt") return "qemu";
  return compatible === null ? "none" : "other";
}

/** Whether this is a confidential virtual machine, by the guest's own device nodes and processor flags. */
export function detectConfidentialVm(host: Host, flags: ReadonlySet<string>): HostFacts["confidentialVm"] {
  if (exists(host, "/dev/tdx_guest") || exists(host, "/dev/tdx-guest") || flags.has("tdx_guest")) {
    return "tdx";
  }
  if (exists(host, "/dev/sev-guest")) return "sev-snp";
  // On real hardware these flags are what the processor could do for its guests.
  if (!flags.has("hypervisor")) return null;
  if (flags.has("sev_snp")) return "sev-snp";
  return flags.has("sev") || flags.has("sev_es") ? "sev" : null;
}
