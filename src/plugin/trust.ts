/**
 * Whether a plugin file is the administrator's: it and every directory on the way to it belong to root and are
 * writable by nobody else.
 *
 * A directory tree that stands for a host (`--root`) may belong to whoever made it: besides root, the owner of the
 * host's `/` is trusted. On a live host that is root again.
 *
 * @module
 */
import type { Host } from "../host/host.ts";
import { walk } from "./walk.ts";

const ROOT = 0;
/** Write permission of group and others. */
const WRITABLE_BY_OTHERS = 0o022;

/** Why a file or directory is not to be trusted, as half a sentence; null if it is. */
export function distrust(host: Host, path: string): string | null {
  const way = walk(host, path);
  if (way === null) return `${path} is a circle of symbolic links`;
  const owners = trustedOwners(host);
  for (const place of [...way.directories, way.real]) {
    const status = host.status(place);
    if (!status.ok) return status.failure.message;
    const { uid, mode } = status.value;
    const which = place === path ? "it" : `${place}, on the way to ${path},`;
    if (!owners.includes(uid)) return `${which} belongs to uid ${uid}, expected ${owners.join(" or ")}`;
    if ((mode & WRITABLE_BY_OTHERS) !== 0) {
      return `${which} has mode ${octal(mode)}, expected no write permission for group and others`;
    }
  }
  return null;
}

function trustedOwners(host: Host): readonly number[] {
  const top = host.status("/");
  return top.ok && top.value.uid !== ROOT ? [ROOT, top.value.uid] : [ROOT];
}

function octal(mode: number): string {
  return mode.toString(8).padStart(4, "0");
}
