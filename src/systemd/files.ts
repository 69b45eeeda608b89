/**
 * Changes to files as data, so that they can be shown before they are made.
 *
 * @module
 */
import { lstatSync, mkdirSync, readFileSync, readlinkSync, rmdirSync, rmSync, symlinkSync } from "node:fs";
import { dirname, join } from "node:path";
import { replaceFile } from "../journal/atomic_file.ts";
import { KexecError, messageOf, systemErrorCode } from "../lib/errors.ts";

export type FileEntry =
  | { readonly kind: "absent" }
  | { readonly kind: "file"; readonly content: string }
  | { readonly kind: "link"; readonly target: string }
  | { readonly kind: "other" };

export type FileChange =
  | {
    readonly kind: "write";
    readonly path: string;
    readonly content: string;
    readonly before: string | null;
  }
  | { readonly kind: "link"; readonly path: string; readonly target: string }
  /** A file or link, and its folder if that is empty then and ends in `.wants` or `.d`. */
  | { readonly kind: "remove"; readonly path: string; readonly before: string };

/** The files that the integration writes. */
export interface UnitFiles {
  look(path: string): FileEntry;
  /** @throws {KexecError} `write-failed` */
  apply(change: FileChange): void;
}

/** Files below a root folder; `/` for the live host. */
export function unitFiles(root = "/"): UnitFiles {
  const at = (path: string): string => join(root, path);
  return {
    look(path) {
      try {
        const status = lstatSync(at(path));
        if (status.isSymbolicLink()) return { kind: "link", target: readlinkSync(at(path)) };
        if (status.isFile()) return { kind: "file", content: readFileSync(at(path), "utf8") };
        return { kind: "other" };
      } catch (error) {
        if (["ENOENT", "ENOTDIR"].includes(systemErrorCode(error) ?? "")) return { kind: "absent" };
        throw new KexecError("unreadable", `Cannot read ${path}: ${messageOf(error)}`, { cause: error });
      }
    },
    apply(change) {
      try {
        applyChange(change, at);
      } catch (error) {
        if (error instanceof KexecError) throw error;
        throw new KexecError("write-failed", `Cannot write ${change.path}: ${messageOf(error)}`, {
          cause: error,
        });
      }
    },
  };
}

function applyChange(change: FileChange, at: (path: string) => string): void {
  const path = at(change.path);
  switch (change.kind) {
    case "write":
      mkdirSync(dirname(path), { recursive: true, mode: 0o755 });
      replaceFile(path, change.content, { mode: 0o644 });
      return;
    case "link":
      mkdirSync(dirname(path), { recursive: true, mode: 0o755 });
      symlinkSync(change.target, path);
      return;
    case "remove":
      rmSync(path, { force: true });
      removeIfEmpty(dirname(path));
      return;
  }
}

function removeIfEmpty(folder: string): void {
  if (!/\.(?:wants|d)$/.test(folder)) return;
  try {
    rmdirSync(folder);
  } catch (error) {
    if (!["ENOTEMPTY", "ENOENT", "EEXIST"].includes(systemErrorCode(error) ?? "")) throw error;
  }
}

/** Changes as a diff, in the way of `diff -u`, one block a file. */
export function showChanges(changes: readonly FileChange[]): string {
  return changes.map((change) => {
    switch (change.kind) {
      case "write":
        return block(change.before === null ? "/dev/null" : change.path, change.path, [
          ...diffLines(linesOf(change.before ?? ""), linesOf(change.content)),
        ]);
      case "link":
        return block("/dev/null", change.path, [`+-> ${change.target}`]);
      case "remove":
        return block(change.path, "/dev/null", linesOf(change.before).map((line) => `-${line}`));
    }
  }).join("");
}

function block(from: string, to: string, lines: readonly string[]): string {
  return [`--- ${from}`, `+++ ${to}`, ...lines, ""].join("\n");
}

function linesOf(text: string): readonly string[] {
  return text === "" ? [] : text.replace(/\n$/, "").split("\n");
}

/** Lines with ` `, `-` or `+` before them, by longest common subsequence: unit files are short. */
function diffLines(before: readonly string[], after: readonly string[]): readonly string[] {
  const common = (i: number, j: number): number => lengths[i]?.[j] ?? 0;
  const lengths: number[][] = [];
  for (let i = before.length - 1; i >= 0; i--) {
    const row: number[] = [];
    for (let j = after.length - 1; j >= 0; j--) {
      row[j] = before[i] === after[j]
        ? 1 + common(i + 1, j + 1)
        : Math.max(common(i + 1, j), row[j + 1] ?? 0);
    }
    lengths[i] = row;
  }
  const lines: string[] = [];
  let i = 0;
  let j = 0;
  while (i < before.length || j < after.length) {
    if (i < before.length && j < after.length && before[i] === after[j]) {
      lines.push(` ${before[i++]}`);
      j++;
    } else if (j >= after.length || (i < before.length && common(i + 1, j) >= common(i, j + 1))) {
      lines.push(`-${before[i++]}`);
    } else {
      lines.push(`+${after[j++]}`);
    }
  }
  return lines;
}
