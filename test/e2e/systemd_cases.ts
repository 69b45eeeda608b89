/**
 * The ways to reboot a host under systemd, and what each must come to: the list behind the table in
 * docs/systemd.md, the end-to-end tests and the soak run.
 *
 * @module
 */

export interface RebootCase {
  /** As the table shows it. */
  readonly name: string;
  readonly kexec: boolean;
  /** Shell: what stands in the way, done before the update asks for its reboot. */
  readonly before?: string;
  /** Whether a kernel is loaded by then; default: yes. */
  readonly loads?: false;
  /** Exit status of `flatcar-kexec-load.service`'s program; default: 0. */
  readonly loadStatus?: number;
  /** Shell: what changes once a kernel is loaded. */
  readonly after?: string;
  /** Shell: how the reboot is asked for. */
  readonly ask: string;
  /** What the program says about it: in the journal of the load, when it is asked, or at the next boot. */
  readonly says: RegExp;
  /** The slot that the next boot is of; default: the same, and no counter is touched. */
  readonly slot?: "other";
}

export const LOGIND_REBOOT =
  "busctl call org.freedesktop.login1 /org/freedesktop/login1 org.freedesktop.login1.Manager Reboot b false";

const CAME_BY_KEXEC = /this boot came by kexec/;

/** Every way in which something asks for a reboot on a Flatcar host. */
export const ARRIVING: readonly RebootCase[] = [
  ["`systemctl reboot`", "systemctl reboot"],
  ["`systemctl kexec`", "systemctl kexec"],
  ["`shutdown -r now`", "shutdown -r now"],
  ["logind's `Reboot(false)`: locksmith, FLUO", LOGIND_REBOOT],
  ["SIGRTMIN+5 to PID 1: kured's signal mode", "kill -s RTMIN+5 1"],
  ["ctrl-alt-del", "kill -s INT 1"],
].map(([name = "", ask = ""]) => ({ name, kexec: true, ask, says: CAME_BY_KEXEC }));

/**
 * An update-engine that is downloading. It is a unit of that name, for this is how the program sees that it
 * runs, and it answers over the system bus.
 */
const UPDATE_ENGINE_IS_BUSY = `
mkdir -p /run/systemd/system
cat >/run/systemd/system/update-engine.service <<'END'
[Service]
ExecStart=/usr/bin/perl /e2e/update_engine_stand_in.pl UPDATE_STATUS_FINALIZING
END
systemctl daemon-reload
systemctl start update-engine.service
n=0; until busctl status com.coreos.update1 >/dev/null 2>&1 || [ $n = 30 ]; do n=$((n+1)); sleep 1; done`;

/**
 * The machines have no EFI variables, for a kernel with a root hash at 0x40 is none that EFI starts. So a file
 * system with those two files that systemctl and logind deal with stands in.
 */
const FIRMWARE_WITH_A_SETUP = `
mount -t tmpfs firmware /sys/firmware
mkdir -p /sys/firmware/efi/efivars
printf '\\006\\0\\0\\0\\001\\0\\0\\0\\0\\0\\0\\0' \\
  >/sys/firmware/efi/efivars/OsIndicationsSupported-8be4df61-93ca-11d2-aa0d-00e098032b8c
systemctl restart systemd-logind`;

/** What update-engine does with an update for the slot that does not run: first choice, one try. */
const STAGE_UPDATE = `case $(cat /proc/cmdline) in
  *vmlinuz-a*) here=3 there=4 ;;
  *) here=4 there=3 ;;
esac
/e2e/cgpt add -i $here -P 1 /dev/vda
/e2e/cgpt add -i $there -P 2 -T 1 -S 0 /dev/vda
sync`;

/**
 * A commit that never comes to its decision, with a try at stake. That the firmware boots the other slot, and takes
 * its only try, shows that it was still there.
 */
function failingCommit(name: string, service: string, says: RegExp): RebootCase {
  return {
    name,
    kexec: false,
    before: STAGE_UPDATE,
    after: `mkdir -p /run/systemd/system/flatcar-kexec-commit.service.d
printf '[Service]\n${service}\n' >/run/systemd/system/flatcar-kexec-commit.service.d/50-e2e.conf
systemctl daemon-reload`,
    ask: LOGIND_REBOOT,
    says,
    slot: "other",
  };
}

/** What must not end in a kexec. Those with an update leave the machine in the other slot. */
export const REFUSED: readonly RebootCase[] = [
  {
    name: "`flatcar-kexec reboot --cold`",
    kexec: false,
    ask: "flatcar-kexec reboot --cold",
    says: /ordinary reboot was asked for/,
  },
  {
    name: "`systemctl reboot --firmware-setup` after load",
    kexec: false,
    after: FIRMWARE_WITH_A_SETUP,
    ask: "systemctl reboot --firmware-setup",
    says: /firmware's setup is asked for at the next boot/,
  },
  {
    name: "a check refuses",
    kexec: false,
    before: "mkdir -p /run/flatcar-kexec/config.toml.d; " +
      `printf '[checks]\\nwatchdog-missing = "refuse"\\n' >/run/flatcar-kexec/config.toml.d/50-e2e.toml`,
    loads: false,
    loadStatus: 3,
    ask: LOGIND_REBOOT,
    says: /kexec was skipped: .*watchdog/,
  },
  {
    name: "the kernel does not load",
    kexec: false,
    before: "echo load >/run/fault",
    loads: false,
    loadStatus: 5,
    ask: LOGIND_REBOOT,
    says: /kexec was skipped: .*kexec_file_load failed: Exec format error/,
  },
  {
    name: "update-engine is busy",
    kexec: false,
    before: UPDATE_ENGINE_IS_BUSY,
    loads: false,
    loadStatus: 75,
    ask: LOGIND_REBOOT,
    says: /update-engine is writing \(UPDATE_STATUS_FINALIZING\)/,
  },
  {
    name: "another program loaded a kernel",
    kexec: false,
    before: "/usr/sbin/kexec -s -l /boot/flatcar/vmlinuz-a --initrd=/e2e/initrd.cpio --command-line=foreign",
    loads: false,
    loadStatus: 6,
    ask: LOGIND_REBOOT,
    says: /A kernel is loaded already .* not by flatcar-kexec/,
  },
  {
    name: "the OEM's grub.cfg edited after load",
    kexec: false,
    after: "mount -o remount,rw /oem; echo '# edited' >>/oem/grub.cfg; mount -o remount,ro /oem",
    // By kexec.target: with nothing loaded any more its own service has to find the way to the firmware.
    ask: "systemctl kexec",
    says: /kexec was skipped: .*\/oem\/grub\.cfg has changed since the kernel was loaded/,
  },
  {
    name: "a second update staged after load",
    kexec: false,
    after: STAGE_UPDATE,
    ask: LOGIND_REBOOT,
    says: /kexec was skipped: .*another update was staged/,
    slot: "other",
  },
  failingCommit(
    "commit fails",
    "ExecStart=\\nExecStart=/bin/false",
    /kexec was skipped: flatcar-kexec-commit\.service ended with exit status 1/,
  ),
  failingCommit(
    "commit is killed",
    'ExecStart=\\nExecStart=/bin/sh -c "kill -KILL $$$$"',
    /kexec was skipped: flatcar-kexec-commit\.service was killed by signal KILL/,
  ),
  failingCommit(
    "commit runs out of time",
    "ExecStartPre=/bin/sleep 600\\nTimeoutStartSec=3s",
    /kexec was skipped: flatcar-kexec-commit\.service ran out of time/,
  ),
];

export const CASES: readonly RebootCase[] = [...ARRIVING, ...REFUSED];
