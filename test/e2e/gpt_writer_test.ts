/**
 * The GPT writer on a running kernel's own block devices, and what a kernel makes of a write that was cut short.
 *
 * @module
 */
import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after } from "node:test";
import { readGpt, requireGpt, tableDigest } from "../../src/gpt/read.ts";
import { nextSlot } from "../../src/gpt/select.ts";
import { spendTry } from "../../src/gpt/writer.ts";
import { flatcarImage } from "../support/gpt_image.ts";
import { distinctCutStates, MemoryDisk } from "../gpt/memory_disk.ts";
import { modelApply, modelNext } from "../gpt/model.ts";
import { boots, diskOf } from "../gpt/outcome.ts";
import { vmTest } from "./vm_test_case.ts";

const PENDING = { a: [1, 0, 1], b: [2, 1, 0] } as const;
const SECTORS = { 512: 2048, 4096: 256 } as const;

const folder = mkdtempSync(join(tmpdir(), "flatcar-kexec-gpt-"));
after(() => rmSync(folder, { recursive: true, force: true }));

/** Arguments that add a disk after the machine's own three: the first is /dev/vdd. */
function extraDisk(name: string, image: Uint8Array, sectorSize: number): readonly string[] {
  const file = join(folder, name);
  writeFileSync(file, image);
  return [
    "-drive",
    `file=${file},if=none,id=${name},format=raw,cache=unsafe`,
    "-device",
    `virtio-blk-pci,drive=${name},logical_block_size=${sectorSize},physical_block_size=4096`,
  ];
}

function afterGrub(image: Uint8Array, sectorSize: number): Uint8Array {
  const disk = diskOf(image, sectorSize);
  const bytes = modelApply(disk, modelNext(disk).writes);
  assert.ok(bytes);
  return bytes;
}

const whole512 = flatcarImage({ ...PENDING, sectors: SECTORS[512] });
const whole4096 = flatcarImage({ ...PENDING, sectorSize: 4096, sectors: SECTORS[4096] });
const damaged = whole512.slice();
damaged.fill(0x55, 2 * 512, 3 * 512);

const DISKS = [
  { device: "vdd", name: "d512", image: whole512, sectorSize: 512 },
  { device: "vde", name: "d4096", image: whole4096, sectorSize: 4096 },
  { device: "vdf", name: "damaged", image: damaged, sectorSize: 512 },
];

vmTest("a try is taken from virtio disks of 512- and 4096-byte sectors, sound and damaged", {
  counters: { a: [1, 0, 1], b: [0, 0, 0] },
  qemu: DISKS.flatMap(({ name, image, sectorSize }) => extraDisk(name, image, sectorSize)),
  boots: [
    "for disk in vdd vde vdf; do keep spend-$disk flatcar-kexec slots --spend --json --disk /dev/$disk; done",
  ],
}, async (machine) => {
  await machine.powerOn();
  const boot = machine.boot(1);
  for (const { device, name, image, sectorSize } of DISKS) {
    assert.equal(boot.file(`spend-${device}.status`), "0\n", boot.file(`spend-${device}.err`));
    const bytes = readFileSync(join(folder, name));
    assert.ok(bytes.equals(afterGrub(image, sectorSize)), `${name}: GRUB would have left other bytes`);
  }
});

const disk = new MemoryDisk(whole512, 512);
const gpt = requireGpt(readGpt(disk), disk.path);
const slot = nextSlot(gpt);
assert.ok(slot);
spendTry(disk, { slot, tableDigest: tableDigest(gpt) });
const torn = distinctCutStates(whole512, disk);

vmTest("Linux finds the partitions after a power cut, or GRUB writes both copies before it starts Linux", {
  counters: { a: [1, 0, 1], b: [0, 0, 0] },
  qemu: torn.flatMap((state, index) => extraDisk(`torn${index}`, state.bytes, 512)),
  boots: [
    'for disk in /sys/block/vd?; do echo "${disk##*/} $(ls $disk | grep -c ^vd)"; done >/run/out/counts',
  ],
}, async (machine) => {
  await machine.powerOn();
  const counts = new Map(
    machine.boot(1).file("counts").trim().split("\n").map((line) => {
      const [name = "", count = ""] = line.split(" ");
      return [name, Number(count)];
    }),
  );
  const found = torn.map((_, index) => counts.get(`vd${String.fromCharCode("d".charCodeAt(0) + index)}`));
  for (const [index, state] of torn.entries()) {
    const grub = boots(state.bytes, 512);
    assert.ok(typeof grub === "object");
    assert.equal(found[index], grub.primary ? 6 : 0, state.name);
    assert.ok(grub.primary || (grub.tries ?? 0) > 0, state.name);
  }
  assert.ok(found.includes(0), "no state puts Linux to the test");
});
