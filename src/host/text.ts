import type { Host, Observed } from "./host.ts";
import { failed } from "./system_failure.ts";

/** A file as text; bytes that are not UTF-8 become U+FFFD, a NUL byte is a failure (a binary file). */
export function readText(host: Host, path: string, limit?: number): Observed<string> {
  const bytes = host.read(path, limit);
  if (!bytes.ok) return bytes;
  const nul = bytes.value.indexOf(0);
  if (nul >= 0) {
    return failed("wrong-type", path, `is not a text file: it has a NUL byte at byte ${nul}`);
  }
  return { ok: true, value: new TextDecoder().decode(bytes.value) };
}

/** The trimmed content of a small attribute file of sysfs or procfs, or null. */
export function readAttribute(host: Host, path: string): string | null {
  const bytes = host.read(path, 1 << 16);
  // Strings of the device tree end with a NUL.
  return bytes.ok ? new TextDecoder().decode(bytes.value).replaceAll("\0", "").trim() : null;
}

/** A decimal number in an attribute file, or null. */
export function readNumber(host: Host, path: string): number | null {
  const text = readAttribute(host, path);
  return text !== null && /^[0-9]+$/.test(text) ? Number(text) : null;
}

/** Whether something is at the path; what cannot be looked at counts as not there. */
export function exists(host: Host, path: string): boolean {
  return host.status(path).ok;
}
