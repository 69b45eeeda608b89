import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { readPatterns } from "../../src/plugin/reads.ts";
import { memoryHost } from "../support/memory_host.ts";

const host = memoryHost({
  files: {
    "/sys/bus/pci/devices/0000:00:02.0/class": "0x030000\n",
    "/sys/bus/pci/devices/0000:3b:00.0/class": "0x030200\n",
    "/sys/bus/pci/devices/0000:3b:00.0/vendor": "0x10de\n",
    "/sys/class/dmi/id/.hidden": "x",
    "/sys/class/dmi/id/sys_vendor": "Acme",
    "/etc/shadow": "root:secret",
    "/root/notes": "n",
    "/etc/large": "x".repeat(70_000),
  },
  links: { "/etc/innocent": "/etc/shadow", "/etc/window": "/root/notes" },
  statuses: { "/etc/shadow": { mode: 0o640 }, "/root": { mode: 0o700 } },
});
const read = (pattern: string, trusted = false) => readPatterns(host, [pattern], trusted);
const names = (pattern: string) => Object.keys(read(pattern));

describe("readPatterns()", () => {
  it("reads a path as it stands, and files below directories that match", () => {
    assert.deepEqual(read("/sys/class/dmi/id/sys_vendor"), { "/sys/class/dmi/id/sys_vendor": "Acme" });
    assert.deepEqual(names("/sys/bus/pci/devices/*/class"), [
      "/sys/bus/pci/devices/0000:00:02.0/class",
      "/sys/bus/pci/devices/0000:3b:00.0/class",
    ]);
    assert.deepEqual(names("/sys/bus/pci/devices/0000:3?:*/v*r"), [
      "/sys/bus/pci/devices/0000:3b:00.0/vendor",
    ]);
  });

  it("matches a leading dot only if it is written out, and never across names", () => {
    assert.deepEqual(names("/sys/class/dmi/id/*"), ["/sys/class/dmi/id/sys_vendor"]);
    assert.deepEqual(names("/sys/class/dmi/id/.h*"), ["/sys/class/dmi/id/.hidden"]);
    assert.deepEqual(names("/sys/*/sys_vendor"), []);
  });

  it("gives nothing to a plugin from a file that not everybody may read, not through a link either", () => {
    for (const path of ["/etc/shadow", "/etc/innocent", "/root/notes", "/etc/window"]) {
      assert.deepEqual(names(path), [], path);
    }
    assert.deepEqual(read("/etc/shadow", true), { "/etc/shadow": "root:secret" });
  });

  it("leaves out what is missing, a directory, or too large", () => {
    assert.deepEqual(names("/etc/nothing"), []);
    assert.deepEqual(names("/etc"), []);
    assert.deepEqual(names("/etc/large"), []);
  });

  for (const pattern of ["etc/passwd", "/etc/../root/notes", "/etc//passwd", "/", ""]) {
    it(`refuses the pattern ${JSON.stringify(pattern)}`, () => {
      assert.throws(() => read(pattern), /^KexecError: Cannot read .*: expected/);
    });
  }

  it("refuses more files than a plugin can mean", () => {
    const many = memoryHost({
      files: Object.fromEntries(Array.from({ length: 65 }, (_, index) => [`/etc/f${index}`, "x"])),
    });
    assert.throws(() => readPatterns(many, ["/etc/*"], false), /more than 64 files/);
  });

  it("refuses a pattern of more characters or names than a path can mean", () => {
    assert.throws(
      () => read(`/proc/*${"/x".repeat(2000)}`),
      /Cannot read "\/proc\/\*[/x]+…": the pattern has 4007 characters, expected at most 256$/,
    );
    assert.throws(
      () => read(`/proc/*${"/x".repeat(15)}`),
      /has 17 names between its slashes, expected at most 16$/,
    );
    assert.deepEqual(read(`/proc/*${"/x".repeat(14)}`), {});
  });

  it("looks no further than the first name that is missing", () => {
    const processes = Array.from({ length: 50 }, (_, index) => `/proc/${index}`);
    const busy = memoryHost({ directories: processes });
    assert.deepEqual(readPatterns(busy, [`/proc/*${"/x".repeat(14)}`], false), {});
    assert.equal(busy.asked.filter((question) => question.startsWith("link ")).length, processes.length * 3);
  });

  it("takes no time over a pattern that would make an expression backtrack", () => {
    const one = memoryHost({ files: { [`/etc/${"a".repeat(200)}`]: "x" } });
    assert.deepEqual(readPatterns(one, [`/etc/${"*a".repeat(60)}b`], false), {});
  });
});
