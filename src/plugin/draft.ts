/**
 * What plugins are shown of the plan while it is being made. Plain data: an external plugin gets it as JSON.
 *
 * @module
 */
import type { Arch } from "../host/host.ts";

/** One word of the command line and who wrote it. */
export interface Token {
  readonly text: string;
  /** `grub.cfg:76`, `oem/grub.cfg:3`, `plugin:NAME`, `kernel`, `config` or `marker`. */
  readonly origin: string;
}

/** The plan as GRUB's result gives it, before any plugin. */
export interface PlanDraft {
  readonly arch: Arch;
  /** Which GRUB chose. */
  readonly platform: "pc" | "efi" | "xen";
  readonly slot: {
    readonly label: string;
    readonly partition: number;
    readonly partuuid: string;
  } | null;
  readonly kernel: {
    /** Path as GRUB names it: `/flatcar/vmlinuz-b`. */
    readonly path: string;
    readonly version: string | null;
    /** dm-verity root hash of the slot's /usr, 64 lower-case hex digits. */
    readonly usrhash: string | null;
  } | null;
  /** The words of the command line, `BOOT_IMAGE=` first. */
  readonly tokens: readonly Token[];
  readonly firstBoot: boolean;
  readonly oem: { readonly id: string | null };
  /** The system call that will load the kernel: kexec_file_load or kexec_load. */
  readonly syscall: "file" | "load";
  /** Command line of the running kernel, null if it could not be read. */
  readonly runningCmdline: string | null;
}
