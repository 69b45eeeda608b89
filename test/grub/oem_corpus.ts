/**
 * OEM files, and the arguments that real GRUB gives to `linux` for each of them under a main configuration of
 * Flatcar's shape, on BIOS, UEFI and arm64.
 *
 * grub-emu has neither slots nor partition names nor `linux`: the copies it gets call functions in their place.
 * The commands that Flatcar's GRUB on UEFI lacks are renamed there, so that this GRUB does not know them either.
 * The partitions are tar archives on loop devices, so that no disk image and no privilege is needed.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createTar } from "nanotar";
import { emptyEnvironment, MISSING } from "../../src/grub/environment.ts";
import { evaluate } from "../../src/grub/evaluate.ts";
import type { GrubCpu, GrubPlatform } from "../../src/grub/platform.ts";
import type { GrubResult } from "../../src/grub/result.ts";
import { normalize } from "./grub_emu.ts";

export interface Target {
  readonly name: string;
  readonly platform: GrubPlatform;
  readonly cpu: GrubCpu;
}

export const TARGETS: readonly Target[] = [
  { name: "pc", platform: "pc", cpu: "i386" },
  { name: "efi", platform: "efi", cpu: "x86_64" },
  { name: "arm64", platform: "efi", cpu: "arm64" },
];

export interface OemCase {
  /** With its marks: `(absent)`, `(first boot)`, `(escaped)`, `(no newline)`. */
  readonly title: string;
  readonly script: string;
  /** What was shown, target by target. */
  readonly expected: Readonly<Record<string, string>>;
}

export const USR_A = "7130c94a-213a-4e5a-8e26-6cce9662f132";
const PATH = new URL("./oem_files.txt", import.meta.url).pathname;

/** What `source ($oem)/more.cfg` finds. */
const MORE = 'set linux_append="$linux_append more"\nset oem_id="more"\n';

export function readOemCases(): readonly OemCase[] {
  return readFileSync(PATH, "utf-8").split(/^=== /m).slice(1).map((part) => {
    const [head = "", ...answers] = part.split(/^--- (?=(?:pc|efi|arm64)$)/m);
    const end = head.indexOf("\n");
    const expected: Record<string, string> = {};
    for (const answer of answers) {
      const line = answer.indexOf("\n");
      expected[answer.slice(0, line)] = answer.slice(line + 1);
    }
    return { title: head.slice(0, end), script: head.slice(end + 1), expected };
  });
}

export function writeOemCases(cases: readonly OemCase[]): void {
  writeFileSync(
    PATH,
    cases.map(({ title, script, expected }) =>
      `=== ${title}\n${script}` +
      Object.entries(expected).map(([target, shown]) => `--- ${target}\n${shown}`).join("")
    ).join(""),
  );
}

/** Content of the OEM file; null: there is no OEM partition. */
export function oemBytes(one: OemCase): Uint8Array | null {
  if (one.title.includes("(absent)")) return null;
  let bytes = Buffer.from(one.script, "utf-8");
  if (one.title.includes("(escaped)")) {
    bytes = Buffer.from(
      one.script.replaceAll(
        /\\x([0-9a-f]{2})/g,
        (_all, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)),
      ),
      "latin1",
    );
  }
  return one.title.includes("(no newline)") ? bytes.subarray(0, -1) : bytes;
}

export function isFirstBoot(one: OemCase): boolean {
  return one.title.includes("(first boot)");
}

/** Flatcar's own main configuration as release images carry it; null where it is not at hand. */
export function flatcarMainConfiguration(): string | null {
  const shared = process.env["FLATCAR_KEXEC_SHARED"] ?? new URL("../../../shared", import.meta.url).pathname;
  const path = join(shared, "flatcar/grub.cfg");
  if (!existsSync(path)) return null;
  return readFileSync(path, "utf-8").replaceAll("@@MOUNTUSR@@", "mount.usr=/dev/mapper/usr verity.usr");
}

/** Evaluates as the plan does, with Flatcar's commands. */
export function evaluateOem(main: string, one: OemCase, target: Target): GrubResult {
  const oem = oemBytes(one);
  return evaluate({
    main: { name: "grub.cfg", bytes: Buffer.from(main, "utf-8") },
    platform: target.platform,
    cpu: target.cpu,
    environment: emptyEnvironment({
      bootDevice: "hd0,gpt1",
      search: (kind, value) =>
        kind === "part-label" && value === "OEM" && oem !== null
          ? { kind: "found", text: "hd0,gpt6" }
          : MISSING,
      file: (device, path) => {
        if (device === "hd0,gpt6" && path === "/grub.cfg" && oem !== null) {
          return { kind: "file", bytes: () => oem };
        }
        if (device === "hd0,gpt6" && path === "/more.cfg") {
          return { kind: "file", bytes: () => Buffer.from(MORE) };
        }
        if (device === "hd0,gpt1" && path === "/flatcar/first_boot" && isFirstBoot(one)) {
          return { kind: "file", bytes: () => Buffer.alloc(0) };
        }
        return { kind: "missing" };
      },
      gptprioNext: () => ({ device: "hd0,gpt3", uuid: USR_A }),
      shortName: (device, path) => `${device === "hd0,gpt6" ? "oem" : device}${path}`,
    }),
  });
}

/** The result as the kept answers show it. */
export function shownBy(result: GrubResult): string {
  const printed = normalize(Buffer.from(result.transcript, "utf-8").toString("latin1"));
  if (result.linux === null) return `${printed}NO KERNEL\n`;
  const args = [
    result.linux.kernel,
    ...result.linux.tokens.map((token) => token.spans.map(({ text }) => text).join("")),
  ];
  return printed +
    args.map((arg) => `ARG[${normalize(Buffer.from(arg, "utf-8").toString("latin1"))}]\n`).join("");
}

/** Commands of grub-emu that Flatcar's GRUB on UEFI does not have. */
const ABSENT_ON_EFI = ["true", "false"] as const;

/** Changes commands at the beginnings of commands, and nothing else. */
function rename(script: string, from: string, to: string): string {
  return script.replaceAll(
    new RegExp(
      `(^|[;{]|\\b(?:then|do|else|if|elif|while|until)\\b)([ \\t]*)${from}(?=[ \\t;\\r\\n]|$)`,
      "gm",
    ),
    (_all, before: string, blanks: string) => `${before}${blanks}${to}`,
  );
}

/** The same question to real GRUB. */
export function askGrub(emu: string, main: string, one: OemCase, target: Target): string {
  const folder = mkdtempSync(join(tmpdir(), "grub-oem-"));
  try {
    const adapt = (script: string): string => {
      let text = rename(script, "serial", "quiet_serial");
      text = rename(text, "terminal_input", "quiet_serial");
      text = rename(text, "terminal_output", "quiet_serial");
      text = rename(text, "linux(?:\\$suf)?", "print_linux");
      if (target.platform === "efi") {
        for (const name of ABSENT_ON_EFI) text = rename(text, name, `absent_${name}`);
      }
      return text;
    };
    const oem = oemBytes(one);
    const device = `loop_oem`;
    writeFileSync(
      join(folder, "oem.tar"),
      createTar([
        ...(oem === null
          ? []
          : [{ name: "grub.cfg", data: latin1(adapt(Buffer.from(oem).toString("latin1"))) }]),
        { name: "more.cfg", data: MORE },
      ]),
    );
    writeFileSync(
      join(folder, "esp.tar"),
      createTar([
        { name: "flatcar/vmlinuz-a", data: "x" },
        ...(isFirstBoot(one) ? [{ name: "flatcar/first_boot", data: "x" }] : []),
      ]),
    );
    const adapted = adapt(main)
      .replace(
        /^(\s*)search --no-floppy --set oem --part-label OEM .*$/m,
        oem === null ? "$1search --no-floppy --set oem --label NOSUCH" : `$1set oem=${device}`,
      )
      .replace(/^(\s*)gptprio\.next .*$/m, `$1set usr_device=hd0,gpt3; set usr_uuid=${USR_A}`);
    writeFileSync(join(folder, "flatcar.cfg"), adapted);
    writeFileSync(
      join(folder, "grub.cfg"),
      `set pager=0
set enable_progress_indicator=0
insmod terminfo
terminfo -g 1000x24 console
loopback ${device} (host)${folder}/oem.tar
loopback loop_esp (host)${folder}/esp.tar
function quiet_serial { true; }
function print_linux { for a in "$@"; do echo "ARG[$a]"; done; halt; }
set grub_platform=${target.platform}
set grub_cpu=${target.cpu}
set root=loop_esp
source (host)${folder}/flatcar.cfg
set timeout=0
set fallback=
`,
    );
    writeFileSync(join(folder, "device.map"), "");
    const child = spawnSync(emu, ["-r", "host", "-m", join(folder, "device.map"), "-d", folder], {
      stdio: ["ignore", "pipe", "pipe"],
      env: { TERM: "dumb", PATH: "/usr/bin:/bin", LD_LIBRARY_PATH: process.env["GRUB_EMU_LIBRARIES"] ?? "" },
      // A configuration that shows errors makes GRUB wait for a key before its menu, ten seconds at most.
      timeout: 30_000,
    });
    let text = child.stdout.toString("latin1").replaceAll(/\x1b\[[0-9;?]*[a-zA-Z]/g, "").replaceAll("\r", "");
    text = text.replace("Welcome to GRUB!\n\n", "").replace(/\nPress any key to continue\.\.\.\n?/, "");
    text = text.replaceAll(/(?:\n {3}Falling back to| {2}Booting) `.*'\n\n/g, "");
    text = text.replaceAll("absent_", "");
    if (!/^ARG\[/m.test(text)) text += "NO KERNEL\n";
    return normalize(text);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function latin1(text: string): Uint8Array {
  return Buffer.from(text, "latin1");
}
