/**
 * The files a plan rests on, read once more right before the jump. By then /boot and /oem are unmounted
 * (systemd unmounts all but the root before kexec.target's own units), so they are mounted again, read-only
 * and out of the way, for as long as the look takes.
 *
 * @module
 */
import { spawnSync } from "node:child_process";
import { mkdirSync, rmdirSync } from "node:fs";
import { FLATCAR_GUID } from "../gpt/guid.ts";
import { readGpt } from "../gpt/read.ts";
import { partitionByName, partitionsByType } from "../gpt/select.ts";
import { devicePath, listPartitions } from "../host/block_devices.ts";
import type { Host } from "../host/host.ts";
import { createHost } from "../host/live.ts";
import { readMounts } from "../host/mounts.ts";
import { CHILD_ENVIRONMENT } from "../lib/child_environment.ts";
import { KexecError, messageOf } from "../lib/errors.ts";

/** How a file system gets mounted; a test stands in. */
export interface Mounter {
  /** @throws {KexecError} `unreadable` with what mount said. */
  mount(device: string, folder: string): void;
  unmount(folder: string): void;
}

const LATE_FOLDER = "/run/flatcar-kexec/late";

/**
 * Run `look` with a host whose /boot and /oem can be read, mounted or not.
 *
 * @param disk Path of the boot disk: `/dev/sda`.
 * @param paths What will be read; only what they need is mounted.
 */
export function withLateFiles<T>(
  host: Host,
  disk: string,
  paths: readonly string[],
  mounter: Mounter,
  look: (host: Host) => T,
): T {
  const points = new Set(readMounts(host).map((mount) => mount.point));
  const wanted = (["/boot", "/oem"] as const).filter((point) =>
    !points.has(point) && paths.some((path) => path.startsWith(`${point}/`))
  );
  const mounted: { readonly point: "/boot" | "/oem"; readonly folder: string }[] = [];
  try {
    for (const point of wanted) {
      const device = deviceFor(host, disk, point);
      // A disk without an OEM partition has no files there, and nothing to mount.
      if (device === null) continue;
      const folder = `${LATE_FOLDER}${point}`;
      mounter.mount(device, folder);
      mounted.push({ point, folder });
    }
    const at = (point: "/boot" | "/oem"): string | undefined =>
      mounted.find((mount) => mount.point === point)?.folder;
    const boot = at("/boot");
    const oem = at("/oem");
    if (boot === undefined && oem === undefined) return look(host);
    return look(createHost({
      ...(boot === undefined ? {} : { boot }),
      ...(oem === undefined ? {} : { oem }),
      ...(host.diskOverride === null ? {} : { disk: host.diskOverride }),
    }));
  } finally {
    for (const { folder } of mounted.reverse()) mounter.unmount(folder);
  }
}

/** Node of the partition that belongs on a mount point, null if the disk has none. */
function deviceFor(host: Host, disk: string, point: "/boot" | "/oem"): string | null {
  const block = host.block(disk);
  if (!block.ok) throw new KexecError("disk-unreadable", `Cannot look at ${point}: ${block.failure.message}`);
  const gpt = readGpt(block.value);
  if (!gpt.ok) throw new KexecError("gpt-invalid", `Cannot look at ${point}: ${gpt.reasons.primary}`);
  const entry = point === "/boot"
    ? partitionsByType(gpt, FLATCAR_GUID.typeEsp)[0]
    : partitionByName(gpt, "OEM");
  if (entry === undefined || entry === null) return null;
  const partition = listPartitions(host).find((candidate) =>
    candidate.number === entry.partition && candidate.disk !== null &&
    devicePath(host, candidate.disk) === disk
  );
  if (partition === undefined) {
    throw new KexecError(
      "unreadable",
      `Cannot look at ${point}: /sys/class/block has no partition ${entry.partition} of ${disk}`,
    );
  }
  return devicePath(host, partition.name);
}

export function liveMounter(): Mounter {
  return {
    mount(device, folder) {
      mkdirSync(folder, { recursive: true, mode: 0o700 });
      const child = spawnSync("/usr/bin/mount", ["-o", "ro,nosuid,nodev,noexec", device, folder], {
        stdio: ["ignore", "ignore", "pipe"],
        env: CHILD_ENVIRONMENT,
        encoding: "utf8",
        timeout: 20_000,
        killSignal: "SIGKILL",
      });
      if (child.status === 0) return;
      const why = child.error === undefined ? child.stderr.trim() : messageOf(child.error);
      throw new KexecError("unreadable", `Cannot mount ${device} on ${folder}: ${why}`);
    },
    unmount(folder) {
      const child = spawnSync("/usr/bin/umount", [folder], { stdio: "ignore", env: {}, timeout: 20_000 });
      // What stays mounted read-only does no harm: the next kernel starts without it.
      if (child.status === 0) rmdirSync(folder);
    },
  };
}
