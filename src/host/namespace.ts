/**
 * Where a host's own paths really lie: a root directory, with `/boot` and `/oem` possibly elsewhere.
 *
 * @module
 */
import { lstatSync, readlinkSync } from "node:fs";
import { systemErrorCode } from "../lib/errors.ts";

/** As the kernel's limit on links followed in one path. */
const LINK_LIMIT = 40;

export interface Namespace {
  /** Real directory that stands for `/`, absolute. */
  readonly root: string;
  /** Real directories that stand for others of the host's, by host path. */
  readonly mounts: Readonly<Record<string, string>>;
}

/** Thrown for a loop of links; has the system's code so that it reads like the kernel's own error. */
class LinkLoopError extends Error {
  readonly code = "ELOOP";
}

function realPath(namespace: Namespace, parts: readonly string[]): string {
  const path = "/" + parts.join("/");
  for (const [mount, directory] of Object.entries(namespace.mounts)) {
    if (path === mount) return directory;
    if (path.startsWith(mount + "/")) return directory + path.slice(mount.length);
  }
  return namespace.root === "/" ? path : namespace.root + (path === "/" ? "" : path);
}

function isLink(path: string): boolean {
  try {
    return lstatSync(path).isSymbolicLink();
  } catch (error) {
    // Absent or out of reach: the caller's own system call says so better.
    if (systemErrorCode(error) !== null) return false;
    throw error;
  }
}

/**
 * The real path of a host path. Links are followed in the host's own terms, so neither an absolute link nor
 * `..` can lead out of the tree.
 *
 * @param followLast Whether a link in the last place is followed as well.
 * @throws {Error} with code `ELOOP` after 40 links.
 */
export function resolveIn(namespace: Namespace, path: string, followLast = true): string {
  // The live host as it is: the kernel resolves.
  if (namespace.root === "/" && Object.keys(namespace.mounts).length === 0) return path;
  const done: string[] = [];
  const todo = path.split("/").reverse();
  let links = 0;
  for (let part = todo.pop(); part !== undefined; part = todo.pop()) {
    if (part === "" || part === ".") continue;
    if (part === "..") {
      done.pop();
      continue;
    }
    done.push(part);
    const isLast = todo.every((rest) => rest === "" || rest === ".");
    if (isLast && !followLast) break;
    const real = realPath(namespace, done);
    if (!isLink(real)) continue;
    if (++links > LINK_LIMIT) throw new LinkLoopError(`${path}: too many levels of symbolic links`);
    const target = readlinkSync(real);
    if (target.startsWith("/")) done.length = 0;
    else done.pop();
    todo.push(...target.split("/").reverse());
  }
  return realPath(namespace, done);
}
