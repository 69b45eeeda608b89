/**
 * A host that remembers what it was asked and what it answered.
 *
 * @module
 */
import {
  type BlockReader,
  type CommandOutcome,
  DEFAULT_READ_LIMIT,
  type FileStatus,
  type Host,
  type Observed,
} from "./host.ts";
import { createMasker } from "./mask.ts";
import {
  type HostSnapshot,
  restoreBytes,
  storeBytes,
  type Stored,
  type StoredBlock,
  type StoredBytes,
  type StoredCommand,
  type StoredRange,
} from "./snapshot.ts";
import { failed } from "./system_failure.ts";

export interface Recorder {
  /** Answers as the host does, and the same to the same question, so that the record is one moment's. */
  readonly host: Host;
  /**
   * What was asked so far.
   *
   * @param mask Whether values that look like credentials are masked in all texts.
   */
  snapshot(mask: boolean): HostSnapshot;
}

interface Range {
  readonly path: string;
  readonly offset: number;
  readonly length: number;
  readonly bytes: Observed<Uint8Array>;
}

/** The answer to a question that was asked before, else the host's. */
function once<T>(answers: Map<string, T>, question: string, ask: () => T): T {
  const known = answers.get(question);
  if (known !== undefined) return known;
  const answer = ask();
  answers.set(question, answer);
  return answer;
}

export function recordHost(host: Host): Recorder {
  const files = new Map<string, Observed<Uint8Array>>();
  const ranges = new Map<string, Range>();
  const statuses = new Map<string, Observed<FileStatus>>();
  const links = new Map<string, Observed<string>>();
  const lists = new Map<string, Observed<readonly string[]>>();
  const digests = new Map<string, Observed<string>>();
  const blocks = new Map<string, Observed<BlockReader>>();
  const blockReads = new Map<string, Range>();
  const commands = new Map<string, { argv: readonly string[]; outcome: Observed<CommandOutcome> }>();

  const recordingBlock = (path: string, block: BlockReader): BlockReader => ({
    path: block.path,
    sectorSize: block.sectorSize,
    size: block.size,
    read: (offset, length) =>
      once(blockReads, `${path}\0${offset}\0${length}`, () => ({
        path,
        offset,
        length,
        bytes: block.read(offset, length),
      })).bytes,
  });

  const recording: Host = {
    arch: host.arch,
    diskOverride: host.diskOverride,
    read(path, limit = DEFAULT_READ_LIMIT) {
      const known = files.get(path);
      // What was too large before may be asked for with a higher limit.
      if (known === undefined || (!known.ok && known.failure.kind === "too-large")) {
        const answer = host.read(path, limit);
        files.set(path, answer);
        return answer;
      }
      return withinLimit(path, known, limit);
    },
    readRange: (path, offset, length) =>
      once(ranges, `${path}\0${offset}\0${length}`, () => ({
        path,
        offset,
        length,
        bytes: host.readRange(path, offset, length),
      })).bytes,
    status: (path) => once(statuses, path, () => host.status(path)),
    link: (path) => once(links, path, () => host.link(path)),
    list: (path) => once(lists, path, () => host.list(path)),
    digest: (path) => once(digests, path, () => host.digest(path)),
    block: (path) =>
      once(blocks, path, () => {
        const block = host.block(path);
        return block.ok ? { ok: true, value: recordingBlock(path, block.value) } : block;
      }),
    command: (argv) => once(commands, argv.join("\0"), () => ({ argv, outcome: host.command(argv) })).outcome,
  };

  return {
    host: recording,
    snapshot(mask) {
      const plain: HostSnapshot = {
        version: 1,
        arch: host.arch,
        diskOverride: host.diskOverride,
        masked: mask,
        files: byPath(files, (answer) => stored(answer, storeBytes)),
        ranges: rangesByPath(ranges.values()),
        statuses: byPath(statuses, (answer) => stored(answer, same)),
        links: byPath(links, (answer) => stored(answer, same)),
        lists: byPath(lists, (answer) => stored(answer, same)),
        digests: byPath(digests, (answer) => stored(answer, same)),
        blocks: byPath(
          blocks,
          (answer, path): Stored<StoredBlock> =>
            stored(answer, ({ sectorSize, size }) => ({
              sectorSize,
              size,
              reads: rangesByPath([...blockReads.values()].filter((read) => read.path === path))[path] ?? [],
            })),
        ),
        commands: [...commands]
          .sort(([a], [b]) => byCodeUnit(a, b))
          .map(([, { argv, outcome }]) => ({ argv, outcome: stored(outcome, same) })),
      };
      return mask ? maskSnapshot(plain) : plain;
    },
  };
}

/** What a read with that limit would have said of a file that is known whole. */
export function withinLimit(
  path: string,
  bytes: Observed<Uint8Array>,
  limit: number,
): Observed<Uint8Array> {
  if (!bytes.ok || bytes.value.length <= limit) return bytes;
  return failed("too-large", path, `is ${bytes.value.length} bytes, at most ${limit} are read`);
}

function same<T>(value: T): T {
  return value;
}

function byCodeUnit(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

function stored<T, U>(answer: Observed<T>, convert: (value: T) => U): Stored<U> {
  return answer.ok ? { value: convert(answer.value) } : { failure: answer.failure };
}

function byPath<T, U>(
  answers: ReadonlyMap<string, T>,
  convert: (answer: T, path: string) => U,
): Record<string, U> {
  const sorted = [...answers].sort(([a], [b]) => byCodeUnit(a, b));
  return Object.fromEntries(sorted.map(([path, answer]) => [path, convert(answer, path)]));
}

function rangesByPath(ranges: Iterable<Range>): Record<string, readonly StoredRange[]> {
  const paths = new Map<string, StoredRange[]>();
  const sorted = [...ranges].sort((a, b) =>
    byCodeUnit(a.path, b.path) || a.offset - b.offset || a.length - b.length
  );
  for (const { path, offset, length, bytes } of sorted) {
    const list = paths.get(path) ?? [];
    list.push({ offset, length, bytes: stored(bytes, storeBytes) });
    paths.set(path, list);
  }
  return Object.fromEntries(paths);
}

/** One character a byte, and back. */
function toLatin1(bytes: Uint8Array): string {
  let text = "";
  for (const byte of bytes) text += String.fromCharCode(byte);
  return text;
}

function fromLatin1(text: string): Uint8Array {
  return Uint8Array.from(text, (character) => character.charCodeAt(0));
}

/** Every text that a snapshot holds, mapped. */
function mapTexts(snapshot: HostSnapshot, map: (text: string) => string): HostSnapshot {
  const bytes = (content: Stored<StoredBytes>): Stored<StoredBytes> =>
    "value" in content && typeof content.value === "string" ? { value: map(content.value) } : content;
  const command = ({ argv, outcome }: StoredCommand): StoredCommand => ({
    argv,
    outcome: "value" in outcome
      ? {
        value: {
          ...outcome.value,
          stdout: map(outcome.value.stdout),
          stderr: map(outcome.value.stderr),
        },
      }
      : outcome,
  });
  // An archive's texts lie in it as they are, and masks keep their length: its headers stay right.
  const archive = (content: Stored<StoredBytes>): Stored<StoredBytes> => {
    if (!("value" in content) || typeof content.value === "string") return bytes(content);
    const text = toLatin1(restoreBytes(content.value));
    const mapped = map(text);
    return mapped.length === text.length ? { value: storeBytes(fromLatin1(mapped)) } : content;
  };
  const entries = <T>(
    record: Readonly<Record<string, T>>,
    convert: (value: T, path: string) => T,
  ): Record<string, T> =>
    Object.fromEntries(Object.entries(record).map(([path, value]) => [path, convert(value, path)]));
  return {
    ...snapshot,
    files: entries(
      snapshot.files,
      (content, path) => path.endsWith(".tar") ? archive(content) : bytes(content),
    ),
    ranges: entries(
      snapshot.ranges,
      (list) => list.map((range) => ({ ...range, bytes: bytes(range.bytes) })),
    ),
    commands: snapshot.commands.map(command),
  };
}

const CMDLINE = "/proc/cmdline";

function maskSnapshot(snapshot: HostSnapshot): HostSnapshot {
  const masker = createMasker();
  // First the running command line: there values stand as they are, without a shell's quoting.
  const line = snapshot.files[CMDLINE];
  if (line !== undefined && "value" in line && typeof line.value === "string") masker.mask(line.value);
  const masked = mapTexts(snapshot, (text) => masker.mask(text));
  const kept = [
    ...Object.keys(snapshot.files),
    ...Object.keys(snapshot.statuses),
    ...Object.keys(snapshot.links),
    ...Object.keys(snapshot.lists),
    ...Object.keys(snapshot.blocks),
  ];
  return mapTexts(masked, (text) => masker.sweep(text, kept));
}
