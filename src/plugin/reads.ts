/**
 * The files that a plugin's `reads` asks for. They are read with the program's own rights, so for plugins from
 * outside only what everybody may read is given away.
 *
 * @module
 */
import type { FileStatus, Host } from "../host/host.ts";
import { pluginFault } from "./fault.ts";
import { walk } from "./walk.ts";

const MOST_FILES = 64;
const MOST_BYTES = 64 << 10;
/** Names looked at while patterns are matched; /sys has directories with thousands. */
const MOST_NAMES = 8192;
/** Of one pattern: each of its names is looked up once more for every file that may match. */
const LONGEST_PATTERN = 256;
const MOST_SEGMENTS = 16;

/**
 * Contents by path. What is missing, too large or not to be given away is left out.
 *
 * @param trusted Built-in plugins may read what root may read.
 * @throws {KexecError} `plugin-failed` on a malformed pattern or too many files.
 */
export function readPatterns(
  host: Host,
  patterns: readonly string[],
  trusted: boolean,
): Readonly<Record<string, string>> {
  const files: Record<string, string> = {};
  const budget = { names: MOST_NAMES };
  for (const pattern of patterns) {
    for (const path of expand(host, pattern, budget)) {
      if (path in files) continue;
      if (!trusted && !isPublic(host, path)) continue;
      const content = host.read(path, MOST_BYTES);
      if (!content.ok) continue;
      if (Object.keys(files).length === MOST_FILES) {
        throw pluginFault(
          `Cannot read ${pattern}: more than ${MOST_FILES} files match what the plugin reads`,
        );
      }
      files[path] = new TextDecoder().decode(content.value);
    }
  }
  return files;
}

/** Paths that match a pattern, sorted by code unit. */
function expand(host: Host, pattern: string, budget: { names: number }): readonly string[] {
  if (pattern.length > LONGEST_PATTERN) {
    throw pluginFault(
      `Cannot read ${
        JSON.stringify(`${pattern.slice(0, 40)}…`)
      }: the pattern has ${pattern.length} characters, ` +
        `expected at most ${LONGEST_PATTERN}`,
    );
  }
  const segments = pattern.split("/");
  if (segments[0] !== "" || segments.length < 2) {
    throw pluginFault(`Cannot read ${JSON.stringify(pattern)}: expected an absolute path`);
  }
  if (segments.slice(1).some((segment) => segment === "" || segment === "." || segment === "..")) {
    throw pluginFault(
      `Cannot read ${JSON.stringify(pattern)}: expected a path without empty parts, . and ..`,
    );
  }
  if (segments.length - 1 > MOST_SEGMENTS) {
    throw pluginFault(
      `Cannot read ${JSON.stringify(pattern)}: the pattern has ${segments.length - 1} names between its ` +
        `slashes, expected at most ${MOST_SEGMENTS}`,
      "Files that lie deeper are often reached by a shorter way, as /sys/class and /sys/bus are",
    );
  }
  let paths: readonly string[] = [""];
  for (const segment of segments.slice(1)) {
    if (!/[*?]/.test(segment)) {
      paths = paths.map((path) => `${path}/${segment}`);
      continue;
    }
    paths = paths.flatMap((path) => {
      const names = host.list(path === "" ? "/" : path);
      if (!names.ok) return [];
      budget.names -= names.value.length;
      if (budget.names < 0) {
        throw pluginFault(`Cannot read ${pattern}: more than ${MOST_NAMES} names had to be looked at`);
      }
      return names.value.filter((name) => matches(segment, name)).map((name) => `${path}/${name}`);
    });
  }
  return paths;
}

/** `*` any run, `?` any one character; a leading dot has to be written out, as in a shell. */
function matches(segment: string, name: string): boolean {
  if (name.startsWith(".") && !segment.startsWith(".")) return false;
  // The greedy walk with one point of return; a regular expression could be made to take for ever.
  let at = 0, star = -1, from = 0, i = 0;
  while (i < name.length) {
    if (at < segment.length && (segment[at] === "?" || segment[at] === name[i]) && segment[at] !== "*") {
      at++;
      i++;
    } else if (segment[at] === "*") {
      star = at++;
      from = i;
    } else if (star !== -1) {
      at = star + 1;
      i = ++from;
    } else return false;
  }
  while (segment[at] === "*") at++;
  return at === segment.length;
}

/** A regular file that others may read, below directories that others may search. */
function isPublic(host: Host, path: string): boolean {
  const way = walk(host, path);
  return way !== null && allows(host, way.real, "file", 0o004) &&
    way.directories.every((directory) => allows(host, directory, "directory", 0o001));
}

function allows(host: Host, path: string, kind: FileStatus["kind"], bit: number): boolean {
  const status = host.status(path);
  return status.ok && status.value.kind === kind && (status.value.mode & bit) !== 0;
}
