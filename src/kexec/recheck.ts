/**
 * Is everything still as the loaded plan saw it? Each difference is a sentence, and vetoes the kexec.
 *
 * @module
 */
import { type GptRead, readGpt, tableDigest } from "../gpt/read.ts";
import { byteRange, partitionByUuid } from "../gpt/select.ts";
import type { BlockReader, Host } from "../host/host.ts";
import type { LoadRecord, WatchedFile } from "../journal/load_record.ts";
import { FIRST_BOOT_FLAGS } from "../kernel/first_boot.ts";
import { verifyPairing } from "../kernel/verity.ts";

const FLAG_FILES: readonly string[] = FIRST_BOOT_FLAGS.map((path) => `/boot${path}`);

/** What `load` writes down of a file. Unreadable is not absent: that stops the load. */
export function watchFile(host: Host, path: string): WatchedFile | string {
  const digest = host.digest(path);
  if (digest.ok) return { path, sha256: digest.value };
  return digest.failure.kind === "missing" ? { path, sha256: null } : digest.failure.message;
}

/** Paths that {@link recheckFiles} reads. */
export function recheckedPaths(record: LoadRecord): readonly string[] {
  return [...record.watched.map((file) => file.path), ...FLAG_FILES];
}

/** @param host One whose /boot and /oem can be read. */
export function recheckFiles(host: Host, record: LoadRecord): readonly string[] {
  const changes: string[] = [];
  for (const { path, sha256 } of record.watched) {
    const now = watchFile(host, path);
    if (typeof now === "string") changes.push(now);
    else if (now.sha256 === sha256) continue;
    else if (sha256 === null) {
      changes.push(`${path} was not there when the kernel was loaded, and is there now`);
    } else if (now.sha256 === null) changes.push(`${path} was there when the kernel was loaded, and is gone`);
    else changes.push(`${path} has changed since the kernel was loaded`);
  }
  const flag = FLAG_FILES.find((path) => host.status(path).ok) ?? null;
  if (flag === null && record.firstBoot) {
    changes.push("the kernel was loaded for a first boot, and the first-boot flag is gone");
  } else if (flag !== null && !record.firstBoot && !record.cmdline.includes("first_boot=")) {
    changes.push(`${flag} asks for a first boot, and the kernel was loaded without one`);
  }
  return changes;
}

/** The partition table, byte for byte, and the pairing of kernel and /usr. */
export function recheckDisk(block: BlockReader, record: LoadRecord): readonly string[] {
  const read: GptRead = readGpt(block);
  if (!read.ok) {
    return [`the partition table of ${block.path} cannot be read any more: ${read.reasons.primary}`];
  }
  const digest = tableDigest(read);
  if (digest !== record.tableDigest) {
    return [
      `the partition table of ${block.path} has changed since the kernel was loaded: another update was staged, ` +
      "or somebody edited it",
    ];
  }
  if (record.kernel.usrhash === null) return [];
  const partition = partitionByUuid(read, record.slot.partuuid);
  const range = partition === null ? null : byteRange(read, partition);
  if (range === null) return [`partition ${record.slot.partuuid} is not on ${block.path}`];
  const pairing = verifyPairing(block, range, record.kernel.usrhash, record.slot.label);
  return pairing.ok ? [] : [pairing.message];
}
