/**
 * /usr of the test machines: a small Debian, as a file system with a dm-verity tree behind it where Flatcar's
 * build puts one. Both slots hold the same files under different salts, so their root hashes differ.
 *
 * @module
 */
import {
  chmodSync,
  copyFileSync,
  mkdirSync,
  readFileSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { createHash } from "node:crypto";
import { basename, join } from "node:path";
import { cached, run, unpacked } from "../support/debian.ts";
import { type Board, PC } from "./board.ts";
import { librariesOf } from "./initramfs.ts";

/** Bytes of a USR partition's file system; the verity superblock is right behind it. */
export const HASH_OFFSET = 1065345024;
/** Bytes of file system, superblock and tree. */
const USR_SIZE = 1073741824;

export interface UsrImage {
  readonly path: string;
  /** 64 hex digits. */
  readonly rootHash: string;
}

export type UsrImages = Readonly<Record<"a" | "b", UsrImage>>;

/** Folder with the programs that the machines run, unpacked from Debian 12's packages. */
export function guestPrograms(board: Board = PC): string {
  const packages = [
    "busybox-static",
    "libc6",
    "kexec-tools",
    "libxenmisc4.17",
    "libxencall1",
    "libxentoollog1",
    "libxenevtchn1",
    "libxengnttab1",
    "libxenforeignmemory1",
    "libxendevicemodel1",
    "libxentoolcore1",
    "zlib1g",
    "dmsetup",
    "libdevmapper1.02.1",
    "libselinux1",
    "libpcre2-8-0",
    "libudev1",
    "util-linux",
    "libcap-ng0",
    "libsmartcols1",
  ];
  return unpacked("bookworm", board === PC ? packages : packages.map((name) => `${name}:${board.debian}`));
}

/** Those of them that stand in for busybox's of the same name, with the options that the program uses. */
const REAL_PROGRAMS = [
  "usr/bin/flock",
  "usr/bin/prlimit",
  "usr/bin/setpriv",
  "usr/bin/setsid",
  "usr/bin/unshare",
  "sbin/kexec",
] as const;

/**
 * Where there is no systemd, this does what matters of it here: it takes /boot and /oem away as shutdown would,
 * runs commit as the unit in kexec.target would, and jumps, or restarts if there is nothing to jump to. A script in
 * /run/commit takes the place of commit.
 */
const SYSTEMCTL = `#!/bin/sh
echo "$*" >>/run/systemctl.log
verb=
for word; do case $word in -*) ;; *) verb=$word; break ;; esac; done
case $verb in
  is-system-running) if [ -e /run/stopping ]; then echo stopping; else echo running; fi ;;
  show)
    case "$*" in
      *" Job "*) if [ "$(cat /run/stopping 2>/dev/null)" = kexec ]; then echo 1; else echo; fi ;;
      *) echo none ;;
    esac
    ;;
  kexec|reboot)
    echo $verb >/run/stopping
    cp /run/systemctl.log /run/out/
    umount /boot; umount /oem
    fault=$(cat /run/fault 2>/dev/null)
    . /e2e/functions
    save
    if [ -e /run/commit ]; then . /run/commit
    else
      /opt/bin/flatcar-kexec commit >/run/out/commit.out 2>/run/out/commit.err
      echo $? >/run/out/commit.status
    fi
    [ "$fault" = power-cut-after-commit ] && echo b >/proc/sysrq-trigger
    save
    mount -o remount,ro /
    [ $verb = kexec ] && /e2e/kexec -e
    reboot -f
    ;;
esac
exit 0
`;

function busyboxTree(folder: string, board: Board): void {
  const programs = guestPrograms(board);
  for (const name of ["bin", "sbin", `lib/${board.libraries}`, "lib64"]) {
    mkdirSync(join(folder, name), { recursive: true });
  }
  const copy = (from: string, to: string): void => {
    copyFileSync(join(programs, from), join(folder, to));
    chmodSync(join(folder, to), 0o755);
  };
  copy("bin/busybox", "bin/busybox");
  for (const applet of run(join(guestPrograms(), "bin/busybox"), ["--list"]).trim().split("\n")) {
    if (applet !== "busybox") symlinkSync("busybox", join(folder, "bin", applet));
  }
  for (const program of REAL_PROGRAMS) {
    const to = program.replace(/^usr\//, "");
    run("rm", ["-f", join(folder, to)]);
    copy(program, to);
    for (const library of librariesOf(programs, join(programs, program), board)) {
      copyFileSync(library, join(folder, "lib", board.libraries, basename(library)));
    }
  }
  copy(`lib/${board.libraries}/${basename(board.loader)}`, board.loader);
  // What the program itself, a Bun executable, links with.
  for (const name of ["libc.so.6", "libm.so.6", "libdl.so.2", "libpthread.so.0"]) {
    copy(`lib/${board.libraries}/${name}`, `lib/${board.libraries}/${name}`);
  }
  writeFileSync(join(folder, "bin/systemctl"), SYSTEMCTL, { mode: 0o755 });
  writeFileSync(
    join(folder, "lib/os-release"),
    'NAME="Flatcar test machine"\nID=flatcar\nVERSION_ID=0.0.0\nPRETTY_NAME="Flatcar test machine"\n',
  );
}

/** A file system image of a tree with its hash tree behind it. The salt makes the root hash. */
export function makeUsrImage(tree: string, path: string, salt: string): string {
  writeFileSync(path, "");
  truncateSync(path, USR_SIZE);
  const blocks = String(HASH_OFFSET / 4096);
  run("mke2fs", [
    "-q",
    "-t",
    "ext4",
    "-b",
    "4096",
    "-d",
    tree,
    "-O",
    "^has_journal",
    "-m0",
    "-E",
    "root_owner=0:0",
    path,
    blocks,
  ]);
  const text = run("veritysetup", [
    "format",
    path,
    path,
    `--data-blocks=${blocks}`,
    `--hash-offset=${HASH_OFFSET}`,
    `--salt=${salt}`,
    "--uuid=3f5b8a34-43a1-4d0a-9a52-0c6d2f7b1d10",
  ]);
  const rootHash = /^Root hash:\s*([0-9a-f]{64})$/m.exec(text)?.[1];
  if (rootHash === undefined) throw new Error(`veritysetup printed no root hash: ${text}`);
  return rootHash;
}

/** Both slots' images of a tree, made once. `version` is part of the name under which they are kept. */
export function usrImages(version: string, fill: (tree: string) => void): UsrImages {
  const folder = cached(`usr/${version}`, (fresh) => {
    const tree = join(fresh, "tree");
    mkdirSync(tree);
    fill(tree);
    for (const slot of ["a", "b"]) {
      const rootHash = makeUsrImage(tree, join(fresh, slot), (slot === "a" ? "aa" : "bb").repeat(32));
      writeFileSync(join(fresh, `${slot}.roothash`), rootHash);
    }
    run("rm", ["-rf", tree]);
  });
  const image = (slot: "a" | "b"): UsrImage => ({
    path: join(folder, slot),
    rootHash: readFileSync(join(folder, `${slot}.roothash`), "utf8"),
  });
  return { a: image("a"), b: image("b") };
}

/** /usr of the machines without systemd. */
export function busyboxUsr(board: Board = PC): UsrImages {
  const digest = createHash("sha256").update(SYSTEMCTL).update(REAL_PROGRAMS.join(" ")).digest("hex");
  return usrImages(
    `busybox-${board.debian}-${digest.slice(0, 8)}`,
    (tree) => busyboxTree(tree, board),
  );
}
