/**
 * A host made of values, for tests. Directories exist where a path leads through them; links are followed.
 *
 * @module
 */
import { createHash } from "node:crypto";
import {
  type Arch,
  type BlockReader,
  type CommandOutcome,
  DEFAULT_READ_LIMIT,
  type Failure,
  type FileStatus,
  type Host,
  type Observed,
} from "../../src/host/host.ts";

export type MemoryFile = string | Uint8Array | Failure;

export interface MemoryHostOptions {
  readonly arch?: Arch;
  readonly diskOverride?: string;
  /** By absolute path; a Failure is what every read of it gives. */
  readonly files?: Readonly<Record<string, MemoryFile>>;
  /** Empty directories. */
  readonly directories?: readonly string[];
  readonly links?: Readonly<Record<string, string>>;
  /** Device nodes: exist, and cannot be read as files. */
  readonly devices?: readonly string[];
  readonly blocks?: Readonly<Record<string, { readonly bytes: Uint8Array; readonly sectorSize?: number }>>;
  /** By the words joined with single blanks: `kexec --version`. */
  readonly commands?: Readonly<Record<string, Partial<CommandOutcome> | Failure>>;
  readonly statuses?: Readonly<Record<string, Partial<FileStatus>>>;
}

export interface MemoryHost extends Host {
  /** Every question asked so far: `read /proc/cmdline`, `command kexec --version`. */
  readonly asked: readonly string[];
}

const missing = (path: string): { ok: false; failure: Failure } => ({
  ok: false,
  failure: { kind: "missing", message: `${path}: no such file or directory` },
});

const isFailure = (value: unknown): value is Failure =>
  typeof value === "object" && value !== null && "kind" in value && "message" in value;

export function memoryHost(options: MemoryHostOptions = {}): MemoryHost {
  const files = new Map(Object.entries(options.files ?? {}));
  const links = new Map(Object.entries(options.links ?? {}));
  const blocks = new Map(Object.entries(options.blocks ?? {}));
  const devices = new Set([...(options.devices ?? []), ...blocks.keys()]);
  const nodes = [...files.keys(), ...links.keys(), ...devices, ...(options.directories ?? [])];
  const directories = new Set<string>(["/", ...(options.directories ?? [])]);
  for (const node of nodes) {
    const parts = node.split("/");
    for (let end = 2; end < parts.length; end++) directories.add(parts.slice(0, end).join("/"));
  }
  const asked: string[] = [];

  const resolve = (path: string, followLast = true): string => {
    const done: string[] = [];
    const todo = path.split("/").reverse();
    let hops = 0;
    for (let part = todo.pop(); part !== undefined; part = todo.pop()) {
      if (part === "" || part === ".") continue;
      if (part === "..") {
        done.pop();
        continue;
      }
      done.push(part);
      const target = links.get("/" + done.join("/"));
      if (target === undefined || (!followLast && todo.every((rest) => rest === ""))) continue;
      if (++hops > 40) break;
      if (target.startsWith("/")) done.length = 0;
      else done.pop();
      todo.push(...target.split("/").reverse());
    }
    return "/" + done.join("/");
  };

  const bytesOf = (path: string): Observed<Uint8Array> => {
    const real = resolve(path);
    const file = files.get(real);
    if (file === undefined) {
      if (directories.has(real) || devices.has(real)) {
        return { ok: false, failure: { kind: "wrong-type", message: `${path}: is not a regular file` } };
      }
      return missing(path);
    }
    if (isFailure(file)) return { ok: false, failure: file };
    return { ok: true, value: typeof file === "string" ? new TextEncoder().encode(file) : file };
  };

  return {
    asked,
    arch: options.arch ?? "x86_64",
    diskOverride: options.diskOverride ?? null,
    read(path, limit = DEFAULT_READ_LIMIT) {
      asked.push(`read ${path}`);
      const bytes = bytesOf(path);
      if (bytes.ok && bytes.value.length > limit) {
        return {
          ok: false,
          failure: {
            kind: "too-large",
            message: `${path}: is ${bytes.value.length} bytes, at most ${limit} are read`,
          },
        };
      }
      return bytes;
    },
    readRange(path, offset, length) {
      asked.push(`readRange ${path} ${offset} ${length}`);
      const bytes = bytesOf(path);
      return bytes.ok ? { ok: true, value: bytes.value.slice(offset, offset + length) } : bytes;
    },
    status(path) {
      asked.push(`status ${path}`);
      const real = resolve(path);
      const file = files.get(real);
      const kind = devices.has(real)
        ? blocks.has(real) ? "block" : "character"
        : directories.has(real)
        ? "directory"
        : file === undefined
        ? null
        : "file";
      if (kind === null) return missing(path);
      if (isFailure(file)) return { ok: false, failure: file };
      const size = file === undefined ? 0 : new Blob([typeof file === "string" ? file : file.slice()]).size;
      return {
        ok: true,
        value: {
          kind,
          size,
          mode: kind === "directory" ? 0o755 : 0o644,
          uid: 0,
          gid: 0,
          device: "0:1",
          ...options.statuses?.[path],
        },
      };
    },
    link(path) {
      asked.push(`link ${path}`);
      const real = resolve(path, false);
      const target = links.get(real);
      if (target !== undefined) return { ok: true, value: target };
      if (!files.has(real) && !directories.has(real) && !devices.has(real)) return missing(path);
      return { ok: false, failure: { kind: "wrong-type", message: `${path}: is not a link` } };
    },
    list(path) {
      asked.push(`list ${path}`);
      const real = resolve(path);
      if (!directories.has(real)) return missing(path);
      const prefix = real === "/" ? "/" : real + "/";
      const names = new Set<string>();
      for (const node of [...nodes, ...directories]) {
        if (node.startsWith(prefix) && node !== real) {
          names.add(node.slice(prefix.length).split("/")[0] ?? "");
        }
      }
      names.delete("");
      return { ok: true, value: [...names].sort((a, b) => (a < b ? -1 : a > b ? 1 : 0)) };
    },
    digest(path) {
      asked.push(`digest ${path}`);
      const bytes = bytesOf(path);
      return bytes.ok ? { ok: true, value: createHash("sha256").update(bytes.value).digest("hex") } : bytes;
    },
    block(path): Observed<BlockReader> {
      asked.push(`block ${path}`);
      const block = blocks.get(path) ?? blocks.get(resolve(path));
      if (block === undefined) return missing(path);
      return { ok: true, value: memoryBlock(path, block.bytes, block.sectorSize) };
    },
    command(argv) {
      const line = argv.join(" ");
      asked.push(`command ${line}`);
      const outcome = options.commands?.[line];
      if (outcome === undefined) return missing(argv[0]);
      if (isFailure(outcome)) return { ok: false, failure: outcome };
      return { ok: true, value: { status: 0, stdout: "", stderr: "", ...outcome } };
    },
  };
}

/** A block device of the bytes given. */
export function memoryBlock(path: string, bytes: Uint8Array, sectorSize = 512): BlockReader {
  return {
    path,
    sectorSize,
    size: bytes.length,
    read(offset, length) {
      if (offset < 0 || offset + length > bytes.length) {
        return { ok: false, failure: { kind: "io", message: `${path}: ends at byte ${bytes.length}` } };
      }
      return { ok: true, value: bytes.slice(offset, offset + length) };
    },
  };
}
