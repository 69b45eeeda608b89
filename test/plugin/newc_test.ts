import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { describe, it } from "node:test";
import type { InitrdEntry } from "../../src/plugin/api.ts";
import { encodeNewc, initrdSize } from "../../src/plugin/newc.ts";
import { lacking, testUnless } from "../support/test_needing.ts";

const ENTRIES: readonly InitrdEntry[] = [
  { kind: "file", path: "etc/acme/one.conf", text: "größe=1\n" },
  { kind: "file", path: "etc/acme/run", mode: 0o755, base64: "AAEC" },
  { kind: "directory", path: "var/acme", mode: 0o700 },
  { kind: "link", path: "etc/two.conf", target: "acme/one.conf" },
];

describe("encodeNewc()", () => {
  it("ends with the trailer, and lies on four bytes so that archives can follow each other", () => {
    const archive = encodeNewc(ENTRIES);
    assert.equal(archive.length % 4, 0);
    assert.match(new TextDecoder().decode(archive.slice(-14)), /TRAILER!!!/);
  });

  it("counts the bytes of files, not of their encoding", () => {
    assert.equal(initrdSize(ENTRIES), 10 + 3 + "acme/one.conf".length);
  });

  testUnless(lacking(["cpio"]), "writes what cpio reads: directories first, modes, links, contents", () => {
    const list = spawnSync("cpio", ["-itv", "--numeric-uid-gid", "--quiet"], { input: encodeNewc(ENTRIES) });
    assert.equal(list.stderr.toString(), "");
    const rows = list.stdout.toString().trim().split("\n")
      .map((line) => line.replace(/^(\S+)\s+\d+ (\d+)\s+(\d+)\s+(\d+) .*? \d{4} (.*)$/, "$1 $2:$3 $4 $5"));
    assert.deepEqual(rows, [
      "drwxr-xr-x 0:0 0 etc",
      "drwxr-xr-x 0:0 0 etc/acme",
      "-rw-r--r-- 0:0 10 etc/acme/one.conf",
      "-rwxr-xr-x 0:0 3 etc/acme/run",
      "drwxr-xr-x 0:0 0 var",
      "drwx------ 0:0 0 var/acme",
      "lrwxrwxrwx 0:0 13 etc/two.conf -> acme/one.conf",
    ]);
    const file = spawnSync("cpio", ["-i", "--quiet", "--to-stdout", "etc/acme/one.conf"], {
      input: encodeNewc(ENTRIES),
    });
    assert.equal(file.stdout.toString(), "größe=1\n");
  });
});
