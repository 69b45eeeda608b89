/**
 * The store on a real file system: `/var/lib/flatcar-kexec`, which both slots share, and
 * `/run/flatcar-kexec`, which a boot empties.
 *
 * @module
 */
import {
  closeSync,
  constants,
  existsSync,
  fstatSync,
  fsyncSync,
  ftruncateSync,
  mkdirSync,
  openSync,
  readdirSync,
  readSync,
  renameSync,
  rmSync,
  writeSync,
} from "node:fs";
import { basename, dirname, join } from "node:path";
import * as v from "valibot";
import { KexecError, messageOf, systemErrorCode } from "../lib/errors.ts";
import { type FileOperations, replaceFile, syncFolder, writeFully } from "./atomic_file.ts";
import { type AttemptEvent, EMPTY_LOG, foldEvents, issueOf, parseEvents } from "./attempt.ts";
import {
  LOAD_RECORD_FILE,
  type LoadRecord,
  parseLoadRecord,
  RUN_FOLDER,
  serializeLoadRecord,
} from "./load_record.ts";
import { EMPTY_STATE, type ParsedState, parseState, serializeState, STATE_FOLDER } from "./state.ts";
import type { ColdRequest, StateStore } from "./store.ts";

/** A log longer than this, in bytes, is moved aside as `attempts.1.jsonl`, over the one before. */
export const LOG_LIMIT: number = 128 * 1024;
/** A state file longer than this, in bytes, is not one of ours. */
const READ_LIMIT = 8 * 1024 * 1024;
/** Damaged files that are kept; the oldest go first. */
const SET_ASIDE_LIMIT = 8;

const coldSchema = v.looseObject({ at: v.pipe(v.string(), v.isoTimestamp()), reason: v.string() });

export interface FileStoreOptions {
  readonly stateFolder?: string;
  readonly runFolder?: string;
  readonly now?: () => Date;
  readonly fs?: FileOperations;
}

type Content =
  | { readonly kind: "absent" }
  | { readonly kind: "text"; readonly text: string }
  | { readonly kind: "untrusted"; readonly problem: string };

const WHOLE_FS: FileOperations = { openSync, writeSync, fsyncSync, closeSync, renameSync };

export function createFileStore(options: FileStoreOptions = {}): StateStore {
  const stateFolder = options.stateFolder ?? STATE_FOLDER;
  const runFolder = options.runFolder ?? RUN_FOLDER;
  const now = options.now ?? (() => new Date());
  const fs = options.fs ?? WHOLE_FS;
  const stateFile = join(stateFolder, "state.json");
  const logFile = join(stateFolder, "attempts.jsonl");
  const olderLogFile = join(stateFolder, "attempts.1.jsonl");
  const loadFile = join(runFolder, basename(LOAD_RECORD_FILE));
  const coldFile = join(runFolder, "cold.json");

  function parsedState(): ParsedState | null {
    const content = readTrusted(stateFile);
    if (content.kind === "absent") return null;
    if (content.kind === "untrusted") return { ok: false, problem: content.problem };
    return parseState(stateFile, content.text);
  }

  function parsed<T>(
    path: string,
    parse: (text: string) => { readonly ok: true; readonly value: T } | {
      readonly ok: false;
      readonly problem: string;
    },
  ): { readonly value: T | null; readonly problems: readonly string[] } {
    const content = readTrusted(path);
    if (content.kind === "absent") return { value: null, problems: [] };
    if (content.kind === "untrusted") return { value: null, problems: [content.problem] };
    const result = parse(content.text);
    return result.ok ? { value: result.value, problems: [] } : { value: null, problems: [result.problem] };
  }

  const parseCold = (text: string) => {
    let json: unknown;
    try {
      json = JSON.parse(text);
    } catch {
      return { ok: false, problem: `${coldFile} is not JSON: it was torn or edited` } as const;
    }
    const result = v.safeParse(coldSchema, json);
    if (result.success) return { ok: true, value: result.output } as const;
    return { ok: false, problem: `${coldFile} is not a request: ${issueOf(result.issues[0])}` } as const;
  };

  function setAside(path: string): string {
    const stamp = now().toISOString().replace(/[-:]/g, "").replace(/\.\d+/, "");
    const target = `${path}.corrupt-${stamp}`;
    change(path, () => {
      renameSync(path, target);
      const prefix = `${basename(path)}.corrupt-`;
      const kept = readdirSync(dirname(path)).filter((name) => name.startsWith(prefix)).sort();
      for (const name of kept.slice(0, -SET_ASIDE_LIMIT)) rmSync(join(dirname(path), name), { force: true });
    });
    return target;
  }

  function write(path: string, text: string): void {
    change(path, () => mkdirSync(dirname(path), { recursive: true, mode: 0o755 }));
    replaceFile(path, text, { fs });
  }

  function remove(path: string): void {
    if (!existsSync(path)) return;
    change(path, () => {
      rmSync(path, { force: true });
      syncFolder(fs, dirname(path));
    });
  }

  const store: StateStore = {
    readState() {
      const found = parsedState();
      if (found === null) return { value: EMPTY_STATE, problems: [] };
      return found.ok
        ? { value: found.value, problems: [] }
        : { value: EMPTY_STATE, problems: [found.problem] };
    },

    writeState(state) {
      const before = parsedState();
      if (before !== null && !before.ok) setAside(stateFile);
      write(stateFile, serializeState(state, before !== null && before.ok ? before.raw : {}));
    },

    readLog() {
      const events: AttemptEvent[] = [];
      const problems: string[] = [];
      for (const path of [olderLogFile, logFile]) {
        const content = readTrusted(path);
        if (content.kind === "untrusted") problems.push(content.problem);
        if (content.kind !== "text") continue;
        const found = parseEvents(path, content.text);
        events.push(...found.events);
        problems.push(...found.problems);
      }
      return { value: events.length === 0 ? EMPTY_LOG : foldEvents(events), problems };
    },

    appendEvent(event) {
      change(logFile, () => {
        mkdirSync(stateFolder, { recursive: true, mode: 0o755 });
        if (readTrusted(logFile).kind === "untrusted") setAside(logFile);
        appendLine(fs, logFile, olderLogFile, JSON.stringify(event));
      });
    },

    readLoad() {
      return parsed<LoadRecord>(loadFile, (text) => parseLoadRecord(loadFile, text));
    },
    writeLoad(record) {
      write(loadFile, serializeLoadRecord(record));
    },
    removeLoad() {
      remove(loadFile);
    },

    readCold() {
      return parsed<ColdRequest>(coldFile, parseCold);
    },
    writeCold(request) {
      write(coldFile, JSON.stringify(request) + "\n");
    },
    removeCold() {
      remove(coldFile);
    },

    setAsideDamaged(isKernelLoaded) {
      const sentences: string[] = [];
      const check = (path: string, problems: readonly string[]): void => {
        if (problems[0] !== undefined) sentences.push(`${problems[0]}; set aside as ${setAside(path)}`);
      };
      check(stateFile, store.readState().problems);
      const load = store.readLoad().problems;
      if (isKernelLoaded) sentences.push(...load);
      else check(loadFile, load);
      check(coldFile, store.readCold().problems);
      for (const path of [olderLogFile, logFile]) {
        const content = readTrusted(path);
        if (content.kind === "untrusted") check(path, [content.problem]);
        // Single bad lines are reported by readLog and passed over; the good ones around them stay in use.
      }
      return sentences;
    },
  };
  return store;
}

/** Run a change and say which file it was about. */
function change(path: string, action: () => void): void {
  try {
    action();
  } catch (error) {
    if (error instanceof KexecError) throw error;
    throw new KexecError("write-failed", `Cannot write ${path}: ${messageOf(error)}`, { cause: error });
  }
}

const { O_CREAT, O_NOFOLLOW, O_NONBLOCK, O_RDONLY, O_RDWR, O_WRONLY } = constants;

/**
 * Read a file that decides something: a plain file, of root's or ours, that nobody else can write. A link, a
 * pipe or a file of somebody else's is not trusted.
 */
function readTrusted(path: string): Content {
  let fd: number;
  try {
    // O_NONBLOCK: opening a pipe that somebody put there must not hang.
    fd = openSync(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
  } catch (error) {
    if (systemErrorCode(error) === "ENOENT") return { kind: "absent" };
    if (systemErrorCode(error) === "ELOOP") {
      return { kind: "untrusted", problem: `${path} is a symbolic link, expected a plain file` };
    }
    return { kind: "untrusted", problem: `${path} cannot be read: ${messageOf(error)}` };
  }
  try {
    const status = fstatSync(fd);
    if (!status.isFile()) return { kind: "untrusted", problem: `${path} is not a plain file` };
    if (status.uid !== 0 && status.uid !== process.geteuid?.()) {
      return { kind: "untrusted", problem: `${path} belongs to user ${status.uid}, expected root (0)` };
    }
    if ((status.mode & 0o022) !== 0) {
      const mode = (status.mode & 0o777).toString(8);
      return { kind: "untrusted", problem: `${path} is writable by others: mode ${mode}, expected 644` };
    }
    if (status.size > READ_LIMIT) {
      return {
        kind: "untrusted",
        problem: `${path} is ${status.size} bytes long, expected at most ${READ_LIMIT}`,
      };
    }
    return { kind: "text", text: new TextDecoder().decode(readAll(fd, status.size)) };
  } catch (error) {
    return { kind: "untrusted", problem: `${path} cannot be read: ${messageOf(error)}` };
  } finally {
    closeSync(fd);
  }
}

function readAll(fd: number, size: number): Uint8Array {
  const data = new Uint8Array(size);
  let offset = 0;
  while (offset < size) {
    const got = readSync(fd, data, offset, size - offset, offset);
    if (got === 0) break;
    offset += got;
  }
  return data.subarray(0, offset);
}

/**
 * Append one line and sync. A line without its end, which a power cut tore, never counted as written
 * ({@link parseEvents}): it is cut off, so that it cannot swallow the new one.
 */
function appendLine(fs: FileOperations, path: string, olderPath: string, line: string): void {
  let end = dropTornLine(path);
  if (end > LOG_LIMIT) {
    fs.renameSync(path, olderPath);
    end = 0;
  }
  const fd = fs.openSync(path, O_WRONLY | O_CREAT | O_NOFOLLOW, 0o644);
  try {
    writeFully(fs, fd, new TextEncoder().encode(`${line}\n`), end);
    fs.fsyncSync(fd);
  } finally {
    fs.closeSync(fd);
  }
  syncFolder(fs, dirname(path));
}

/** Cut a file after its last line end. Returns its length in bytes, 0 if there is none. */
function dropTornLine(path: string): number {
  if (!existsSync(path)) return 0;
  const fd = openSync(path, O_RDWR | O_NOFOLLOW);
  try {
    const { size } = fstatSync(fd);
    const end = readAll(fd, size).lastIndexOf(0x0a) + 1;
    if (end < size) ftruncateSync(fd, end);
    return end;
  } finally {
    closeSync(fd);
  }
}
