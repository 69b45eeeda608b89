/**
 * Putting a planned kernel in place, and taking it away again.
 *
 * @module
 */
import { createHash } from "node:crypto";
import type { Config } from "../config/config.ts";
import { firmwareRequests } from "../host/firmware_requests.ts";
import type { Host } from "../host/host.ts";
import type { SkippedEvent } from "../journal/attempt.ts";
import { type JournalSink, loadedEntry, skippedEntry } from "../journal/journal_entry.ts";
import { type LoadRecord, loadRecordOf, type WatchedFile } from "../journal/load_record.ts";
import type { StateStore } from "../journal/store.ts";
import { chooseSyscall } from "../kernel/syscall.ts";
import { KexecError, messageOf } from "../lib/errors.ts";
import type { Planning } from "../plan/make_plan.ts";
import { type KexecMachine, loadKernel, unloadKernel } from "./kexec_tools.ts";
import { watchFile } from "./recheck.ts";

/** What of systemd a loaded kernel needs. */
export interface JumpArrangements {
  /** Make every reboot of this boot a kexec, with commit run before it. @throws {KexecError} `systemd-failed` */
  arrange(): void;
  /** The reverse; nothing happens where nothing is arranged. */
  cancel(): void;
  /** For a kernel that cannot be unloaded: no reboot ends in a kexec by itself any more, and commit still runs. */
  endInReboot(): void;
  /** Set KExecWatchdogUSec; the value before, in microseconds, or null if it cannot be set. */
  setWatchdog(microseconds: number): number | null;
}

export interface LoadPorts {
  readonly host: Host;
  readonly machine: KexecMachine;
  readonly store: StateStore;
  readonly jump: JumpArrangements;
  /** Put an archive for the initial RAM disk at a path below /run. @throws {KexecError} `write-failed` */
  writeInitrd(path: string, archive: Uint8Array): void;
  /** A whole file of the live host. @throws {KexecError} `unreadable` */
  readFile(path: string): Uint8Array;
  readonly journal: JournalSink;
  now(): Date;
}

/** Whose kernel is loaded. `unknown`: there is no /sys/kernel/kexec_loaded, so nothing is. */
export type Loaded =
  | { readonly kind: "nothing" }
  | { readonly kind: "ours"; readonly record: LoadRecord }
  /** There is a record, which cannot be read: commit drops such a kernel, and so may whoever is asked to. */
  | { readonly kind: "damaged" }
  | { readonly kind: "foreign" };

export function whatIsLoaded(
  ports: { readonly machine: Pick<KexecMachine, "isLoaded">; readonly store: StateStore },
): Loaded {
  if (ports.machine.isLoaded() !== true) return { kind: "nothing" };
  const { value: record, problems } = ports.store.readLoad();
  if (record !== null) return { kind: "ours", record };
  return { kind: problems.length > 0 ? "damaged" : "foreign" };
}

/** The record of what is loaded, null if there is none that can be read. */
export function recordOf(loaded: Loaded): LoadRecord | null {
  return loaded.kind === "ours" ? loaded.record : null;
}

/** Whether what is loaded is ours to drop. */
export function isOurs(loaded: Loaded): boolean {
  return loaded.kind === "ours" || loaded.kind === "damaged";
}

/** The plan's initial RAM disks, ready to be written. */
export interface InitrdArchive {
  readonly path: string;
  readonly archive: Uint8Array;
}

/**
 * SHA-256 over all that load and commit go by: the plan but for its findings, which do not change what is done, and
 * what stands in the configuration or the firmware beside it. The content of watched files is compared by itself.
 */
export function loadDigest(
  planning: Planning,
  initrds: readonly InitrdArchive[],
  config: Config,
  host: Host,
): string {
  const { findings: _, ...plan } = planning.plan;
  return sha256(JSON.stringify({
    plan,
    syscall: planning.syscall,
    watched: planning.watched,
    disk: planning.disk,
    tries: config.tries,
    kexec: config.kexec,
    watchdogSeconds: config.watchdogSeconds,
    initrds: initrds.map(({ path, archive }) => [path, sha256(archive)]),
    firmwareRequests: firmwareRequests(host).map((request) => request.variable),
  }));
}

function sha256(data: string | Uint8Array): string {
  return createHash("sha256").update(data).digest("hex");
}

/**
 * Load the kernel of a plan that no check refuses. If anything goes wrong nothing stays loaded, and word is left.
 *
 * @throws {KexecError} `foreign-kernel-loaded`, `kexec-failed`, `kexec-tools-missing`, `unreadable`,
 * `systemd-failed`, `write-failed`.
 */
export function loadPlanned(
  planning: Planning,
  initrds: readonly InitrdArchive[],
  config: Config,
  ports: LoadPorts,
): LoadRecord {
  try {
    const record = putInPlace(planning, initrds, config, ports);
    ports.journal.send(loadedEntry(record, ports.store.readCold().value));
    return record;
  } catch (error) {
    noteSkipped(ports, { id: planning.attempt, bootId: planning.facts.bootId ?? "" }, messageOf(error));
    throw error;
  }
}

function putInPlace(
  planning: Planning,
  initrds: readonly InitrdArchive[],
  config: Config,
  ports: LoadPorts,
): LoadRecord {
  const { plan, disk, attempt, facts, syscall } = planning;
  if (
    plan.decision !== "kexec" || plan.kernel === null || plan.cmdline === null || disk === null ||
    attempt === null
  ) {
    throw new KexecError("internal", "Cannot load: the plan does not lead to a kexec");
  }
  const loaded = whatIsLoaded(ports);
  if (loaded.kind === "foreign") throw foreignKernel("load");
  if (isOurs(loaded)) unloadLoaded(recordOf(loaded), config, ports);
  const record = loadRecordOf(plan, {
    id: attempt,
    bootId: facts.bootId ?? "",
    loadedAt: ports.now().toISOString(),
    tries: config.tries,
    cmdline: plan.cmdline,
    disk: disk.path,
    tableDigest: disk.tableDigest,
    kexec: { program: config.kexec.program, syscall },
    firmwareRequests: firmwareRequests(ports.host).map((request) => request.variable),
    watched: planning.watched.map((path) => requireWatched(ports.host, path)),
    digest: loadDigest(planning, initrds, config, ports.host),
    watchdogBefore: null,
  });
  if (record === null) throw new KexecError("internal", "Cannot load: the plan names no slot");
  try {
    // Record and units come first: a reboot in between would jump without a try being taken.
    ports.store.writeLoad(record);
    ports.jump.arrange();
    const initrd = placeInitrds(plan.initrds, initrds, ports);
    loadKernel(ports.machine, config.kexec.program, {
      kernel: plan.kernel.file,
      cmdline: plan.cmdline,
      initrd,
      deviceTree: plan.deviceTree,
      syscall,
      options: config.kexec.options,
    });
    if (config.watchdogSeconds === 0) return record;
    const watchdogBefore = ports.jump.setWatchdog(config.watchdogSeconds * 1_000_000);
    const withWatchdog = { ...record, watchdogBefore };
    ports.store.writeLoad(withWatchdog);
    return withWatchdog;
  } catch (error) {
    unloadLoaded(record, config, ports);
    throw error;
  }
}

/**
 * Leave word that there is no kexec: in the journal, and for `status` and the next boot's confirm. A log that cannot be
 * written must not hide what it is about.
 *
 * @param checks Ids of the checks that refused.
 */
export function noteSkipped(
  ports: Pick<LoadPorts, "store" | "journal" | "now">,
  { id, bootId }: { readonly id: string | null; readonly bootId: string },
  reason: string,
  checks: readonly string[] = [],
): void {
  const at = ports.now().toISOString();
  const event: SkippedEvent = { event: "skipped", id, at, bootId, stage: "load", checks, reason };
  ports.journal.send(skippedEntry(event));
  try {
    ports.store.appendEvent(event);
  } catch (error) {
    if (!(error instanceof KexecError)) throw error;
  }
}

/**
 * Drop what {@link loadPlanned} put in place. A kernel that cannot be unloaded keeps its record and its units, so
 * that commit still stands between it and the jump; after that every step is tried.
 *
 * @throws {KexecError} of the first step that failed.
 */
export function unloadLoaded(
  record: LoadRecord | null,
  config: Config,
  ports: Pick<LoadPorts, "host" | "machine" | "store" | "jump">,
): void {
  if (ports.machine.isLoaded() === true) {
    const how = record?.kexec ??
      { program: config.kexec.program, syscall: chooseSyscall(config.kexec.syscall, ports.host.arch) };
    unloadKernel(ports.machine, how.program, how.syscall);
  }
  const watchdogBefore = record?.watchdogBefore ?? null;
  const failures: unknown[] = [];
  for (
    const step of [
      () => ports.jump.cancel(),
      () => void (watchdogBefore === null || ports.jump.setWatchdog(watchdogBefore)),
      () => ports.store.removeLoad(),
    ]
  ) {
    try {
      step();
    } catch (error) {
      failures.push(error);
    }
  }
  if (failures.length > 0) throw failures[0];
}

/** All of a plan's initial RAM disks in one file, where there is more than one: kexec takes a single `--initrd`. */
const JOINED_INITRD = "/run/flatcar-kexec/initrd/joined.cpio";

function placeInitrds(
  paths: readonly string[],
  archives: readonly InitrdArchive[],
  ports: Pick<LoadPorts, "writeInitrd" | "readFile">,
): string | null {
  for (const { path, archive } of archives) ports.writeInitrd(path, archive);
  const [first] = paths;
  if (first === undefined || paths.length === 1) return first ?? null;
  ports.writeInitrd(JOINED_INITRD, joinInitrds(paths.map((path) => ports.readFile(path))));
  return JOINED_INITRD;
}

/** Archives one after the other, as the kernel unpacks them; each starts at a multiple of four bytes. */
function joinInitrds(archives: readonly Uint8Array[]): Uint8Array {
  const aligned = archives.map((archive) => Math.ceil(archive.length / 4) * 4);
  const result = new Uint8Array(aligned.reduce((sum, length) => sum + length, 0));
  let offset = 0;
  archives.forEach((archive, index) => {
    result.set(archive, offset);
    offset += aligned[index] ?? 0;
  });
  return result;
}

export function foreignKernel(command: string): KexecError {
  return new KexecError(
    "foreign-kernel-loaded",
    `Cannot ${command}: /sys/kernel/kexec_loaded is 1, but flatcar-kexec loaded nothing in this boot`,
    {
      hint:
        "another program loaded a kernel; drop it with 'kexec -u', or reboot into it with 'systemctl kexec'",
    },
  );
}

function requireWatched(host: Host, path: string): WatchedFile {
  const watched = watchFile(host, path);
  if (typeof watched === "string") throw new KexecError("unreadable", `Cannot load: ${watched}`);
  return watched;
}
