/**
 * The units, as text.
 *
 * - `flatcar-kexec-load.path` starts `flatcar-kexec-load.service` whenever `/run/reboot-required` is touched, which is the
 *   last thing Flatcar's update does: the kernel has to be loaded before anybody asks for a reboot, since
 *   systemctl and logind decide when they are asked.
 * - `flatcar-kexec-commit.service` runs once, late, in every shutdown that ends in a reboot.
 * - `flatcar-kexec-confirm.service` runs once after the boot.
 * - the drop-in for `systemd-reboot.service` turns the reboots that never look at a loaded kernel (logind's
 *   `Reboot`, SIGRTMIN+5, ctrl-alt-del) into a kexec. With nothing loaded, the reboot is as usual.
 *
 * What the program prints stands in the journal under the unit's name; under the program's own
 * (`journalctl -t flatcar-kexec`) are the entries that have a message id.
 *
 * @module
 */

/** What the texts depend on. */
export interface UnitSettings {
  /** Path of this program. */
  readonly binary: string;
  /** Path of the kexec program. */
  readonly kexecProgram: string;
}

export const LOAD_PATH_UNIT = "flatcar-kexec-load.path";
export const LOAD_UNIT = "flatcar-kexec-load.service";
export const COMMIT_UNIT = "flatcar-kexec-commit.service";
export const CONFIRM_UNIT = "flatcar-kexec-confirm.service";
/** Below `/run/systemd/system`, while a kernel is loaded. */
export const REBOOT_DROP_IN = "systemd-reboot.service.d/50-flatcar-kexec.conf";

/** Flatcar's update touches it when the new slot is ready, and kured reads it. */
export const REBOOT_REQUIRED = "/run/reboot-required";

/** Targets that want the commit unit: every way to a reboot, and no power-off. */
export const COMMIT_WANTED_BY = ["reboot.target", "kexec.target"] as const;

/** First line of every file that we write; what does not start with it is not ours. */
export const OWNER_LINE = "# Written by flatcar-kexec, which also removes it. Change it by a drop-in.";

const PATH = "/usr/sbin:/usr/bin:/sbin:/bin:/opt/bin";

/**
 * Run the program with an empty environment. A program compiled by Bun obeys `BUN_OPTIONS` and the like, and
 * variables from the kernel command line or DefaultEnvironment= would reach it.
 */
function execLine(settings: UnitSettings, command: string): string {
  return `/usr/bin/env -i PATH=${PATH} JOURNAL_STREAM=\${JOURNAL_STREAM} ${
    quote(settings.binary)
  } ${command}`;
}

/** A word of a command line in a unit file (systemd.service(5), "Command lines"). */
function quote(word: string): string {
  const escaped = word.replaceAll("\\", "\\\\").replaceAll('"', '\\"').replaceAll("%", "%%").replaceAll(
    "$",
    "$$$$",
  );
  return /^[A-Za-z0-9_./%+-]+$/.test(word) ? escaped : `"${escaped}"`;
}

/** A command line for sh(1), as a unit file has it. */
function shellLine(script: string): string {
  return `/bin/sh -c ${quote(script)}`;
}

/** A word for sh(1), inside a unit's quotes. */
function shellWord(word: string): string {
  return `'${word.replaceAll("'", `'\\''`)}'`;
}

export function loadPathUnit(): string {
  return `${OWNER_LINE}
[Unit]
Description=Watch for an update that wants a reboot, to load its kernel

[Path]
PathChanged=${REBOOT_REQUIRED}
Unit=${LOAD_UNIT}

[Install]
WantedBy=multi-user.target
`;
}

/**
 * Exit status 3 and 6 are verdicts, not faults. What is left to try again is 75: update-engine is not done, or
 * another command runs. (RestartForceExitStatus=75 would say so, but is refused for Type=oneshot.)
 */
export function loadUnit(settings: UnitSettings): string {
  return `${OWNER_LINE}
[Unit]
Description=Load the kernel of the next boot
After=${CONFIRM_UNIT}
StartLimitIntervalSec=1h
StartLimitBurst=200

[Service]
Type=oneshot
ExecStart=${execLine(settings, "load")}
SyslogIdentifier=flatcar-kexec-load
SuccessExitStatus=3 6
Restart=on-failure
RestartPreventExitStatus=1 2 4 5
RestartSec=20s
TimeoutStartSec=5min
`;
}

/**
 * Wanted, never required: a required unit that fails gets the shutdown stuck. A unit that fails does not stop
 * the kexec either, so whatever ends it without success unloads the kernel, by the system call that a locked-down
 * kernel allows or else by the one that every kernel has. Only then the program, which may be what failed, is asked
 * to write down why.
 */
export function commitUnit(settings: UnitSettings): string {
  const kexec = shellWord(settings.kexecProgram);
  const note =
    `/usr/bin/env -i PATH=${PATH} JOURNAL_STREAM="$JOURNAL_STREAM" ${shellWord(settings.binary)} ` +
    'commit --failed="$SERVICE_RESULT $EXIT_STATUS"';
  const unload = `[ "$SERVICE_RESULT" = success ] || { ${kexec} -s -u || ${kexec} -c -u; exec ${note}; }`;
  return `${OWNER_LINE}
[Unit]
Description=Take the try of the slot that is about to be started by kexec
DefaultDependencies=no
RefuseManualStart=yes
ConditionPathExists=/run/flatcar-kexec/loaded.json
After=shutdown.target umount.target
Before=final.target systemd-reboot.service systemd-kexec.service

[Service]
Type=oneshot
ExecStart=${execLine(settings, "commit")}
SyslogIdentifier=flatcar-kexec-commit
ExecStopPost=${shellLine(unload)}
TimeoutStartSec=45s
TimeoutStopSec=30s
StandardOutput=journal+console
StandardError=journal+console

[Install]
WantedBy=${COMMIT_WANTED_BY.join(" ")}
`;
}

/**
 * Before update-engine, which 45 s after its start makes the running slot the first choice again. It takes a
 * fraction of a second, and waits for nothing but another command's lock; the limit is for hosts that are starved
 * while they boot, where update-engine has to wait as well.
 */
export function confirmUnit(settings: UnitSettings): string {
  return `${OWNER_LINE}
[Unit]
Description=Find out what became of the last kexec
RequiresMountsFor=/var/lib/flatcar-kexec ${quotePath(settings.binary)}
After=local-fs.target
Before=update-engine.service locksmithd.service

[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=${execLine(settings, "confirm")}
SyslogIdentifier=flatcar-kexec-confirm
TimeoutStartSec=3min

[Install]
WantedBy=multi-user.target
`;
}

function quotePath(path: string): string {
  const escaped = path.replaceAll("\\", "\\\\").replaceAll('"', '\\"').replaceAll("%", "%%");
  return /\s|["\\]/.test(path) ? `"${escaped}"` : escaped;
}

/** First release that knows the action `kexec-force` (systemd.unit(5), `SuccessAction=`). */
const KEXEC_ACTION_SINCE = 254;

/** What the older form of the drop-in runs; commit looks for it ({@link ./jump.ts}). */
export const FORCED_KEXEC = "systemctl --force kexec";

/**
 * How systemd-reboot.service ends in a kexec.
 *
 * Before 254 a unit can only do that by a command. `systemctl kexec` would look for a kernel of its own if none is
 * loaded, so it is called only if one is; else the unit's own `SuccessAction=reboot-force` is what happens, and
 * the same follows if the command fails or hangs. This form works with every release.
 *
 * @param version Release of the running systemd, null if unknown.
 */
export function rebootDropIn(version: number | null): string {
  if (version !== null && version >= KEXEC_ACTION_SINCE) {
    return `${OWNER_LINE}
[Unit]
SuccessAction=kexec-force
`;
  }
  const script = `[ "$(cat /sys/kernel/kexec_loaded)" != 1 ] || exec ${FORCED_KEXEC}`;
  return `${OWNER_LINE}
[Unit]
FailureAction=reboot-force

[Service]
Type=oneshot
ExecStart=${shellLine(script)}
TimeoutStartSec=1min
`;
}
