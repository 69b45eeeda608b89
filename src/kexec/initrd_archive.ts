/**
 * The archive of an initial RAM disk, in the "newc" format (kernel
 * Documentation/driver-api/early-userspace/buffer-format.rst): what a plugin adds is unpacked over what the
 * kernel carries.
 *
 * @module
 */
import type { InitrdEntry } from "../plugin/api.ts";

const MAGIC = "070701";
const TRAILER = "TRAILER!!!";
const FILE_TYPE = { file: 0o100000, directory: 0o040000, link: 0o120000 } as const;
const DEFAULT_MODE = { file: 0o644, directory: 0o755, link: 0o777 } as const;

/** Owner root, time 0: the same entries give the same bytes. Directories that entries lie in are added. */
export function encodeInitrd(entries: readonly InitrdEntry[]): Uint8Array {
  const members = withParents(entries).map((entry, index) =>
    encodeMember({
      name: entry.path,
      inode: index + 1,
      mode: FILE_TYPE[entry.kind] | modeOf(entry),
      links: entry.kind === "directory" ? 2 : 1,
      content: contentOf(entry),
    })
  );
  const trailer = encodeMember({ name: TRAILER, inode: 0, mode: 0, links: 1, content: new Uint8Array() });
  return concatenate([...members, trailer]);
}

/** Archives one after the other, as the kernel unpacks them; each starts at a multiple of four bytes. */
export function joinInitrds(archives: readonly Uint8Array[]): Uint8Array {
  return concatenate(archives.map(padded));
}

interface Member {
  readonly name: string;
  readonly inode: number;
  readonly mode: number;
  readonly links: number;
  readonly content: Uint8Array;
}

function encodeMember({ name, inode, mode, links, content }: Member): Uint8Array {
  const encodedName = new TextEncoder().encode(`${name}\0`);
  // ino mode uid gid nlink mtime filesize devmajor devminor rdevmajor rdevminor namesize check
  const fields = [inode, mode, 0, 0, links, 0, content.length, 0, 0, 0, 0, encodedName.length, 0];
  const header = new TextEncoder().encode(
    MAGIC + fields.map((field) => field.toString(16).padStart(8, "0").toUpperCase()).join(""),
  );
  return concatenate([padded(concatenate([header, encodedName])), padded(content)]);
}

function modeOf(entry: InitrdEntry): number {
  return ("mode" in entry ? entry.mode : undefined) ?? DEFAULT_MODE[entry.kind];
}

function contentOf(entry: InitrdEntry): Uint8Array {
  switch (entry.kind) {
    case "directory":
      return new Uint8Array();
    case "link":
      return new TextEncoder().encode(entry.target);
    case "file":
      return "text" in entry
        ? new TextEncoder().encode(entry.text)
        : Uint8Array.from(atob(entry.base64), (character) => character.charCodeAt(0));
  }
}

/** The kernel makes no directories by itself: each must come before what lies in it. */
function withParents(entries: readonly InitrdEntry[]): readonly InitrdEntry[] {
  const named = new Set(entries.map((entry) => entry.path));
  const result: InitrdEntry[] = [];
  for (const entry of entries) {
    const parts = entry.path.split("/");
    for (let end = 1; end < parts.length; end++) {
      const path = parts.slice(0, end).join("/");
      if (!named.has(path)) result.push({ kind: "directory", path });
      named.add(path);
    }
    result.push(entry);
  }
  return result;
}

function padded(bytes: Uint8Array): Uint8Array {
  const result = new Uint8Array(Math.ceil(bytes.length / 4) * 4);
  result.set(bytes);
  return result;
}

function concatenate(parts: readonly Uint8Array[]): Uint8Array {
  const result = new Uint8Array(parts.reduce((length, part) => length + part.length, 0));
  let offset = 0;
  for (const part of parts) {
    result.set(part, offset);
    offset += part.length;
  }
  return result;
}
