/**
 * Programs, kernels and other Debian releases that the end-to-end tests need. As root on Debian, missing
 * programs are installed; elsewhere they are named, and what needs them is skipped.
 *
 * @module
 */
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import {
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { basename, join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { lockDescriptor } from "../../src/lib/flock.ts";

/** Downloads and what was made of them; not committed, may be deleted at any time. */
export const CACHE: string = fileURLToPath(new URL("../../.cache", import.meta.url));

/** Program that a test calls, and the Debian package it comes from. */
const PROGRAMS: Readonly<Record<string, string>> = {
  "qemu-system-x86_64": "qemu-system-x86",
  "qemu-system-aarch64": "qemu-system-arm",
  "qemu-aarch64": "qemu-user",
  sgdisk: "gdisk",
  "mkfs.vfat": "dosfstools",
  mcopy: "mtools",
  "mkfs.btrfs": "btrfs-progs",
  cgpt: "cgpt",
  dtc: "device-tree-compiler",
  veritysetup: "cryptsetup-bin",
  "mke2fs": "e2fsprogs",
  xz: "xz-utils",
  "grub-emu": "grub-emu",
  "grub-mkimage": "grub-common",
  mmdebstrap: "mmdebstrap",
  flock: "util-linux",
  time: "time",
};

/** Files that no program stands for. */
const FILES: Readonly<Record<string, string>> = {
  "/usr/lib/grub/i386-pc/lnxboot.img": "grub-pc-bin",
  "/usr/lib/grub/x86_64-efi/modinfo.sh": "grub-efi-amd64-bin",
  "/usr/share/OVMF/OVMF_CODE_4M.fd": "ovmf",
  "/usr/share/seabios/bios-256k.bin": "seabios",
  // Without it QEMU refuses virtio network cards, which `-nodefaults` leaves out; kept for `-machine q35` alone.
  "/usr/lib/ipxe/qemu/efi-virtio.rom": "ipxe-qemu",
};

const PATH = `${process.env["PATH"] ?? ""}:/usr/local/sbin:/usr/sbin:/sbin`;

/** Absolute path of a program, or null. */
export function findProgram(name: string): string | null {
  for (const folder of PATH.split(":")) {
    if (folder !== "" && existsSync(join(folder, name))) return join(folder, name);
  }
  return null;
}

/** Those of the programs named that this machine lacks. */
export function missingPrograms(names: readonly string[]): readonly string[] {
  return names.filter((name) => findProgram(name) === null);
}

export function isDebian(): boolean {
  try {
    return /^ID=debian$/m.test(readFileSync("/etc/os-release", "utf8"));
  } catch {
    return false;
  }
}

/** Whether packages of Debian can be had here, without being root. */
export function canDownload(): boolean {
  return isDebian() && findProgram("apt-get") !== null;
}

/** Install what is missing where that is possible, say what is missing where it is not. */
export function provision(): void {
  const packages = new Set<string>();
  const missing: string[] = [];
  for (const [name, from] of Object.entries(PROGRAMS)) {
    if (findProgram(name) !== null) continue;
    packages.add(from);
    missing.push(name);
  }
  for (const [path, from] of Object.entries(FILES)) {
    if (existsSync(path)) continue;
    packages.add(from);
    missing.push(path);
  }
  if (packages.size === 0) return;
  if (!canDownload() || process.getuid?.() !== 0) {
    console.log(`Not here, so the tests that need them are skipped: ${missing.join(", ")}`);
    console.log(`(as root on Debian they would be installed from: ${[...packages].sort().join(" ")})`);
    return;
  }
  console.log(`Installing ${[...packages].sort().join(" ")}`);
  const options = {
    stdio: ["ignore", "ignore", "pipe"] as ["ignore", "ignore", "pipe"],
    encoding: "utf8" as const,
  };
  const env = { ...process.env, DEBIAN_FRONTEND: "noninteractive" };
  spawnSync("apt-get", ["update", "-q"], { ...options, env });
  const child = spawnSync("apt-get", ["install", "-qy", "--no-install-recommends", ...packages], {
    ...options,
    env,
  });
  if (child.status !== 0) console.log(`apt-get failed, some tests will be skipped: ${child.stderr.trim()}`);
}

/** Run a program to its end. @throws {Error} with what it said, if it fails. */
export function run(
  program: string,
  args: readonly string[],
  options: { readonly cwd?: string } = {},
): string {
  const path = program.includes("/") ? program : findProgram(program);
  if (path === null) throw new Error(`Cannot run '${program}': it is not installed`);
  const child = spawnSync(path, args, {
    stdio: ["ignore", "pipe", "pipe"],
    encoding: "utf8",
    maxBuffer: 1 << 26,
    env: { ...process.env, PATH, LC_ALL: "C", MTOOLS_SKIP_CHECK: "1" },
    ...options,
  });
  if (child.status !== 0) {
    throw new Error(
      `${basename(path)} ${args.join(" ")}: ${
        child.error?.message ?? `status ${child.status}: ${(child.stderr + child.stdout).trim().slice(-2000)}`
      }`,
    );
  }
  return child.stdout;
}

/** Only one process at a time does what has this name; the others wait. */
function alone<T>(name: string, action: () => T): T {
  mkdirSync(join(CACHE, "locks"), { recursive: true });
  const fd = openSync(join(CACHE, "locks", name.replaceAll("/", "-")), "w");
  try {
    if (!lockDescriptor(fd, 900)) throw new Error(`Another test run is making '${name}' for 15 minutes now`);
    return action();
  } finally {
    closeSync(fd);
  }
}

/** A thing made once and kept below the cache: `make` fills a new folder, which gets its name when it is whole. */
export function cached(name: string, make: (folder: string) => void): string {
  const folder = join(CACHE, name);
  if (existsSync(folder)) return folder;
  return alone(name, () => {
    if (existsSync(folder)) return folder;
    const fresh = `${folder}.new`;
    rmSync(fresh, { recursive: true, force: true });
    mkdirSync(fresh, { recursive: true });
    make(fresh);
    renameSync(fresh, folder);
    return folder;
  });
}

/** A Debian release. */
export type Suite = "bookworm" | "bookworm-backports" | "trixie";

/** Options that make apt-get work on lists of its own, for another release or architecture. */
function privateApt(suite: Suite): readonly string[] {
  const folder = join(CACHE, "apt", suite);
  for (const name of ["state/lists/partial", "cache/archives/partial"]) {
    mkdirSync(join(folder, name), { recursive: true });
  }
  const list = join(folder, "sources.list");
  writeFileSync(
    list,
    `deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] ${mirror()} ${suite} main\n`,
  );
  return [
    "-q",
    `-oDir::Etc::sourcelist=${list}`,
    "-oDir::Etc::sourceparts=-",
    `-oDir::State=${folder}/state`,
    "-oDir::State::status=/dev/null",
    `-oDir::Cache=${folder}/cache`,
    "-oAPT::Architecture=amd64",
    "-oAPT::Architectures::=amd64",
    "-oAPT::Architectures::=arm64",
    `-oAPT::Sandbox::User=${process.getuid?.() === 0 ? "root" : ""}`,
  ];
}

/** The Debian mirror that this machine uses. */
export function mirror(): string {
  const folder = "/etc/apt/sources.list.d";
  for (const name of existsSync(folder) ? readdirSync(folder) : []) {
    if (!name.endsWith(".sources")) continue;
    const uri = /^URIs:\s*(\S+\/debian\/?)\s*$/m.exec(readFileSync(join(folder, name), "utf8"))?.[1];
    if (uri !== undefined) return uri;
  }
  return "http://deb.debian.org/debian";
}

function updateLists(suite: Suite): void {
  const stamp = join(CACHE, "apt", suite, "updated");
  // Packages leave the mirror when newer ones come: yesterday's lists may name what is gone.
  if (existsSync(stamp) && Date.now() - statSync(stamp).mtimeMs < 86_400_000) return;
  run("apt-get", [...privateApt(suite), "update"]);
  writeFileSync(stamp, "");
}

/** The package that a meta package depends on first: `linux-image-cloud-amd64` to the one with the ABI's name. */
function firstDependency(suite: Suite, name: string): string {
  const text = run("apt-cache", [...privateApt(suite), "depends", name]);
  const found = /^\s*Depends:\s*(\S+)/m.exec(text)?.[1];
  if (found === undefined) {
    throw new Error(`Cannot tell what '${name}' of ${suite} depends on: ${text.trim()}`);
  }
  return found;
}

/** Unpack packages (not install them) into one folder and return it. */
export function unpacked(suite: Suite, packages: readonly string[]): string {
  const digest = createHash("sha256").update(packages.join(" ")).digest("hex").slice(0, 8);
  const label = `${(packages[0] ?? "none").replace(":", "-")}-${digest}`;
  return cached(`unpacked/${suite}/${label}`, (folder) => {
    alone(`apt/${suite}`, () => updateLists(suite));
    const debs = join(folder, ".debs");
    mkdirSync(debs);
    const names = packages.map((name) => {
      const [bare = name, arch] = name.split(":");
      const suffix = arch === undefined ? "" : `:${arch}`;
      if (!/^linux-image-cloud-/.test(bare)) return name;
      return firstDependency(suite, name).replace(/:.*/, "") + suffix;
    });
    run("apt-get", [...privateApt(suite), "download", ...names], { cwd: debs });
    for (const deb of readdirSync(debs)) run("dpkg", ["-x", join(debs, deb), folder]);
    rmSync(debs, { recursive: true });
  });
}

export interface KernelPackage {
  /** `/lib/modules` name: `6.1.0-56-cloud-amd64`. */
  readonly release: string;
  readonly image: string;
  /** Folder with the modules, `lib/modules/RELEASE`. */
  readonly modules: string;
}

/** Debian's kernel for virtual machines, of a release and an architecture. */
export function kernelPackage(suite: Suite, arch: "amd64" | "arm64"): KernelPackage {
  const folder = unpacked(suite, [`linux-image-cloud-${arch}:${arch}`]);
  const image = readdirSync(join(folder, "boot")).find((name) => name.startsWith("vmlinuz-"));
  if (image === undefined) throw new Error(`Cannot find a kernel: '${folder}/boot' has no vmlinuz-*`);
  const release = image.slice("vmlinuz-".length);
  const base = ["lib/modules", "usr/lib/modules"].map((name) => join(folder, name, release)).find((path) =>
    existsSync(path)
  );
  if (base === undefined) throw new Error(`Cannot find the modules of '${release}' below '${folder}'`);
  return { release, image: join(folder, "boot", image), modules: base };
}
