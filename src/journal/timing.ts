/**
 * How long a reboot took, and how long the firmware would have taken.
 *
 * @module
 */

/** Longer than this, in seconds, and a clock was set in between. */
const BELIEVABLE = 86_400;

/** Clocks read at one moment by confirm. */
export interface Clocks {
  readonly now: Date;
  /** `/proc/uptime`, seconds since the kernel started. */
  readonly uptime: number;
  /** systemd's UserspaceTimestampMonotonic, microseconds since the kernel started; null if unknown. */
  readonly userspace: number | null;
}

/**
 * Seconds from commit, which is the end of the shutdown, to the start of user space; null if the clocks
 * contradict each other. The new kernel sets its clock from the battery-backed one, so this is good to about a second.
 *
 * @param committedAt ISO 8601
 */
export function secondsToUserspace(committedAt: string, clocks: Clocks): number | null {
  const kernelStart = clocks.now.getTime() / 1000 - clocks.uptime;
  const seconds = kernelStart + (clocks.userspace ?? 0) / 1e6 - Date.parse(committedAt) / 1000;
  return Number.isFinite(seconds) && seconds >= 0 && seconds < BELIEVABLE ? round(seconds) : null;
}

/**
 * Seconds that firmware and boot loader took together before the kernel started, null where systemd cannot
 * tell. systemd has it from the loader's EFI variables or from the ACPI FPDT, as microseconds counted back from
 * the kernel's start (org.freedesktop.systemd1(5), FirmwareTimestampMonotonic); 0 says unknown.
 */
export function firmwareSeconds(firmwareTimestampMonotonic: number | null): number | null {
  if (firmwareTimestampMonotonic === null || firmwareTimestampMonotonic <= 0) return null;
  const seconds = firmwareTimestampMonotonic / 1e6;
  return seconds < BELIEVABLE ? round(seconds) : null;
}

/** First number of `/proc/uptime`, null if the text is something else. */
export function parseUptime(text: string): number | null {
  const match = /^(\d+(?:\.\d+)?) /.exec(text);
  return match === null ? null : Number(match[1]);
}

function round(seconds: number): number {
  return Math.round(seconds * 10) / 10;
}
