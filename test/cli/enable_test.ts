import assert from "node:assert/strict";
import { test } from "node:test";
import { othersMayReplace } from "../../src/cli/enable.ts";
import { memoryHost } from "../support/memory_host.ts";

const BINARY = "/opt/bin/flatcar-kexec";

function faultOf(
  statuses: Readonly<Record<string, { readonly uid?: number; readonly mode?: number }>>,
): string {
  const host = memoryHost({
    files: { [BINARY]: "x", "/tmp/bin/flatcar-kexec": "x" },
    statuses: { [BINARY]: { mode: 0o755 }, "/tmp/bin/flatcar-kexec": { mode: 0o755 }, ...statuses },
  });
  const binary = Object.keys(statuses).some((path) => path.startsWith("/tmp"))
    ? "/tmp/bin/flatcar-kexec"
    : BINARY;
  return othersMayReplace(host, binary)?.message ?? "";
}

test("enable puts no program into root's units that somebody else can replace", () => {
  assert.equal(faultOf({}), "");
  assert.match(
    faultOf({ [BINARY]: { mode: 0o775 } }),
    /bin\/flatcar-kexec can be written by others: mode 775/,
  );
  assert.match(faultOf({ [BINARY]: { mode: 0o755, uid: 500 } }), /belongs to user 500, expected root \(0\)/);
  assert.match(faultOf({ "/opt/bin": { uid: 500 } }), /\/opt\/bin belongs to user 500/);
  assert.match(faultOf({ "/opt": { mode: 0o777 } }), /\/opt can be written by others: mode 777/);
});

test("a folder with the sticky bit keeps root's entries root's, a file with it does not", () => {
  assert.equal(faultOf({ "/tmp": { mode: 0o1777 } }), "");
  assert.match(faultOf({ "/tmp": { mode: 0o777 } }), /\/tmp can be written by others/);
  assert.match(faultOf({ [BINARY]: { mode: 0o1777 } }), /can be written by others/);
});
