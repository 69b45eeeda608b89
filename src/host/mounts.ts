import { exists, readText } from "./text.ts";
import type { Host } from "./host.ts";

/** One line of `/proc/self/mountinfo` (proc_pid_mountinfo(5)). */
export interface Mount {
  /** `major:minor`; major 0 for file systems such as btrfs and overlay that have no one device. */
  readonly device: string;
  readonly point: string;
  readonly type: string;
  readonly source: string;
}

const MOUNTINFO = "/proc/self/mountinfo";

function unescape(text: string): string {
  return text.replace(/\\([0-7]{3})/g, (_, digits: string) => String.fromCharCode(parseInt(digits, 8)));
}

/**
 * What is mounted, in order; of several at one point the last covers the others. Empty if it cannot be read.
 *
 * Flatcar mounts /boot and /oem when they are first looked into, so that is done before.
 */
export function readMounts(host: Host): readonly Mount[] {
  exists(host, "/boot/flatcar");
  exists(host, "/oem/grub.cfg");
  const text = readText(host, MOUNTINFO, 4 << 20);
  if (!text.ok) return [];
  const mounts: Mount[] = [];
  for (const line of text.value.split("\n")) {
    const fields = line.split(" ");
    // Optional fields end with a lone dash.
    const dash = fields.indexOf("-", 6);
    const [, , device, , point] = fields;
    const [type, source] = dash < 0 ? [] : fields.slice(dash + 1);
    if (device === undefined || point === undefined || type === undefined || source === undefined) continue;
    mounts.push({ device, point: unescape(point), type: unescape(type), source: unescape(source) });
  }
  return mounts;
}
