/**
 * A real systemd userland for the test machines: Debian by mmdebstrap, its /usr as a verity image, the rest
 * on ROOT.
 *
 * @module
 */
import {
  copyFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { cached, findProgram, mirror, run } from "../support/debian.ts";
import { type UsrImages, usrImages } from "./usr_image.ts";

/**
 * Debian releases, with the systemd that each has: 252 knows neither `kexec-force` nor a kexec that systemctl
 * chooses by itself, 257 is what Flatcar stable has, and Debian's next release has what Flatcar comes to have.
 */
export const SYSTEMD = { bookworm: 252, trixie: 257, forky: 262 } as const;

export type SystemdSuite = keyof typeof SYSTEMD;

export const SYSTEMD_SUITES = ["bookworm", "trixie", "forky"] as const satisfies readonly SystemdSuite[];

/** The release of a name from outside. @throws {Error} */
export function systemdSuite(name: string): SystemdSuite {
  const suite = SYSTEMD_SUITES.find((suite) => suite === name);
  if (suite === undefined) {
    throw new Error(`No such Debian here: '${name}', expected one of ${SYSTEMD_SUITES.join(", ")}`);
  }
  return suite;
}

const PACKAGES = [
  "systemd",
  "systemd-sysv",
  "kexec-tools",
  "dbus",
  "udev",
  "kmod",
  "procps",
  "mount",
  "e2fsprogs",
];
/** Neither read by anything nor worth their bytes. */
const EXCLUDED = [
  "/usr/share/{doc,man,info,locale,zoneinfo,i18n}/*",
  "/usr/lib/x86_64-linux-gnu/{gconv,perl-base}/*",
];

/** Folder with the tree of a Debian release. */
function rootFileSystem(suite: SystemdSuite): string {
  return join(
    cached(`rootfs/${suite}`, (fresh) => {
      const tree = join(fresh, "tree");
      // Its mounts of /dev, /proc and /sys must end with it: where it is killed, the next run would else remove what
      // lies under a half-made tree, and through the mounts what is this machine's.
      run("unshare", [
        "--mount",
        "--propagation=private",
        "mmdebstrap",
        `--mode=${process.getuid?.() === 0 ? "root" : "unshare"}`,
        "--variant=minbase",
        "--quiet",
        `--include=${PACKAGES.join(",")}`,
        // The lists of a testing release are stale after a week, and a mirror may lag; they are signed all the same.
        '--aptopt=Acquire::Check-Valid-Until "false"',
        ...EXCLUDED.map((path) => `--dpkgopt=path-exclude=${path}`),
        suite,
        tree,
        mirror(),
      ]);
      rmSync(join(tree, "var/cache/apt"), { recursive: true, force: true });
      rmSync(join(tree, "var/lib/apt/lists"), { recursive: true, force: true });
    }),
    "tree",
  );
}

/** Why there can be no such userland here, or null. */
export function whyNoSystemd(): string | null {
  if (findProgram("mmdebstrap") === null) return "needs mmdebstrap";
  if (process.getuid?.() !== 0) return "needs root, to make a Debian tree";
  return null;
}

export function systemdUsr(suite: SystemdSuite): UsrImages {
  return usrImages(`${suite}-1`, (tree) => {
    cpSync(join(rootFileSystem(suite), "usr"), tree, { recursive: true, verbatimSymlinks: true });
    // What Flatcar's own has: the real thing in /usr/lib, with another name.
    rmSync(join(tree, "lib/os-release"), { force: true });
    writeFileSync(
      join(tree, "lib/os-release"),
      'NAME="Flatcar test machine"\nID=flatcar\nVERSION_ID=0.0.0\nPRETTY_NAME="Flatcar test machine"\n',
    );
  });
}

const SERVICE = `[Unit]
Description=The script of this boot
After=sysinit.target dbus.service systemd-logind.service
# Not stopped by a shutdown: what a script does after it asked for one still happens.
DefaultDependencies=no

[Service]
Type=exec
ExecStart=/e2e/run
KillMode=process
StandardOutput=null
StandardError=null
`;

/** Units that only cost time here. */
const MASKED = [
  "ldconfig.service",
  "systemd-hwdb-update.service",
  "systemd-journal-catalog-update.service",
  "systemd-journal-flush.service",
  "systemd-update-done.service",
  "systemd-update-utmp.service",
  "systemd-random-seed.service",
  "systemd-binfmt.service",
  "systemd-firstboot.service",
  "systemd-machine-id-commit.service",
  "systemd-pcrphase.service",
  "systemd-pcrphase-sysinit.service",
  "kexec-load.service",
  "kexec.service",
  "modprobe@.service",
  "e2scrub_reap.service",
  "getty@.service",
  "serial-getty@.service",
  "console-getty.service",
  "container-getty@.service",
  "apt-daily.timer",
  "systemd-sysusers.service",
  "systemd-sysctl.service",
  "systemd-network-generator.service",
  "systemd-modules-load.service",
  "systemd-tpm2-setup-early.service",
  "systemd-tpm2-setup.service",
  "systemd-hibernate-clear.service",
  "systemd-pstore.service",
  "systemd-tmpfiles-clean.timer",
  "systemd-ask-password-console.path",
  "systemd-ask-password-wall.path",
  "proc-sys-fs-binfmt_misc.automount",
  "boot.automount",
  "dev-hugepages.mount",
  "dev-mqueue.mount",
  "sys-kernel-debug.mount",
  "sys-kernel-tracing.mount",
  "sys-fs-fuse-connections.mount",
  "kmod-static-nodes.service",
];

const TRIGGER = `[Service]
ExecStart=
ExecStart=-udevadm trigger --type=devices --action=add --subsystem-match=block --subsystem-match=watchdog
`;

/** For long runs: what else a boot can do without, if only how it ends and what comes next is looked at. */
const MASKED_FOR_SPEED = [
  "systemd-udevd.service",
  "systemd-udevd-control.socket",
  "systemd-udevd-kernel.socket",
  "systemd-udevd-varlink.socket",
  "systemd-udev-trigger.service",
  "systemd-udev-load-credentials.service",
  "systemd-tmpfiles-setup.service",
  "systemd-tmpfiles-setup-dev.service",
  "systemd-tmpfiles-setup-dev-early.service",
  "systemd-remount-fs.service",
  "systemd-user-sessions.service",
  "systemd-pcrextend.socket",
  "systemd-creds.socket",
  "systemd-sysext.socket",
  "systemd-mountfsd.socket",
  "systemd-nsresourced.socket",
  "systemd-bootctl.socket",
  "systemd-hostnamed.socket",
  "systemd-importd.socket",
  "systemd-machined.socket",
  "systemd-mute-console.socket",
  "systemd-factory-reset.socket",
  "systemd-repart.socket",
  "systemd-ask-password.socket",
  "systemd-journalctl.socket",
  "systemd-udevd-varlink.socket",
  "systemd-initctl.socket",
  "systemd-journald-audit.socket",
  "systemd-pcrlock.socket",
  "systemd-networkd-varlink.socket",
  "sshd-unix-local.socket",
  "sshd-vsock.socket",
  "dm-event.socket",
  "sys-kernel-config.mount",
  "run-lock.mount",
  "tmp.mount",
  "getty.target",
];

/** Runs what the machine without systemd runs as its init. */
const RUN = `#!/bin/sh
export PATH=/opt/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root
exec >/dev/ttyS0 2>&1 </dev/null
mkdir -p /run/out
BOOT=$(($(cat /var/e2e-boots 2>/dev/null || echo 0) + 1))
echo $BOOT >/var/e2e-boots
echo $BOOT >/run/boot
cat /proc/cmdline >/run/out/cmdline
uname -r >/run/out/kernel
cat /proc/sys/kernel/random/boot_id >/run/out/boot_id
dmesg >/run/out/dmesg
. /e2e/functions
# An orderly shutdown takes long and is not what most scripts are about: these two end at once.
off() { save; sync; echo o >/proc/sysrq-trigger; sleep 30; }
restart() { save; sync; echo b >/proc/sysrq-trigger; sleep 30; }
save
tr -d '\\0' </dev/vdb >/run/script
echo "E2E boot $BOOT"
. /run/script
`;

/**
 * Fill ROOT's tree with all but /usr of a release.
 *
 * @param isLean Without udev, and what else takes a boot most of its time under emulation.
 */
export function systemdRoot(suite: SystemdSuite, isLean = false): (tree: string) => void {
  return (tree) => {
    const from = rootFileSystem(suite);
    for (const name of ["etc", "var"]) {
      cpSync(join(from, name), join(tree, name), { recursive: true, verbatimSymlinks: true });
    }
    for (const name of ["home", "root", "mnt", "srv"]) mkdirSync(join(tree, name), { recursive: true });
    const units = join(tree, "etc/systemd/system");
    // Of what packages enabled, nothing is needed here.
    for (const name of readdirSync(units)) {
      if (name.endsWith(".wants")) rmSync(join(units, name), { recursive: true });
    }
    writeFileSync(join(units, "e2e.service"), SERVICE);
    mkdirSync(join(units, "multi-user.target.wants"));
    symlinkSync("../e2e.service", join(units, "multi-user.target.wants/e2e.service"));
    rmSync(join(units, "default.target"), { force: true });
    symlinkSync("/usr/lib/systemd/system/multi-user.target", join(units, "default.target"));
    for (const name of isLean ? [...MASKED, ...MASKED_FOR_SPEED] : MASKED) {
      rmSync(join(units, name), { force: true });
      symlinkSync("/dev/null", join(units, name));
    }
    // Devices that nothing here looks at (64 terminals, ports, …) take udev most of its time.
    const trigger = join(units, "systemd-udev-trigger.service.d");
    mkdirSync(trigger);
    writeFileSync(join(trigger, "e2e.conf"), TRIGGER);
    writeFileSync(join(tree, "etc/machine-id"), "5d0fbd4b3f6f4c4f9f0f6f0b7f1c2d3e\n");
    writeFileSync(join(tree, "etc/fstab"), "");
    const conf = join(tree, "etc/systemd/journald.conf.d");
    mkdirSync(conf, { recursive: true });
    writeFileSync(join(conf, "e2e.conf"), "[Journal]\nStorage=volatile\nForwardToConsole=no\n");
    writeFileSync(join(tree, "e2e/run"), RUN, { mode: 0o755 });
    rmSync(join(tree, "e2e/init"), { force: true });
    if (existsSync(join(from, "etc/ld.so.cache"))) {
      copyFileSync(join(from, "etc/ld.so.cache"), join(tree, "etc/ld.so.cache"));
    }
  };
}
