/**
 * Facts about a host that checks and plugins decide by, read once through a {@link Host}. What could not be
 * read is null, never a guess.
 *
 * @module
 */
import type { Arch } from "./host.ts";

export interface HostFacts {
  readonly arch: Arch;
  /** Which GRUB booted, or would boot, this machine. */
  readonly platform: "pc" | "efi" | "xen";
  /** `/proc/sys/kernel/osrelease`: `6.12.103-flatcar`. */
  readonly kernelRelease: string | null;
  /** `/proc/cmdline` without its line end. */
  readonly cmdline: string | null;
  readonly bootId: string | null;
  readonly oem: {
    /** `flatcar.oem.id` (or `coreos.oem.id`) of the running command line. */
    readonly id: string | null;
    /** `/oem/oem-release`, unquoted. */
    readonly release: Readonly<Record<string, string>>;
  };
  /** `/usr/lib/os-release`, unquoted. */
  readonly osRelease: Readonly<Record<string, string>>;
  /** Readable attributes of `/sys/class/dmi/id`, serial numbers and UUIDs left out. */
  readonly dmi: Readonly<Record<string, string>>;
  readonly virtualization:
    | "none"
    | "kvm"
    | "qemu"
    | "vmware"
    | "microsoft"
    | "xen"
    | "amazon"
    | "google"
    | "oracle"
    | "other";
  readonly confidentialVm: "sev" | "sev-snp" | "tdx" | null;
  readonly firmware: {
    readonly efi: boolean;
    readonly secureBoot: boolean | null;
    readonly setupMode: boolean | null;
    /** ACPI tables are in use (`/sys/firmware/acpi/tables`). */
    readonly acpi: boolean;
    /** `/sys/firmware/fdt` is there. */
    readonly deviceTree: boolean;
    /** `model` of the device tree. */
    readonly model: string | null;
  };
  readonly lockdown: "none" | "integrity" | "confidentiality" | null;
  readonly kexec: { readonly loaded: boolean | null; readonly loadDisabled: boolean | null };
  /** KiB, from `/proc/meminfo`. */
  readonly memory: { readonly total: number | null; readonly available: number | null };
  readonly cpus: { readonly online: number | null; readonly possible: number | null };
  /** Names of loaded modules, sorted. */
  readonly modules: readonly string[];
}
