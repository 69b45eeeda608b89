/**
 * A host that answers from a snapshot. What was not asked when it was recorded is `not-recorded`.
 *
 * @module
 */
import { type BlockReader, DEFAULT_READ_LIMIT, type Failure, type Host, type Observed } from "./host.ts";
import { withinLimit } from "./record.ts";
import {
  type HostSnapshot,
  restoreBytes,
  type Stored,
  type StoredBlock,
  type StoredRange,
} from "./snapshot.ts";
import { failed } from "./system_failure.ts";

function notRecorded(path: string): { ok: false; failure: Failure } {
  return failed("not-recorded", path, "is not in the snapshot");
}

function answer<T, U>(path: string, content: Stored<T> | undefined, convert: (value: T) => U): Observed<U> {
  if (content === undefined) return notRecorded(path);
  return "value" in content
    ? { ok: true, value: convert(content.value) }
    : { ok: false, failure: content.failure };
}

const same = <T>(value: T): T => value;

/** The bytes of a range from the recorded ones: the very range, or a wider one round it. */
function fromRanges(
  path: string,
  ranges: readonly StoredRange[],
  offset: number,
  length: number,
): Observed<Uint8Array> | null {
  const exact = ranges.find((range) => range.offset === offset && range.length === length);
  if (exact !== undefined) return answer(path, exact.bytes, restoreBytes);
  const wider = ranges.find((range) =>
    range.offset <= offset && offset + length <= range.offset + range.length && "value" in range.bytes
  );
  if (wider === undefined) return null;
  const start = offset - wider.offset;
  return answer(path, wider.bytes, (content) => restoreBytes(content).slice(start, start + length));
}

function replayBlock(path: string, block: StoredBlock): BlockReader {
  return {
    path,
    sectorSize: block.sectorSize,
    size: block.size,
    read: (offset, length) =>
      fromRanges(path, block.reads, offset, length) ??
        failed("not-recorded", path, `${length} bytes at byte ${offset} are not in the snapshot`),
  };
}

export function replayHost(snapshot: HostSnapshot): Host {
  // Own properties only: a path may be any text.
  const at = <T>(record: Readonly<Record<string, T>>, path: string): T | undefined =>
    Object.hasOwn(record, path) ? record[path] : undefined;
  return {
    arch: snapshot.arch,
    diskOverride: snapshot.diskOverride,
    read: (path, limit = DEFAULT_READ_LIMIT) =>
      withinLimit(path, answer(path, at(snapshot.files, path), restoreBytes), limit),
    readRange(path, offset, length) {
      const found = fromRanges(path, at(snapshot.ranges, path) ?? [], offset, length);
      if (found !== null) return found;
      const file = at(snapshot.files, path);
      return answer(path, file, (content) => restoreBytes(content).slice(offset, offset + length));
    },
    status: (path) => answer(path, at(snapshot.statuses, path), same),
    link: (path) => answer(path, at(snapshot.links, path), same),
    list: (path) => answer(path, at(snapshot.lists, path), same),
    digest: (path) => answer(path, at(snapshot.digests, path), same),
    block: (path) => answer(path, at(snapshot.blocks, path), (block) => replayBlock(path, block)),
    command(argv) {
      const found = snapshot.commands.find((entry) => entry.argv.join("\0") === argv.join("\0"));
      return answer(argv.join(" "), found?.outcome, same);
    },
  };
}
