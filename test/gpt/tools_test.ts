/**
 * What other people's tools say about the same disks: sgdisk, and Debian's cgpt (ChromeOS's).
 *
 * @module
 */
import assert from "node:assert/strict";
import {
  closeSync,
  ftruncateSync,
  openSync,
  readFileSync,
  statSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { join } from "node:path";
import { withDisk } from "../../src/gpt/block_device.ts";
import { type Gpt, readGpt, requireGpt, tableDigest } from "../../src/gpt/read.ts";
import { nextSlot, slotsOf } from "../../src/gpt/select.ts";
import { giveTryBack, spendTry } from "../../src/gpt/writer.ts";
import { run } from "../support/debian.ts";
import { ESP_TYPE, flatcarImage, sealHeader, USR_A, USR_B, USR_TYPE } from "../support/gpt_image.ts";
import { noLoopDevices, withLoopDevice } from "../support/loop_device.ts";
import { withTempFolder } from "../support/temp_folder.ts";
import { lacking, testUnless } from "../support/test_needing.ts";
import { distinctCutStates, MemoryDisk } from "./memory_disk.ts";
import { boots } from "./outcome.ts";
import { SCENARIOS } from "./scenarios.ts";

const noTools = lacking(["sgdisk", "cgpt"]);

type Counters = readonly [priority: number, tries: number, successful: number];

function gptOf(path: string): Gpt {
  return withDisk(path, {}, (disk) => requireGpt(readGpt(disk), path));
}

function spend(path: string): void {
  withDisk(path, {}, (disk) => {
    const gpt = requireGpt(readGpt(disk), path);
    const slot = nextSlot(gpt);
    assert.ok(slot);
    spendTry(disk, { slot, tableDigest: tableDigest(gpt) });
  });
}

let blank: Uint8Array | null = null;

/** A disk as Flatcar's image builder makes it, by sgdisk and cgpt alone. */
function makeDisk(path: string, a: Counters, b: Counters): void {
  // sgdisk sleeps for a second whenever it has written.
  blank ??= partitionedBySgdisk(path);
  writeFileSync(path, blank);
  for (const [number, [priority, tries, successful]] of [[3, a], [4, b]] as const) {
    run("cgpt", [
      "add",
      "-i",
      `${number}`,
      "-P",
      `${priority}`,
      "-T",
      `${tries}`,
      "-S",
      `${successful}`,
      path,
    ]);
  }
}

function partitionedBySgdisk(path: string): Uint8Array {
  writeFileSync(path, "");
  truncateSync(path, 8 << 20);
  const usr = (number: number, uuid: string, name: string): string[] => [
    `--new=${number}:0:+1M`,
    `--typecode=${number}:${USR_TYPE}`,
    `--partition-guid=${number}:${uuid}`,
    `--change-name=${number}:${name}`,
  ];
  run("sgdisk", [
    "--clear",
    "--disk-guid=00000000-0000-0000-0000-000000000001",
    "--new=1:0:+1M",
    `--typecode=1:${ESP_TYPE}`,
    "--change-name=1:EFI-SYSTEM",
    ...usr(3, USR_A, "USR-A"),
    ...usr(4, USR_B, "USR-B"),
    path,
  ]);
  return readFileSync(path);
}

function cgptCounters(path: string, number: number): Counters {
  const value = (flag: string): number => Number(run("cgpt", ["show", "-i", `${number}`, flag, path]).trim());
  return [value("-P"), value("-T"), value("-S")];
}

/** The attribute field as sgdisk shows it. */
function sgdiskAttributes(path: string, number: number): bigint {
  const shown = /Attribute flags: ([0-9A-F]{16})/.exec(run("sgdisk", [`--info=${number}`, path]));
  return BigInt(`0x${shown?.[1] ?? ""}`);
}

function assertPerfect(path: string): void {
  assert.match(run("sgdisk", ["--verify", path]), /^No problems found/m);
  assert.equal(run("cgpt", ["show", path]).includes("INVALID"), false);
}

testUnless(noTools, "a disk made by sgdisk and cgpt is read as they made it", () => {
  withTempFolder((folder) => {
    const path = join(folder, "disk.img");
    makeDisk(path, [1, 0, 1], [15, 7, 0]);
    const gpt = gptOf(path);
    assert.deepEqual([gpt.primary, gpt.backup, gpt.protectiveMbr], ["valid", "valid", true]);
    assert.equal(gpt.diskGuid, "00000000-0000-0000-0000-000000000001");
    assert.deepEqual(slotsOf(gpt), [
      { partition: 3, partuuid: USR_A, label: "USR-A", priority: 1, tries: 0, successful: true },
      { partition: 4, partuuid: USR_B, label: "USR-B", priority: 15, tries: 7, successful: false },
    ]);
    for (const entry of gpt.entries) {
      const info = run("sgdisk", [`--info=${entry.partition}`, path]);
      const shown = (label: string): string =>
        new RegExp(`${label}: (\\S+)`).exec(info)?.[1]?.toLowerCase() ?? "";
      assert.equal(shown("Partition GUID code"), entry.type);
      assert.equal(shown("Partition unique GUID"), entry.partuuid);
      assert.equal(shown("First sector"), `${entry.firstLba}`);
      assert.equal(shown("Last sector"), `${entry.lastLba}`);
      assert.equal(shown("Partition name"), `'${entry.name.toLowerCase()}'`);
      assert.equal(sgdiskAttributes(path, entry.partition), entry.attributes);
    }
  });
});

testUnless(noTools, "sgdisk and cgpt find nothing wrong with a try taken, nor with one given back", () => {
  withTempFolder((folder) => {
    const path = join(folder, "disk.img");
    makeDisk(path, [1, 0, 1], [2, 1, 0]);
    spend(path);
    assertPerfect(path);
    assert.deepEqual([cgptCounters(path, 3), cgptCounters(path, 4)], [[1, 0, 1], [2, 0, 0]]);
    withDisk(path, {}, (disk) => giveTryBack(disk, USR_B));
    assertPerfect(path);
    assert.deepEqual([cgptCounters(path, 3), cgptCounters(path, 4)], [[1, 0, 1], [2, 1, 0]]);
  });
});

testUnless(noTools, "what we repair while taking a try, sgdisk and cgpt find perfect", () => {
  withTempFolder((folder) => {
    const path = join(folder, "disk.img");
    for (const { image, sectorSize, displaced, perfect, name } of SCENARIOS) {
      // On a file sgdisk takes sectors of 512 bytes for granted, and it knows entries of 128 bytes alone.
      if (sectorSize !== 512 || displaced || !perfect || name.includes("entries of 256")) continue;
      writeFileSync(path, image);
      spend(path);
      assert.match(run("sgdisk", ["--verify", path]), /^No problems found/m, name);
      assert.equal(sgdiskAttributes(path, 4), 0x0002_0000_0000_0000n, name);
    }
  });
});

testUnless(noTools, "after a power cut at any write, sgdisk and cgpt see the slot that GRUB sees", () => {
  withTempFolder((folder) => {
    const path = join(folder, "disk.img");
    const image = flatcarImage({ a: [1, 0, 1], b: [2, 1, 0] });
    const disk = new MemoryDisk(image, 512);
    const gpt = requireGpt(readGpt(disk), disk.path);
    const slot = nextSlot(gpt);
    assert.ok(slot);
    spendTry(disk, { slot, tableDigest: tableDigest(gpt) });
    for (const state of distinctCutStates(image, disk)) {
      const grub = boots(state.bytes, 512);
      assert.ok(typeof grub === "object");
      const tries = grub.partition === 4 ? 1 : 0;
      writeFileSync(path, state.bytes);
      assert.equal(sgdiskAttributes(path, 4), tries === 1 ? 0x0012_0000_0000_0000n : 0x0002_0000_0000_0000n);
      assert.deepEqual(
        [cgptCounters(path, 3), cgptCounters(path, 4)],
        [[1, 0, 1], [2, tries, 0]],
        state.name,
      );
    }
  });
});

testUnless(
  lacking(["sgdisk"]) ?? noLoopDevices(),
  "sgdisk finds nothing wrong on a disk of 4096-byte sectors",
  () => {
    const image = flatcarImage({ a: [1, 0, 1], b: [2, 1, 0], sectorSize: 4096, sectors: 128 });
    withLoopDevice(image, { sectorSize: 4096 }, (device) => {
      spend(device);
      assert.match(run("sgdisk", ["--verify", device]), /^No problems found/m);
      assert.equal(sgdiskAttributes(device, 4), 0x0002_0000_0000_0000n);
      assert.equal(sgdiskAttributes(device, 3), 0x0101_0000_0000_0000n);
    });
  },
);

testUnless(
  noTools,
  "a try is taken from a disk of 3 TiB, its backup beyond 32 bits of bytes and of sectors",
  () => {
    withTempFolder((folder) => {
      const path = join(folder, "disk.img");
      const small = flatcarImage({ a: [1, 0, 1], b: [2, 1, 0] });
      const size = 3 * 2 ** 40;
      const last = size / 512 - 1;
      // A small disk's header, told that the backup is at the far end.
      const header = (my: number, alternate: number, entries: number): Buffer => {
        const bytes = Buffer.from(small.slice(512, 1024));
        bytes.writeBigUInt64LE(BigInt(my), 24);
        bytes.writeBigUInt64LE(BigInt(alternate), 32);
        bytes.writeBigUInt64LE(BigInt(entries), 72);
        sealHeader(bytes, 0);
        return bytes;
      };
      const fd = openSync(path, "w+");
      ftruncateSync(fd, size);
      const put = (bytes: Uint8Array, sector: number): number =>
        writeSync(fd, bytes, 0, bytes.length, sector * 512);
      put(small.slice(0, -33 * 512), 0);
      put(header(1, last, 2), 1);
      put(small.slice(1024, 1024 + 16384), last - 32);
      put(header(last, 1, last - 32), last);
      closeSync(fd);
      assert.deepEqual([gptOf(path).primary, gptOf(path).backup], ["valid", "valid"]);
      spend(path);
      assert.equal(nextSlot(gptOf(path))?.partition, 3);
      assert.match(run("sgdisk", ["--verify", path]), /^No problems found/m);
      assert.deepEqual(cgptCounters(path, 4), [2, 0, 0]);
      assert.equal(statSync(path).size, size);
    });
  },
);
