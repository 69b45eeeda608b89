/**
 * Virtual machines: a Flatcar-like disk, a script for each boot, and what the script saved.
 *
 * A machine is switched on through the emulated firmware, which chooses the slot as GRUB would. QEMU ends when
 * the machine restarts or is switched off; a kexec stays within one run of it. Each boot runs its script from
 * /dev/vdb and leaves files on /dev/vdc, so that the system disk holds nothing of the harness but an init.
 *
 * @module
 */
import { spawn } from "node:child_process";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import process from "node:process";
import { join } from "node:path";
import { parseTar } from "nanotar";
import {
  cached,
  findProgram,
  type KernelPackage,
  kernelPackage,
  missingPrograms,
  type Suite,
} from "../support/debian.ts";
import type { Counters } from "../support/gpt_image.ts";
import { installProgram, makeDisk, readBytes, setCounters, type SlotName } from "./disk.ts";
import { type Board, PC } from "./board.ts";
import { bootThroughFirmware } from "./firmware.ts";
import { installGrub } from "./real_grub.ts";
import { installGrubEfi } from "./real_grub_efi.ts";
import { INIT_DIGEST, initramfs } from "./initramfs.ts";
import { busyboxUsr, guestPrograms, type UsrImages } from "./usr_image.ts";
import { messageOf } from "../../src/lib/errors.ts";
import { binaryFor } from "../../tasks/bun.ts";

/** Bytes of /dev/vdc that belong to one boot. */
const RESULT_SIZE = 8 << 20;
const MOST_BOOTS = 16;

function oemConfig({ oem }: Board): string {
  return `set oem_id="${oem.id}"
set linux_console="${oem.console}"
set linux_append="${oem.append}"
`;
}

export const OEM_CONFIG: string = oemConfig(PC);

/** Seconds after which somebody presses the reset button of a machine that does nothing any more. */
const RESET_SECONDS = 10;

/** Where the machine has the initial RAM disk that its kernels, unlike Flatcar's, do not have built in. */
export const GUEST_INITRD = "/e2e/initrd.cpio";

const FUNCTIONS = `# Sourced by scripts. Files in /run/out are what a boot leaves behind.
save() {
  sync
  tar -c -C /run/out . | dd of=/dev/vdc bs=1M seek=$(($(cat /run/boot) * ${
  RESULT_SIZE >> 20
})) conv=notrunc,fsync 2>/dev/null
}
off() { save; umount -a -r 2>/dev/null; mount -o remount,ro / 2>/dev/null; sync; poweroff -f; }
restart() { save; umount -a -r 2>/dev/null; mount -o remount,ro / 2>/dev/null; sync; reboot -f; }
# keep NAME COMMAND...: its output and its exit status, as NAME.out, NAME.err, NAME.status
keep() {
  name=$1; shift
  "$@" >/run/out/$name.out 2>/run/out/$name.err
  echo $? >/run/out/$name.status
}
`;

/** What a script may write to /run/fault to have something break. */
export type Fault = "load" | "jump" | "power-cut-after-commit";

const KEXEC = `#!/bin/sh
fault=$(cat /run/fault 2>/dev/null)
for word; do
  case $word in
    -l)
      [ "$fault" = load ] && { echo "kexec_file_load failed: Exec format error" >&2; exit 255; }
      exec /usr/sbin/kexec --initrd=$(cat /run/initrd 2>/dev/null || echo ${GUEST_INITRD}) "$@"
      ;;
    -e) [ "$fault" = jump ] && { echo "kexec failed: Invalid argument" >&2; exit 1; } ;;
  esac
done
exec /usr/sbin/kexec "$@"
`;

const GUEST_INIT = `#!/bin/sh
export PATH=/opt/bin:/usr/sbin:/usr/bin HOME=/root
mount -t tmpfs run /run; mount -t tmpfs tmp /tmp
mount -t securityfs securityfs /sys/kernel/security 2>/dev/null
tty=/dev/ttyAMA0; [ -c $tty ] || tty=/dev/ttyS0
exec >$tty 2>&1 </dev/null
mkdir -p /run/out
BOOT=$(($(cat /var/e2e-boots 2>/dev/null || echo 0) + 1))
echo $BOOT >/var/e2e-boots
echo $BOOT >/run/boot
cat /proc/cmdline >/run/out/cmdline
uname -r >/run/out/kernel
cat /proc/sys/kernel/random/boot_id >/run/out/boot_id
. /e2e/functions
save
tr -d '\\0' </dev/vdb >/run/script
echo "E2E boot $BOOT"
. /run/script
off
`;

/** A script for each boot, counted from `first`; what follows the last is an orderly power-off. */
function scriptOf(boots: readonly string[], first = 1): string {
  const cases = boots.map((text, index) => `${index + first})\n${text}\n;;`).join("\n");
  return `set -x\ncase $BOOT in\n${cases}\nesac\n`;
}

export interface Boot {
  readonly cmdline: string;
  readonly kernel: string;
  readonly bootId: string;
  /** Text of a file that the boot left. @throws {Error} if there is none. */
  file(name: string): string;
  has(name: string): boolean;
}

export interface PowerCycle {
  /** What the emulated GRUB chose. */
  readonly slot: SlotName;
  readonly cmdline: string;
  readonly serial: string;
  readonly seconds: number;
}

export class VmTimeout extends Error {}

export interface MachineOptions {
  /** Default: a PC. */
  readonly board?: Board;
  readonly counters: Readonly<Record<SlotName, Counters>>;
  readonly boots: readonly string[];
  /** Debian release of each slot's kernel; default: Debian 12's own in both. */
  readonly kernels?: Readonly<Partial<Record<SlotName, Suite>>>;
  /** Further text of the program's configuration. */
  readonly config?: string;
  readonly oemConfig?: string;
  /** Changes to the tree of ROOT. */
  readonly root?: (tree: string) => void;
  readonly usr?: UsrImages;
  /** GNU GRUB itself loads the kernel, started by SeaBIOS from the disk or, `efi`, by OVMF; else QEMU does. */
  readonly grub?: true | "efi";
  /** A restart goes through the firmware again and does not end QEMU. Only with `grub`, whose choice is fixed. */
  readonly restarts?: true;
  /** Gets what comes over the serial console when it comes, with QEMU's process id. */
  readonly onSerial?: (text: string, pid: number) => void;
  /** More arguments of QEMU. */
  readonly qemu?: readonly string[];
  /** Seconds that one run of QEMU may take. */
  readonly limit?: number;
  /** Boots that there is room for; 16 unless told. */
  readonly mostBoots?: number;
}

export interface PowerOnOptions {
  /** File for a record of all that the run writes to the system disk (see write_log.ts). */
  readonly record?: string;
}

/** Why no machine can be started here, or null. */
export function whyNoMachine(board: Board = PC): string | null {
  const missing = missingPrograms([
    board.qemu,
    "sgdisk",
    "cgpt",
    "mkfs.vfat",
    "mcopy",
    "mke2fs",
    "veritysetup",
    "xz",
    "apt-get",
    "dpkg",
  ]);
  if (missing.length > 0) return `needs ${missing.join(", ")}`;
  if (process.arch !== "x64") return "needs an x86_64 machine";
  if (!existsSync(binaryFor(board.arch))) return "needs the built binary: deno task build";
  try {
    kernelPackage("bookworm", board.debian);
    guestPrograms(board);
    return null;
  } catch (error) {
    return `needs packages of Debian: ${messageOf(error).replaceAll("\n", " ").slice(0, 200)}`;
  }
}

export class Machine {
  readonly folder: string;
  readonly disk: string;
  readonly cycles: PowerCycle[] = [];
  readonly #board: Board;
  readonly #initrd: string;
  readonly #options: MachineOptions;

  constructor(options: MachineOptions) {
    this.#options = options;
    this.#board = options.board ?? PC;
    const { debian, usrhashAt } = this.#board;
    this.folder = mkdtempSync(join(tmpdir(), "flatcar-kexec-vm-"));
    const suites = { a: options.kernels?.a ?? "bookworm", b: options.kernels?.b ?? "bookworm" } as const;
    const kernels = { a: kernelPackage(suites.a, debian), b: kernelPackage(suites.b, debian) };
    this.#initrd = initramfsFile([
      ...new Map(Object.values(kernels).map((kernel) => [kernel.release, kernel])).values(),
    ], this.#board);
    this.disk = makeDisk(this.folder, {
      usr: options.usr ?? busyboxUsr(this.#board),
      kernels,
      usrhashAt,
      counters: options.counters,
      oemConfig: options.oemConfig ?? oemConfig(this.#board),
      root: (tree) => {
        this.#fillRoot(tree);
        options.root?.(tree);
      },
    });
    writeFileSync(join(this.folder, "script"), scriptOf(options.boots));
    truncateSync(join(this.folder, "script"), 1 << 20);
    writeFileSync(join(this.folder, "results"), "");
    truncateSync(join(this.folder, "results"), ((options.mostBoots ?? MOST_BOOTS) + 1) * RESULT_SIZE);
  }

  /** Other scripts for the boots from `first` on, counted from 1; while the machine is off. */
  setScripts(first: number, boots: readonly string[]): void {
    writeFileSync(join(this.folder, "script"), scriptOf(boots, first));
    truncateSync(join(this.folder, "script"), 1 << 20);
  }

  #fillRoot(tree: string): void {
    const put = (path: string, text: string | Uint8Array, mode = 0o644): void => {
      mkdirSync(join(tree, path, ".."), { recursive: true });
      writeFileSync(join(tree, path), text, { mode });
    };
    for (const name of ["bin", "sbin", "lib", "lib64"]) {
      linkTo(`usr/${name}`, join(tree, name));
    }
    put("e2e/functions", FUNCTIONS);
    put("e2e/init", GUEST_INIT, 0o755);
    put("e2e/initrd.cpio", readFileSync(this.#initrd));
    // Flatcar's kernels carry their initial RAM disk; these do not, so kexec is wrapped to add one. All else
    // of the kexec is the program's own doing.
    put("e2e/kexec", KEXEC, 0o755);
    put("etc/flatcar-kexec/config.toml", `${this.#options.config ?? ""}\n[kexec]\nprogram = "/e2e/kexec"\n`);
    put("etc/passwd", "root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/nonexistent:/bin/false\n");
    put("etc/group", "root:x:0:\nnogroup:x:65534:\n");
    installProgram(tree, binaryFor(this.#board.arch));
  }

  /**
   * From power on until the machine restarts or is switched off.
   *
   * @param staged Counters that update-engine writes once the machine is up.
   * @param hang A line on the serial console after which the machine hangs, and is reset after a while.
   * @throws {VmTimeout}
   */
  async powerOn(
    staged: Readonly<Partial<Record<SlotName, Counters>>> = {},
    hang: string | null = null,
    { record }: PowerOnOptions = {},
  ): Promise<PowerCycle> {
    const choice = bootThroughFirmware(
      this.disk,
      join(this.folder, "kernel"),
      (kernel) => readBytes(kernel, this.#board.usrhashAt, 64).toString("latin1"),
      this.#board,
    );
    for (const slot of ["a", "b"] as const) {
      const counters = staged[slot];
      if (counters !== undefined) setCounters(this.disk, slot, counters);
    }
    const usrhash = readBytes(choice.kernel, this.#board.usrhashAt, 64).toString("latin1");
    const { grub } = this.#options;
    if (grub === true) installGrub(this.disk, choice.slot, usrhash, this.#initrd);
    if (grub === "efi") installGrubEfi(this.disk, choice.slot, usrhash, this.#initrd);
    const loader = grub !== undefined
      ? []
      : ["-kernel", choice.kernel, "-initrd", this.#initrd, "-append", choice.cmdline];
    const { serial, seconds } = await this.#qemu(loader, hang, record ?? null);
    const cycle = { slot: choice.slot, cmdline: choice.cmdline, serial, seconds };
    this.cycles.push(cycle);
    return cycle;
  }

  #qemu(
    loader: readonly string[],
    hang: string | null,
    record: string | null,
  ): Promise<{ readonly serial: string; readonly seconds: number }> {
    const drive = (name: string, id: string, readonly = false): readonly string[] => [
      "-drive",
      `file=${name},if=none,id=${id},format=raw,cache=unsafe${readonly ? ",readonly=on" : ""}`,
      "-device",
      `virtio-blk-pci,drive=${id}`,
    ];
    const args = [
      ...this.#board.machine,
      ...["-nodefaults", "-display", "none", "-serial", "stdio", "-monitor", "none"],
      ...(this.#options.restarts === true ? [] : ["-no-reboot"]),
      ...loader,
      ...(record === null ? drive(this.disk, "system") : recordedDrive(this.disk, record)),
      ...drive(join(this.folder, "script"), "script", true),
      ...drive(join(this.folder, "results"), "results"),
      ...(this.#options.qemu ?? []),
    ];
    const limit = this.#options.limit ?? 240;
    const started = performance.now();
    return new Promise((resolve, reject) => {
      const child = spawn(findProgram(this.#board.qemu) ?? this.#board.qemu, args, {
        stdio: ["ignore", "pipe", "pipe"],
      });
      const parts: string[] = [];
      let reset: ReturnType<typeof setTimeout> | null = null;
      for (const stream of [child.stdout, child.stderr]) {
        stream.setEncoding("latin1").on("data", (text: string) => {
          parts.push(text);
          this.#options.onSerial?.(text, child.pid ?? 0);
          if (hang !== null && reset === null && parts.join("").includes(hang)) {
            reset = setTimeout(() => child.kill("SIGKILL"), RESET_SECONDS * 1000);
          }
        });
      }
      let late = false;
      // On a busy machine everything takes longer, without anything being wrong.
      const timer = setTimeout(() => {
        late = true;
        child.kill("SIGKILL");
      }, limit * 1000);
      child.on("error", reject);
      child.on("close", (status) => {
        clearTimeout(timer);
        if (reset !== null) clearTimeout(reset);
        const serial = parts.join("").replaceAll("\r", "");
        const seconds = (performance.now() - started) / 1000;
        writeFileSync(join(this.folder, `serial-${this.cycles.length + 1}`), serial);
        if (late) {
          reject(new VmTimeout(`no end after ${limit} s; the serial console's last lines:\n${tail(serial)}`));
        } else if (status !== 0 && reset === null) {
          reject(new Error(`QEMU ended with status ${status}:\n${tail(serial)}`));
        } else resolve({ serial, seconds });
      });
    });
  }

  /** What boot number `number`, counted from 1 over all power cycles, left. */
  boot(number: number): Boot {
    const bytes = readBytes(join(this.folder, "results"), number * RESULT_SIZE, RESULT_SIZE);
    const files = new Map<string, string>();
    if (bytes.subarray(257, 262).toString("latin1") === "ustar") {
      for (const entry of parseTar(Uint8Array.from(bytes))) {
        files.set(entry.name.replace(/^\.\//, ""), entry.text);
      }
    }
    const file = (name: string): string => {
      const text = files.get(name);
      if (text === undefined) {
        const log = this.cycles.map((cycle) => cycle.serial).join("\n");
        throw new Error(
          `boot ${number} left no '${name}', only ${
            [...files.keys()].join(" ") || "nothing"
          }; the serial console:\n${tail(log)}`,
        );
      }
      return text;
    };
    return {
      cmdline: file("cmdline").replace(/\n$/, ""),
      kernel: file("kernel").trim(),
      bootId: file("boot_id").trim(),
      file,
      has: (name) => files.has(name),
    };
  }

  remove(): void {
    rmSync(this.folder, { recursive: true, force: true });
  }
}

/** A disk all of whose writes are recorded, flushes as well: so the flushes must not be dropped above the record. */
function recordedDrive(disk: string, record: string): readonly string[] {
  writeFileSync(record, "");
  return [
    ...["-blockdev", `driver=file,filename=${disk},node-name=system-file,cache.no-flush=on`],
    ...["-blockdev", `driver=file,filename=${record},node-name=record-file,cache.no-flush=on`],
    "-blockdev",
    "driver=blklogwrites,file=system-file,log=record-file,log-sector-size=512,node-name=system",
    ...["-device", "virtio-blk-pci,drive=system,write-cache=on"],
  ];
}

function tail(text: string): string {
  return text.split("\n").slice(-60).join("\n");
}

function linkTo(target: string, path: string): void {
  if (!existsSync(path)) symlinkSync(target, path);
}

function initramfsFile(kernels: readonly KernelPackage[], board: Board): string {
  const name = [...kernels.map((kernel) => kernel.release), INIT_DIGEST].join("+");
  const folder = cached(`initramfs/${name}`, (fresh) => {
    writeFileSync(join(fresh, "initrd.cpio"), initramfs(kernels, guestPrograms(board), board));
  });
  return join(folder, "initrd.cpio");
}

/** Run a test with a machine; once more, with a new one, only if the first ran out of time. */
export async function withMachine(
  options: MachineOptions,
  action: (machine: Machine) => Promise<void>,
): Promise<void> {
  for (let attempt = 1;; attempt++) {
    const machine = new Machine(options);
    try {
      return await action(machine);
    } catch (error) {
      if (!(error instanceof VmTimeout) || attempt === 2) throw error;
      console.log(`${error.message}\n(trying once more)`);
    } finally {
      if (process.env["KEEP_VM"] === undefined) machine.remove();
      else console.log(`kept ${machine.folder}`);
    }
  }
}
