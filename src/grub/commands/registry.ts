/**
 * Which commands a GRUB has. What it lacks is an unknown command, which GRUB takes for a success: the sets
 * decide what `if false` means.
 *
 * Flatcar's GRUB has a fixed list of modules in its image (`build_library/grub_install.sh`, CORE_MODULES). On
 * BIOS the others lie on the EFI system partition and are loaded when a command of theirs is used. On UEFI and
 * Xen they do so only on disks that were installed before November 2024; newer ones have nothing to load from.
 *
 * @module
 */
import { toUnicode } from "../bytes.ts";
import { type Call, type Interpreter } from "../interpreter.ts";
import { STATUS } from "../status.ts";
import * as boot from "./boot.ts";
import { configfile, source } from "./files.ts";
import { getenv, smbios } from "./firmware.ts";
import * as language from "./language.ts";
import { menuentry } from "./menu.ts";
import { parseOptions } from "./options.ts";
import { search, searchFor } from "./search.ts";

/** Runs a command; the result is what `$?` becomes. */
export type CommandFunction = (interpreter: Interpreter, call: Call) => number;

export type CommandSet = ReadonlyMap<string, CommandFunction>;

/** What GRUB finds beside its image, by `command.lst` in its folder of modules. */
export type GrubModules =
  | { readonly kind: "none" }
  | { readonly kind: "listed"; readonly commands: readonly string[] }
  /** There is a list, and nobody can say what is in it. */
  | { readonly kind: "unreadable" };

export const NO_MODULES: GrubModules = { kind: "none" };

/** Talks to the terminal or loads what is there; nothing that a script can see comes of it. */
function noEffect(): number {
  return STATUS.ok;
}

/** What lies in the core image is loaded already; what lies beside it is loaded when a command needs it. */
function insmod(interpreter: Interpreter, call: Call): number {
  const module = call.args[0];
  if (module === undefined) return interpreter.fail("one argument expected.", STATUS.badArgument);
  if (call.decides) {
    interpreter.leaveStatusOpen(call, `whether there is a module '${toUnicode(module.text)}' is not known`);
  }
  return STATUS.ok;
}

/** A command that exists and whose result we do not know; it may set any variable that its words name. */
function notModelled(interpreter: Interpreter, call: Call): number {
  interpreter.leaveStatusOpen(call, null);
  for (const { text } of call.args) {
    for (const name of namesIn(text)) interpreter.leaveVariableOpen(name, call);
  }
  return STATUS.ok;
}

/** Names of variables that a word may hold: `NAME`, `--set=NAME`, `--set=1:NAME`, `-sNAME`, `-s1:NAME`. */
function namesIn(word: string): readonly string[] {
  const name = word.startsWith("--") ? word.slice(word.indexOf("=") + 1) : word.replace(/^-./, "");
  return [name, name.slice(name.indexOf(":") + 1)];
}

/** A command after which nothing is known any more, and how that comes. */
function takesOver(reason: string): CommandFunction {
  return (interpreter, call) => {
    interpreter.diagnostics.add(call.origin, {
      id: "command-not-modelled",
      level: "refuse",
      message: `\`${call.name}\` ${reason}`,
    });
    return STATUS.ok;
  };
}

/** `load_env [-f FILE] [-s] NAME…`: without a name it takes all that the file holds. */
function loadEnv(interpreter: Interpreter, call: Call): number {
  const { rest } = parseOptions(call.args, [
    { name: "file", short: "f", value: "needed" },
    { name: "skip-sig", short: "s", value: "none" },
  ]);
  return rest.length === 0 ? setsAnything(interpreter, call) : notModelled(interpreter, call);
}

function hwmatch(interpreter: Interpreter, call: Call): number {
  interpreter.leaveVariableOpen("match", call);
  return notModelled(interpreter, call);
}

const runsAnything = takesOver("runs something that cannot be followed");
const setsAnything = takesOver("may set any variable to what nobody can know but GRUB");

const LANGUAGE: Readonly<Record<string, CommandFunction>> = {
  "[": language.testCommand,
  test: language.testCommand,
  set: language.set,
  insmod,
  unset: language.unset,
  export: language.exportVariable,
  break: language.breakCommand,
  continue: language.continueCommand,
  return: language.returnCommand,
  shift: language.shift,
  setparams: language.setparams,
  echo: language.echo,
  source,
  ".": source,
  configfile,
  menuentry,
  submenu: menuentry,
  search,
  "search.fs_uuid": searchFor("fs-uuid"),
  "search.part_label": searchFor("part-label"),
};

const EXTRA_LANGUAGE: Readonly<Record<string, CommandFunction>> = {
  true: language.trueCommand,
  false: language.falseCommand,
  eval: language.evalCommand,
  "search.fs_label": searchFor("label"),
  "search.file": searchFor("file"),
};

const BOOT: Readonly<Record<string, CommandFunction>> = {
  linux: boot.linux,
  initrd: boot.initrd,
  boot: boot.boot,
  "gptprio.next": boot.gptprioNext,
  read: boot.wait,
  normal_exit: boot.leave,
  exit: boot.leave,
};

const QUIET = [
  "serial",
  "terminal_input",
  "terminal_output",
  "terminfo",
  "clear",
  "trust",
  "distrust",
  "list_trusted",
] as const;

/** In the core image besides: they exist, but what they find is the machine's. */
const CORE_NOT_MODELLED = [
  "authenticate",
  "extract_entries_configfile",
  "extract_entries_source",
  "gettext",
  "ls",
  "net_add_addr",
  "net_add_dns",
  "net_add_route",
  "net_bootp",
  "net_bootp6",
  "net_del_addr",
  "net_del_dns",
  "net_del_route",
  "net_dhcp",
  "net_get_dhcp_option",
  "net_ipv6_autoconf",
  "net_ls_addr",
  "net_ls_cards",
  "net_ls_dns",
  "net_ls_routes",
  "net_nslookup",
  "normal",
  "verify_detached",
] as const;

/** Those of the commands that are not modelled after which there is no going on. */
const TAKES_OVER: Readonly<Record<string, CommandFunction>> = {
  ...Object.fromEntries(
    [
      "extract_entries_configfile",
      "extract_entries_source",
      "extract_legacy_entries_configfile",
      "extract_legacy_entries_source",
      "extract_syslinux_entries_configfile",
      "extract_syslinux_entries_source",
      "legacy_configfile",
      "legacy_source",
      "normal",
      "syslinux_configfile",
      "syslinux_source",
      "time",
    ].map((name) => [name, runsAnything]),
  ),
  ...Object.fromEntries(
    ["net_add_addr", "net_bootp", "net_bootp6", "net_dhcp", "net_ipv6_autoconf"].map((name) => [
      name,
      setsAnything,
    ]),
  ),
  load_env: loadEnv,
  hwmatch,
  nativedisk: takesOver("gives all disks other names"),
  // Its module also has GRUB take an unquoted `*` for the names of files.
  regexp: takesOver("has every later `*` stand for files, which cannot be followed"),
};

const BIOS_QUIET = [
  "background_color",
  "background_image",
  "keymap",
  "loadfont",
  "play",
  "sleep",
  "password",
  "password_pbkdf2",
  "rmmod",
] as const;

const BIOS_LOADERS = [
  "chainloader",
  "freedos",
  "kfreebsd",
  "knetbsd",
  "kopenbsd",
  "legacy_kernel",
  "multiboot",
  "multiboot2",
  "ntldr",
  "plan9",
  "pxechainloader",
  "truecrypt",
  "xnu_kernel",
  "xnu_kernel64",
] as const;

const BIOS_NOT_MODELLED = (
  "915resolution acpi backtrace badram blocklist cat cbmemc cmosclean cmosdump cmosset cmostest cmp " +
  "coreboot_boottime cpuid crc cryptomount cutmem date drivemap dump efiemu_loadcore efiemu_prepare " +
  "efiemu_unload extract_legacy_entries_configfile extract_legacy_entries_source " +
  "extract_syslinux_entries_configfile extract_syslinux_entries_source file gptrepair gptsync hashsum " +
  "hdparm hello help hexdump hexdump_random hwmatch inb initrd16 inl inw keystatus legacy_check_password " +
  "legacy_configfile legacy_initrd legacy_initrd_nounzip legacy_password legacy_source list_env load_env " +
  "loopback lsacpi lsapm lscoreboot lsfonts lsmmap lsmod lspci macppcbless mactelbless md5sum module module2 " +
  "nativedisk outb outl outw parttool pcidump probe rdmsr read_byte read_dword read_word regexp save_env " +
  "sendkey setpci sha1sum sha256sum sha512sum syslinux_configfile syslinux_source testload testspeed time tr " +
  "usb vbeinfo vbetest videoinfo videotest write_byte write_dword write_word wrmsr xnu_uuid zfs-bootfs zfskey " +
  "zfsinfo"
).split(" ");

/**
 * Commands of older Flatcar and CoreOS images. They count only where the main configuration itself uses them:
 * GRUB and its configuration were installed together.
 */
const LEGACY: Readonly<Record<string, CommandFunction>> = {
  getenv,
  smbios,
  linuxefi: boot.linux,
  initrdefi: boot.initrd,
  linux16: boot.linux,
  initrd16: boot.initrd,
  trust_var: noEffect,
};

function add(
  set: Map<string, CommandFunction>,
  names: readonly string[],
  command: CommandFunction,
): void {
  for (const name of names) set.set(name, command);
}

const sets = new Map<string, CommandSet>();

/** The commands of Flatcar's GRUB; on BIOS the modules are always there. */
export function flatcarCommands(
  platform: "pc" | "efi" | "xen",
  modules: GrubModules = NO_MODULES,
): CommandSet {
  const core = coreCommands(platform);
  if (platform === "pc" || modules.kind === "none") return core;
  const full = coreCommands("pc");
  const set = new Map(core);
  if (modules.kind === "listed") {
    for (const name of modules.commands) {
      const legacy = Object.hasOwn(LEGACY, name) ? LEGACY[name] : undefined;
      if (legacy !== undefined) set.set(name, legacy);
      else if (!core.has(name)) set.set(name, full.get(name) ?? notModelled);
    }
  } else {
    for (const name of full.keys()) if (!core.has(name)) set.set(name, notModelled);
  }
  return set;
}

function coreCommands(platform: "pc" | "efi" | "xen"): CommandSet {
  const known = sets.get(platform);
  if (known !== undefined) return known;
  const set = new Map<string, CommandFunction>();
  add(set, CORE_NOT_MODELLED, notModelled);
  add(set, QUIET, noEffect);
  for (const [name, command] of Object.entries({ ...LANGUAGE, ...BOOT })) set.set(name, command);
  for (const [name, command] of Object.entries(LEGACY)) set.set(name, ofMainConfiguration(command));
  if (platform === "pc") {
    add(set, BIOS_NOT_MODELLED, notModelled);
    add(set, BIOS_QUIET, noEffect);
    add(set, BIOS_LOADERS, boot.otherLoader);
    add(set, ["halt", "reboot"], boot.leave);
    for (const [name, command] of Object.entries(EXTRA_LANGUAGE)) set.set(name, command);
    for (const name of ["linux16", "initrd16", "smbios"]) set.set(name, LEGACY[name] ?? notModelled);
  }
  for (const [name, command] of Object.entries(TAKES_OVER)) if (set.has(name)) set.set(name, command);
  sets.set(platform, set);
  return set;
}

/** A command that exists only where the main configuration calls it. */
function ofMainConfiguration(command: CommandFunction): CommandFunction {
  return (interpreter, call) =>
    interpreter.isMainFile(call.origin.file) ? command(interpreter, call) : interpreter.unknown(call);
}

/** Every command that this interpreter knows: GRUB as Debian's grub-emu has it, for comparisons with that. */
export function allCommands(): CommandSet {
  const set = new Map(coreCommands("pc"));
  for (const [name, command] of Object.entries(LEGACY)) set.set(name, command);
  return set;
}
