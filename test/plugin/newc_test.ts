import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { readFileSync, readlinkSync, statSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { encodeNewc } from "../../src/plugin/newc.ts";
import { withTempFolder } from "../support/temp_folder.ts";

const hasCpio = spawnSync("cpio", ["--version"]).status === 0;
const why = hasCpio ? "" : " (skipped: no cpio program)";

test(`encodeNewc() writes what cpio unpacks, parents included${why}`, { skip: !hasCpio }, () => {
  const archive = encodeNewc([
    { kind: "file", path: "etc/acme/acme.conf", text: "répétition\n" },
    { kind: "file", path: "bin/acme", mode: 0o755, base64: btoa("\u0000\u00ff!") },
    { kind: "directory", path: "var/acme", mode: 0o700 },
    { kind: "link", path: "etc/acme.conf", target: "acme/acme.conf" },
  ]);
  withTempFolder((folder) => {
    const child = spawnSync("cpio", ["-idm", "--no-absolute-filenames"], { cwd: folder, input: archive });
    assert.equal(child.status, 0, child.stderr.toString());
    assert.equal(readFileSync(join(folder, "etc/acme/acme.conf"), "utf8"), "répétition\n");
    assert.deepEqual([...readFileSync(join(folder, "bin/acme"))], [0, 0xff, 0x21]);
    assert.equal(statSync(join(folder, "bin/acme")).mode & 0o777, 0o755);
    assert.equal(statSync(join(folder, "var/acme")).mode & 0o777, 0o700);
    assert.equal(readlinkSync(join(folder, "etc/acme.conf")), "acme/acme.conf");
  });
});

test("encodeNewc() gives the same bytes for the same entries", () => {
  const entries = [{ kind: "file", path: "a", text: "b" }] as const;
  assert.deepEqual(encodeNewc(entries), encodeNewc(entries));
});
