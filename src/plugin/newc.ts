/**
 * The cpio archive in which a plugin's files reach the next kernel: "newc", as the kernel's
 * Documentation/driver-api/early-userspace/buffer-format.rst describes it. Unpacked after the built-in one, over it.
 *
 * @module
 */
import type { InitrdEntry } from "./api.ts";

const TYPE = { file: 0o100000, directory: 0o040000, link: 0o120000 } as const;
const MODE = { file: 0o644, directory: 0o755, link: 0o777 } as const;

/** An archive of the entries in order, with the directories on the way to them. Owner root, time 0. */
export function encodeNewc(entries: readonly InitrdEntry[]): Uint8Array<ArrayBuffer> {
  const parts: Uint8Array[] = [];
  const made = new Set(entries.filter((entry) => entry.kind === "directory").map((entry) => entry.path));
  let inode = 1;
  const add = (path: string, mode: number, content: Uint8Array) => {
    parts.push(...record(inode++, path, mode, content));
  };
  for (const entry of entries) {
    for (const parent of parentsOf(entry.path)) {
      if (made.has(parent)) continue;
      made.add(parent);
      add(parent, TYPE.directory | MODE.directory, new Uint8Array());
    }
    const mode = TYPE[entry.kind] | (entry.kind === "link" ? MODE.link : entry.mode ?? MODE[entry.kind]);
    add(entry.path, mode, contentOf(entry));
  }
  parts.push(...record(0, "TRAILER!!!", 0, new Uint8Array()));
  return concatenate(parts);
}

/** Bytes of file content in the entries. */
export function initrdSize(entries: readonly InitrdEntry[]): number {
  return entries.reduce((sum, entry) => sum + contentOf(entry).length, 0);
}

function contentOf(entry: InitrdEntry): Uint8Array {
  switch (entry.kind) {
    case "directory":
      return new Uint8Array();
    case "link":
      return new TextEncoder().encode(entry.target);
    case "file":
      return "text" in entry ? new TextEncoder().encode(entry.text) : Buffer.from(entry.base64, "base64");
  }
}

function parentsOf(path: string): readonly string[] {
  const names = path.split("/");
  return names.slice(1).map((_, index) => names.slice(0, index + 1).join("/"));
}

/** Header of 110 characters, name and content, the last two each filled up to a multiple of four bytes. */
function record(inode: number, path: string, mode: number, content: Uint8Array): readonly Uint8Array[] {
  const name = new TextEncoder().encode(path + "\0");
  const links = mode === 0 ? 1 : (mode & TYPE.directory) === TYPE.directory ? 2 : 1;
  // ino mode uid gid nlink mtime filesize devmajor devminor rdevmajor rdevminor namesize check
  const fields = [inode, mode, 0, 0, links, 0, content.length, 0, 0, 0, 0, name.length, 0];
  const header = "070701" + fields.map((field) => field.toString(16).toUpperCase().padStart(8, "0")).join("");
  return [new TextEncoder().encode(header), name, filler(110 + name.length), content, filler(content.length)];
}

function filler(length: number): Uint8Array {
  return new Uint8Array((4 - length % 4) % 4);
}

function concatenate(parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}
