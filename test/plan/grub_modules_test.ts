import assert from "node:assert/strict";
import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { test } from "node:test";
import { gzipSync } from "node:zlib";
import { DEFAULT_CONFIG } from "../../src/config/config.ts";
import { createHost } from "../../src/host/live.ts";
import { recordHost } from "../../src/host/record.ts";
import { replayHost } from "../../src/host/replay.ts";
import { parseCommandList, readModules } from "../../src/plan/grub_modules.ts";
import { makePlan } from "../../src/plan/make_plan.ts";
import type { Plan } from "../../src/plan/plan.ts";
import { memoryHost } from "../support/memory_host.ts";
import { writeSampleHost } from "../support/sample_host.ts";
import { withTempFolder } from "../support/temp_folder.ts";

const MAIN = "/boot/flatcar/grub/grub.cfg.tar";
const LIST = "/boot/flatcar/grub/x86_64-efi/command.lst";
const COMMANDS = "*probe: probe\nfalse: true\ntrue: true\nlsefi: lsefi\n";

function modulesOf(content: string | Uint8Array) {
  return readModules(memoryHost({ files: { [LIST]: content } }), MAIN, "efi", "x86_64");
}

test("readModules() reads the list in the folder of GRUB's configuration, compressed or not", () => {
  const listed = { kind: "listed", commands: ["probe", "false", "true", "lsefi"] };
  assert.deepEqual(modulesOf(COMMANDS), listed);
  assert.deepEqual(modulesOf(gzipSync(COMMANDS)), listed);
});

test("readModules() finds none on newer disks, and none of another processor or folder", () => {
  const host = memoryHost({ files: { [LIST]: COMMANDS } });
  assert.deepEqual(readModules(memoryHost(), MAIN, "efi", "x86_64"), { kind: "none" });
  assert.deepEqual(readModules(host, MAIN, "efi", "arm64"), { kind: "none" });
  assert.deepEqual(readModules(host, MAIN.replace("flatcar", "coreos"), "efi", "x86_64"), { kind: "none" });
});

test("readModules() says so where there is a list that nobody can read", () => {
  for (const content of [gzipSync(COMMANDS).subarray(0, 20), "no list", "", Buffer.alloc(64, 0x1f)]) {
    assert.deepEqual(modulesOf(content), { kind: "unreadable" });
  }
  const failure = { kind: "permission", message: "no" } as const;
  assert.deepEqual(readModules(memoryHost({ files: { [LIST]: failure } }), MAIN, "efi", "x86_64"), {
    kind: "unreadable",
  });
});

test("parseCommandList() takes lines of a command and its module, and nothing else", () => {
  assert.deepEqual(parseCommandList("*a: b\nc: d\n"), ["a", "c"]);
  assert.equal(parseCommandList("a: b\nc\n"), null);
});

/** A host whose OEM file hides its words behind `if false`, with and without modules. */
function planWith(list: string | Uint8Array | null): { readonly live: Plan; readonly replayed: Plan } {
  return withTempFolder((folder) => {
    const sample = writeSampleHost(folder, {
      oemConfig: 'set oem_id="qemu"\nif false; then\n  set linux_append="flatcar.autologin"\nfi\n',
    });
    if (list !== null) {
      const path = join(sample.root, LIST);
      mkdirSync(dirname(path), { recursive: true });
      writeFileSync(path, list);
    }
    const recorder = recordHost(createHost({ root: sample.root, arch: sample.arch }));
    const options = { config: DEFAULT_CONFIG, allow: [], history: { consecutive: 0, quarantined: [] } };
    const live = makePlan(recorder.host, options).plan;
    return { live, replayed: makePlan(replayHost(recorder.snapshot(true)), options).plan };
  });
}

test("makePlan() knows the commands of the modules that lie on the EFI system partition", () => {
  assert.match(planWith(null).live.grub.cmdline ?? "", /flatcar\.autologin/);
  const { live, replayed } = planWith(gzipSync(COMMANDS));
  assert.doesNotMatch(live.grub.cmdline ?? "", /flatcar\.autologin/);
  assert.deepEqual(replayed, live);
});

test("makePlan() refuses where a command decides that may be in a list nobody can read", () => {
  const { live } = planWith("damaged");
  const [finding] = live.findings.filter(({ level }) => level === "refuse");
  assert.equal(finding?.id, "config-not-understood");
  assert.match(finding?.message ?? "", /oem\/grub\.cfg:2: the outcome of `false` decides here/);
});
