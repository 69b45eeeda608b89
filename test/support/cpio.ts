/**
 * newc archives, as the kernel unpacks them into its first root file system (kernel
 * Documentation/driver-api/early-userspace/buffer-format.rst). Independent of the program's own writer.
 *
 * @module
 */

export type CpioEntry =
  | { readonly path: string; readonly mode: number; readonly bytes: Uint8Array | string }
  | { readonly path: string; readonly directory: true }
  | { readonly path: string; readonly link: string };

function contentOf(entry: CpioEntry): { readonly mode: number; readonly bytes: Uint8Array } {
  const encoder = new TextEncoder();
  if ("directory" in entry) return { mode: 0o040755, bytes: new Uint8Array() };
  if ("link" in entry) return { mode: 0o120777, bytes: encoder.encode(entry.link) };
  return {
    mode: 0o100000 | entry.mode,
    bytes: typeof entry.bytes === "string" ? encoder.encode(entry.bytes) : entry.bytes,
  };
}

/** An archive with the entries and the directories above them, owned by root. */
export function newcArchive(entries: readonly CpioEntry[]): Uint8Array {
  const parts: Uint8Array[] = [];
  let inode = 1;
  const add = (name: string, mode: number, bytes: Uint8Array): void => {
    const size = name.length + 1;
    const fields = [inode++, mode, 0, 0, 1, 0, bytes.length, 0, 0, 0, 0, size, 0];
    const header = `070701${fields.map((field) => field.toString(16).padStart(8, "0")).join("")}${name}\0`;
    parts.push(new TextEncoder().encode(header), new Uint8Array(-header.length & 3));
    parts.push(bytes, new Uint8Array(-bytes.length & 3));
  };
  const made = new Set<string>();
  for (const entry of entries) {
    const folders = entry.path.split("/");
    for (let depth = 1; depth < folders.length; depth++) {
      const folder = folders.slice(0, depth).join("/");
      if (!made.has(folder)) add(folder, 0o040755, new Uint8Array());
      made.add(folder);
    }
    if (made.has(entry.path)) continue;
    made.add(entry.path);
    const { mode, bytes } = contentOf(entry);
    add(entry.path, mode, bytes);
  }
  add("TRAILER!!!", 0, new Uint8Array());
  const total = parts.reduce((sum, part) => sum + part.length, 0);
  const archive = new Uint8Array(total + (-total & 511));
  let offset = 0;
  for (const part of parts) {
    archive.set(part, offset);
    offset += part.length;
  }
  return archive;
}
