/**
 * The way to a file, one name after the other, with symbolic links resolved: whoever may write to any directory
 * on it decides what the path leads to.
 *
 * @module
 */
import type { Host } from "../host/host.ts";

/** As the kernel's limit on links followed in one path. */
const MOST_LINKS = 40;

export interface Way {
  /** Where the path leads, without links; if it does not exist, the first name on the way that does not. */
  readonly real: string;
  /** Every directory that was looked into, each once, in the order met; `/` first. */
  readonly directories: readonly string[];
}

/** Null if links go round in a circle. */
export function walk(host: Host, path: string): Way | null {
  const directories = new Set<string>();
  const todo = path.split("/").reverse();
  let done: string[] = [];
  let links = 0;
  for (let name = todo.pop(); name !== undefined; name = todo.pop()) {
    if (name === "" || name === ".") continue;
    if (name === "..") {
      done.pop();
      continue;
    }
    directories.add("/" + done.join("/"));
    const target = host.link("/" + [...done, name].join("/"));
    if (!target.ok) {
      done.push(name);
      // Nothing lies beyond, and a path may have thousands of names more.
      if (target.failure.kind === "missing") break;
      continue;
    }
    if (++links > MOST_LINKS) return null;
    if (target.value.startsWith("/")) done = [];
    todo.push(...target.value.split("/").reverse());
  }
  return { real: "/" + done.join("/"), directories: [...directories] };
}
