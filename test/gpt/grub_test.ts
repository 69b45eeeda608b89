/**
 * Real GNU GRUB on the same disks. Debian's has no `gptprio.next`, so it cannot say which slot it takes; but its
 * partition map, which Flatcar's GRUB uses for every `(hd0,gptN)`, must find the partitions at all times.
 *
 * @module
 */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { readGpt, requireGpt, tableDigest } from "../../src/gpt/read.ts";
import { nextSlot } from "../../src/gpt/select.ts";
import { spendTry } from "../../src/gpt/writer.ts";
import { findProgram } from "../support/debian.ts";
import { flatcarImage } from "../support/gpt_image.ts";
import { withTempFolder } from "../support/temp_folder.ts";
import { lacking, testUnless } from "../support/test_needing.ts";
import { brokenSectorStates, distinctCutStates, MemoryDisk } from "./memory_disk.ts";
import { SCENARIOS } from "./scenarios.ts";

const noGrub = lacking(["grub-emu"]);

/** Partitions of `disk.img` that GRUB lists, in ascending order: `gpt1 gpt2`. */
function grubPartitions(folder: string, bytes: Uint8Array): string {
  const emu = findProgram("grub-emu");
  assert.ok(emu);
  const modules = join(folder, "grub");
  mkdirSync(modules, { recursive: true });
  writeFileSync(join(folder, "disk.img"), bytes);
  writeFileSync(join(folder, "device.map"), `(hd0) ${join(folder, "disk.img")}\n`);
  writeFileSync(join(modules, "grub.cfg"), "set pager=0\ninsmod part_gpt\nls\nhalt\n");
  const child = spawnSync(emu, ["-r", "host", "-m", join(folder, "device.map"), "-d", modules], {
    stdio: ["ignore", "pipe", "pipe"],
    env: { TERM: "dumb", PATH: "/usr/bin:/bin" },
    timeout: 20_000,
    encoding: "latin1",
  });
  if (child.error !== undefined) throw child.error;
  assert.match(child.stdout, /\(hd0\)/);
  return [...child.stdout.matchAll(/\(hd0,(gpt\d+)\)/g)].map((match) => match[1] ?? "").sort().join(" ");
}

const ALL = "gpt1 gpt2 gpt3 gpt4 gpt6 gpt9";

testUnless(noGrub, "GRUB finds every partition after a power cut at any write, even within a sector", () => {
  withTempFolder((folder) => {
    const image = flatcarImage({ a: [1, 0, 1], b: [2, 1, 0] });
    const disk = new MemoryDisk(image, 512);
    const gpt = requireGpt(readGpt(disk), disk.path);
    const slot = nextSlot(gpt);
    assert.ok(slot);
    spendTry(disk, { slot, tableDigest: tableDigest(gpt) });
    for (const state of distinctCutStates(image, disk)) {
      assert.equal(grubPartitions(folder, state.bytes), ALL, state.name);
    }
    for (const state of brokenSectorStates(image, disk)) {
      // Rubbish in place of the primary is more than a write that was cut short: see the next test.
      if (state.name.endsWith("cut after byte 60")) {
        assert.equal(grubPartitions(folder, state.bytes), ALL, state.name);
      }
    }
  });
});

testUnless(noGrub, "GRUB's partition map, unlike gptprio.next, never looks at the backup", () => {
  withTempFolder((folder) => {
    const scenario = SCENARIOS.find((found) => found.name === "primary header lost");
    assert.ok(scenario);
    assert.equal(grubPartitions(folder, scenario.image), "");
    // So a host in that state boots only where its GRUB is not found by a partition number; taking a try mends it.
    const disk = new MemoryDisk(scenario.image, 512);
    const gpt = requireGpt(readGpt(disk), disk.path);
    const slot = nextSlot(gpt);
    assert.ok(slot);
    spendTry(disk, { slot, tableDigest: tableDigest(gpt) });
    assert.equal(grubPartitions(folder, disk.bytes), ALL);
  });
});
