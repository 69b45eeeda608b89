/**
 * Block devices as sysfs shows them (kernel Documentation/ABI/testing/sysfs-block). Names are the kernel's: `sda`, `nvme0n1p3`.
 *
 * @module
 */
import type { Host } from "./host.ts";
import { readAttribute, readNumber } from "./text.ts";

/** What the kernel reports of a partition. */
export interface Partition {
  readonly name: string;
  /** Name of the whole disk it is on, or null if sysfs does not tell. */
  readonly disk: string | null;
  /** Counted from 1. */
  readonly number: number;
  /** Lower case; null on disks without a GPT, and with kernels that do not report it. */
  readonly partuuid: string | null;
  /** GPT partition name, null likewise. */
  readonly label: string | null;
}

/** A device's layers under it are followed this deep. */
const DEPTH_LIMIT = 8;

/** `KEY=value` lines of a uevent file. */
function uevent(host: Host, folder: string): ReadonlyMap<string, string> {
  const values = new Map<string, string>();
  for (const line of (readAttribute(host, `${folder}/uevent`) ?? "").split("\n")) {
    const equals = line.indexOf("=");
    if (equals > 0) values.set(line.slice(0, equals), line.slice(equals + 1));
  }
  return values;
}

/** Path of a device's node: sysfs writes `/` of nested names as `!`. */
export function devicePath(host: Host, name: string): string {
  return `/dev/${uevent(host, `/sys/class/block/${name}`).get("DEVNAME") ?? name.replaceAll("!", "/")}`;
}

/** Kernel name of the device with the number `major:minor`, or null. */
export function deviceByNumber(host: Host, number: string): string | null {
  const link = host.link(`/sys/dev/block/${number}`);
  if (link.ok) return link.value.split("/").pop() ?? null;
  // A tree may hold directories where sysfs has links.
  return uevent(host, `/sys/dev/block/${number}`).get("DEVNAME")?.replaceAll("/", "!") ?? null;
}

/** The partition of that name, or null if it is not one. */
function readPartition(host: Host, name: string): Partition | null {
  const folder = `/sys/class/block/${name}`;
  const values = uevent(host, folder);
  const number = readNumber(host, `${folder}/partition`) ?? Number(values.get("PARTN") ?? 0);
  if (number < 1) return null;
  const link = host.link(folder);
  const parts = link.ok ? link.value.split("/") : [];
  return {
    name,
    disk: parts.at(-2) ?? diskByName(host, name),
    number,
    partuuid: values.get("PARTUUID")?.toLowerCase() ?? null,
    label: values.get("PARTNAME") ?? null,
  };
}

/** For trees without sysfs's links: the disk whose name, plus an optional `p` and digits, is the partition's. */
function diskByName(host: Host, name: string): string | null {
  const match = /^(.*[0-9])p[0-9]+$|^(.*[a-z])[0-9]+$/.exec(name);
  const disk = match?.[1] ?? match?.[2];
  return disk !== undefined && host.status(`/sys/class/block/${disk}`).ok ? disk : null;
}

/**
 * The partition that a device stands on: itself, or the first of the devices under it (`slaves/`), down to
 * eight layers. Null if there is none, as for memory or network devices.
 */
export function partitionUnder(host: Host, name: string): Partition | null {
  let current = name;
  for (let depth = 0; depth <= DEPTH_LIMIT; depth++) {
    const partition = readPartition(host, current);
    if (partition !== null) return partition;
    const under = host.list(`/sys/class/block/${current}/slaves`);
    const next = under.ok ? under.value[0] : undefined;
    if (next === undefined) return null;
    current = next;
  }
  return null;
}

/** All partitions, in order of name. */
export function listPartitions(host: Host): readonly Partition[] {
  const names = host.list("/sys/class/block");
  if (!names.ok) return [];
  return names.value
    .filter((name) => /[0-9]$/.test(name) && !/^(loop|ram|zram|dm-|md|sr|fd)[0-9]+$/.test(name))
    .map((name) => readPartition(host, name))
    .filter((partition) => partition !== null);
}
