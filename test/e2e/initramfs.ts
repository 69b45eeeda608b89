/**
 * The initial RAM disk of the test machines. Flatcar's kernels have theirs built in; Debian's get this one,
 * which does the same: it finds the USR partition that the command line names, opens it with dm-verity,
 * mounts it and ROOT, and starts what is there.
 *
 * @module
 */
import { createHash } from "node:crypto";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { basename, join } from "node:path";
import { type CpioEntry, newcArchive } from "../support/cpio.ts";
import { type KernelPackage, run } from "../support/debian.ts";
import { type Board, PC } from "./board.ts";

const APPLETS = [
  "awk",
  "cat",
  "cut",
  "dd",
  "grep",
  "insmod",
  "ln",
  "ls",
  "mkdir",
  "mknod",
  "mount",
  "od",
  "poweroff",
  "reboot",
  "sed",
  "sh",
  "sleep",
  "switch_root",
  "sync",
  "tr",
  "umount",
  "uname",
];

const MODULES = [
  "virtio_pci",
  "virtio_blk",
  "vfat",
  "nls_cp437",
  "nls_ascii",
  "nls_iso8859_1",
  "dm_verity",
  "i6300esb",
];

/**
 * Messages go to every serial console there is: the last `console=` may be a screen that nobody looks at.
 * A machine whose /usr cannot be set up restarts, as Flatcar's does after its time limit.
 */
const INIT = `#!/bin/sh
export PATH=/bin
mount -t devtmpfs dev /dev
mount -t proc proc /proc
mount -t sysfs sys /sys
tty=/dev/ttyAMA0; [ -c $tty ] || tty=/dev/ttyS0
exec >$tty 2>&1 </dev/null
say() { echo "E2E-INITRD $*"; }
fail() { say "failed: $*"; sync; sleep 1; reboot -f; }
# As modprobe does: a word MODULE.PARAMETER=VALUE of the command line is for the module.
for m in $(cat /lib/modules/$(uname -r)/order); do
  insmod /lib/modules/$(uname -r)/$m $(tr ' ' '\\n' </proc/cmdline | sed -n "s/^\${m%.ko}\\.//p")
done
word() { tr ' ' '\\n' </proc/cmdline | grep "^$1=" | tail -n 1 | cut -d = -f 2-; }
case $(word verity.usr) in
  PARTUUID=7130c94a-213a-4e5a-8e26-6cce9662f132) name=USR-A ;;
  PARTUUID=e03dd35c-7c2d-4a47-b3fe-27f15780a57c) name=USR-B ;;
  *) fail "no USR partition named: $(cat /proc/cmdline)" ;;
esac
part() { grep -l "^PARTNAME=$1\\$" /sys/class/block/*/uevent | head -n 1 | cut -d / -f 5; }
n=0
while [ -z "$(part ROOT)" ]; do n=$((n+1)); [ $n = 50 ] && fail "no partition named ROOT"; sleep 0.1; done
usr=/dev/$(part $name)
hash=$(word verity.usrhash)
[ \${#hash} = 64 ] || fail "no verity.usrhash"
# The superblock behind the file system says how to read the tree; only the root hash is taken on trust.
offset=1065345024
field() { dd if=$usr bs=1 skip=$((offset+$1)) count=$2 2>/dev/null; }
[ "$(field 0 6)" = verity ] || fail "$usr has no verity superblock"
blocks=$(field 72 8 | od -An -t d8 | tr -d ' ')
salt=$(field 88 $(field 80 2 | od -An -t d2 | tr -d ' ') | od -An -v -t x1 | tr -d ' \\n')
mkdir -p /dev/mapper
/sbin/dmsetup create usr --noudevsync --noudevrules --readonly --table \\
  "0 $((blocks*8)) verity 1 $usr $usr 4096 4096 $blocks $((offset/4096+1)) sha256 $hash $salt" || fail "dmsetup"
[ -e /dev/mapper/usr ] || /sbin/dmsetup mknodes
mkdir -p /sysroot
mount -t ext4 -o rw /dev/$(part ROOT) /sysroot || fail "cannot mount ROOT"
mount -t ext4 -o ro /dev/mapper/usr /sysroot/usr || fail "cannot mount /usr"
say "usr=$name kernel=$(uname -r)"
init=/e2e/init mode=ro
# A real system writes its mount flags to the ESP; without one, nothing does.
[ -x /sysroot/e2e/run ] && init=/usr/lib/systemd/systemd mode=rw
mount -t vfat -o $mode,umask=0077 /dev/$(part EFI-SYSTEM) /sysroot/boot
mount -t ext4 -o ro /dev/$(part OEM) /sysroot/oem
mount --move /dev /sysroot/dev; mount --move /proc /sysroot/proc; mount --move /sys /sysroot/sys
exec switch_root /sysroot $init
`;

/** Changes with the script, so that a kept archive is not mistaken for the current one. */
export const INIT_DIGEST: string = createHash("sha256").update(INIT).digest("hex").slice(0, 8);

/** Kernel modules in the order they are to be loaded, dependencies first. Those built in are left out. */
function modulesInOrder(kernel: KernelPackage, wanted: readonly string[]): readonly CpioEntry[] {
  const files = new Map<string, string>();
  for (const name of readdirSync(kernel.modules, { recursive: true, encoding: "utf8" })) {
    const match = /([^/]+)\.ko(?:\.xz)?$/.exec(name);
    if (match?.[1] !== undefined) files.set(match[1].replaceAll("-", "_"), join(kernel.modules, name));
  }
  const entries: CpioEntry[] = [];
  const order: string[] = [];
  const visit = (name: string): void => {
    const file = files.get(name);
    if (file === undefined || order.includes(`${name}.ko`)) return;
    const bytes = file.endsWith(".xz") ? unxz(file) : readFileSync(file);
    // A module names what it depends on in its .modinfo section, as a C string.
    const depends = /\0depends=([^\0]*)\0/.exec(bytes.toString("latin1"))?.[1] ?? "";
    for (const needed of depends.split(",")) visit(needed.replaceAll("-", "_"));
    order.push(`${name}.ko`);
    entries.push({ path: `lib/modules/${kernel.release}/${name}.ko`, mode: 0o644, bytes });
  };
  for (const name of wanted) visit(name);
  entries.push({ path: `lib/modules/${kernel.release}/order`, mode: 0o644, bytes: order.join("\n") + "\n" });
  return entries;
}

function unxz(file: string): Buffer {
  return Buffer.from(run("sh", ["-c", 'xz -dc "$0" | base64 -w0', file]), "base64");
}

/**
 * Shared libraries that a program needs, from the folder its packages were unpacked in. The loader tells; for
 * another architecture it cannot be run, and all there are is the answer.
 */
export function librariesOf(folder: string, program: string, board: Board = PC): readonly string[] {
  const libraries = join(folder, "lib", board.libraries);
  const more = join(folder, "usr/lib", board.libraries);
  if (board !== PC) {
    return [libraries, more].flatMap((base) =>
      readdirSync(base).filter((name) => /\.so(\.|$)/.test(name)).map((name) => join(base, name))
    );
  }
  const text = run(join(libraries, "ld-linux-x86-64.so.2"), [
    "--library-path",
    `${libraries}:${more}`,
    "--list",
    program,
  ]);
  const names = [...text.matchAll(/^\s*(\S+) => (\S+)/gm)].map(([, name = "", path = ""]) => {
    if (!path.startsWith(folder)) {
      throw new Error(`'${program}' needs ${name}, which is not among the packages`);
    }
    return name;
  });
  return names.map((name) =>
    [libraries, more].map((base) => join(base, name)).find((path) => existsSync(path)) ?? name
  );
}

/** The archive for the kernels given. `programs`: the folder with busybox, dmsetup and their libraries. */
export function initramfs(
  kernels: readonly KernelPackage[],
  programs: string,
  board: Board = PC,
): Uint8Array {
  const dmsetup = join(programs, "sbin/dmsetup");
  const loader = join(programs, "lib", board.libraries, basename(board.loader));
  const entries: CpioEntry[] = [
    { path: "init", mode: 0o755, bytes: INIT },
    { path: "bin/busybox", mode: 0o755, bytes: readFileSync(join(programs, "bin/busybox")) },
    ...[...APPLETS, "head", "tail"].map((name) => ({ path: `bin/${name}`, link: "busybox" })),
    { path: "sbin/dmsetup", mode: 0o755, bytes: readFileSync(dmsetup) },
    { path: board.loader, mode: 0o755, bytes: readFileSync(loader) },
    ...librariesOf(programs, dmsetup, board).map((path) => ({
      path: `lib/${board.libraries}/${basename(path)}`,
      mode: 0o755,
      bytes: readFileSync(path),
    })),
    ...["dev", "proc", "sys", "run", "sysroot"].map((path) => ({ path, directory: true as const })),
    ...kernels.flatMap((kernel) => modulesInOrder(kernel, MODULES)),
  ];
  return newcArchive(entries);
}
