/**
 * Whether plugins can be run in a process of their own here. Found out without the program's own way of doing it: a
 * defect in that must fail tests, not skip them.
 *
 * @module
 */
import { spawnSync } from "node:child_process";
import process from "node:process";
import { lacking } from "./test_needing.ts";

/** Null if they can; else why not, for a skipped test's name. */
export function reasonWithoutIsolation(): string | null {
  const missing = lacking(["unshare", "setpriv", "prlimit", "setsid", "sh", "sleep"]);
  if (missing !== null) return missing;
  const isRoot = process.geteuid?.() === 0;
  const user = isRoot ? [] : ["--user", "--map-current-user"];
  const namespaces = spawnSync("unshare", [
    ...user,
    "--net",
    "--mount",
    "--pid",
    "--fork",
    "--mount-proc",
    "true",
  ]);
  if (namespaces.status !== 0) return "namespaces are not permitted here";
  if (!isRoot) return null;
  // By a shell: setpriv itself still has the right to pass every directory when it starts a program.
  const nobody = ["--reuid=65534", "--regid=65534", "--clear-groups", "sh", "-c", '"$0" --version'];
  if (spawnSync("setpriv", [...nobody, process.execPath]).status === 0) return null;
  return `nobody cannot run ${process.execPath}: it, or a directory above it, is closed to others`;
}
