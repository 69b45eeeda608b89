/**
 * Random disks: valid tables of every shape, and tables damaged in ways from a flipped bit to hostile numbers
 * with a correct CRC.
 *
 * @module
 */
import { crc32 } from "node:zlib";
import {
  counters,
  gptImage,
  guidBytes,
  type ImageEntry,
  sealHeader,
  USR_TYPE,
} from "../support/gpt_image.ts";
import type { Random } from "../support/random.ts";

export interface RandomDisk {
  readonly bytes: Uint8Array;
  readonly sectorSize: number;
  /** What was done to it. */
  readonly story: readonly string[];
}

interface Draft {
  bytes: Uint8Array;
  readonly sectorSize: number;
  readonly backupLba: number;
  readonly tableLba: number;
  readonly tableBytes: number;
  readonly entrySize: number;
  readonly story: string[];
}

function randomGuid(random: Random): string {
  const hex = (digits: number): string =>
    Array.from({ length: digits }, () => random.int(0, 15).toString(16)).join("");
  return [hex(8), hex(4), hex(4), hex(4), hex(12)].join("-");
}

function randomU64(random: Random): bigint {
  return (BigInt(random.int(0, 0xffffffff)) << 32n) | BigInt(random.int(0, 0xffffffff));
}

function randomAttributes(random: Random): bigint {
  const priority = random.chance(0.2) ? 0 : random.int(1, random.chance(0.7) ? 3 : 15);
  const tries = random.chance(0.4) ? 0 : random.int(1, random.chance(0.7) ? 3 : 15);
  const mine = counters(priority, tries, random.chance(0.4));
  const others = random.chance(0.5) ? 0n : randomU64(random) & ~counters(15, 15, true);
  return mine | others;
}

function draft(random: Random): Draft {
  const sectorSize = random.chance(0.3) ? 4096 : 512;
  const entrySize = random.pick([128, 128, 128, 256, 512]);
  const least = 16384 / entrySize;
  const entryCount = random.chance(0.6) ? least : least + random.int(1, 9);
  const tableBytes = entrySize * entryCount;
  const tableSectors = Math.ceil(tableBytes / sectorSize);
  const tableLba = random.chance(0.85) ? 2 : random.int(3, 6);
  const usable = random.int(8, 24);
  const backupLba = tableLba + tableSectors + usable + tableSectors;
  const sectors = backupLba + 1 + (random.chance(0.8) ? 0 : random.int(1, 2 * tableSectors + 4));
  const firstUsable = tableLba + tableSectors;
  const entries: ImageEntry[] = [];
  let place = firstUsable;
  for (let number = 1; number <= Math.min(entryCount, 9) && place < firstUsable + usable; number++) {
    if (random.chance(0.3)) continue;
    const last = Math.min(place + random.int(0, 2), firstUsable + usable - 1);
    entries.push({
      number,
      type: random.chance(0.7) ? USR_TYPE : randomGuid(random),
      uuid: randomGuid(random),
      first: place,
      last,
      attributes: randomAttributes(random),
      name: random.pick(["USR-A", "USR-B", "OEM", "", "a name of far more than thirty-six units"]),
    });
    place = last + 1;
  }
  const bytes = gptImage({
    sectorSize,
    sectors,
    entries,
    entrySize,
    entryCount,
    tableLba,
    backupLba,
    diskGuid: randomGuid(random),
    headerSize: random.pick([92, 92, 92, 92, 96, sectorSize]),
  });
  return { bytes, sectorSize, backupLba, tableLba, tableBytes, entrySize, story: [] };
}

const FIELDS: readonly [readonly [string, number, 4 | 8], ...(readonly [string, number, 4 | 8])[]] = [
  ["revision", 8, 4],
  ["header size", 12, 4],
  ["reserved", 20, 4],
  ["my LBA", 24, 8],
  ["alternate LBA", 32, 8],
  ["first usable", 40, 8],
  ["last usable", 48, 8],
  ["disk GUID", 56, 8],
  ["table LBA", 72, 8],
  ["entry count", 80, 4],
  ["entry size", 84, 4],
  ["table CRC", 88, 4],
];

function hostileNumber(random: Random, was: bigint, width: 4 | 8): bigint {
  const top = 1n << BigInt(8 * width);
  const value = random.pick<bigint>([
    0n,
    1n,
    2n,
    was + 1n,
    was - 1n,
    was + BigInt(random.int(2, 40)),
    was - BigInt(random.int(2, 40)),
    was * 2n,
    top - 1n,
    top - BigInt(random.int(2, 70)),
    top / 2n,
    top / 8n + 2n,
    1n << 53n,
    randomU64(random),
  ]);
  return BigInt.asUintN(8 * width, value);
}

type Damage = (disk: Draft, random: Random) => void;

function headerPlace(disk: Draft, random: Random): readonly [string, number] {
  return random.chance(0.5) ? ["primary", disk.sectorSize] : ["backup", disk.backupLba * disk.sectorSize];
}

function tablePlace(disk: Draft, random: Random): readonly [string, number] {
  return random.chance(0.5)
    ? ["primary", disk.tableLba * disk.sectorSize]
    : ["backup", (disk.backupLba - Math.ceil(disk.tableBytes / disk.sectorSize)) * disk.sectorSize];
}

const DAMAGES: readonly [Damage, ...Damage[]] = [
  function flipBit(disk, random) {
    const [copy, header] = headerPlace(disk, random);
    const at = header + random.int(0, 95);
    disk.bytes[at] = (disk.bytes[at] ?? 0) ^ (1 << random.int(0, 7));
    disk.story.push(`${copy} header: bit flipped in byte ${at - header}`);
  },
  function hostileField(disk, random) {
    const [copy, header] = headerPlace(disk, random);
    const [name, at, width] = random.pick(FIELDS);
    const view = new DataView(disk.bytes.buffer, disk.bytes.byteOffset + header + at, width);
    const was = width === 8 ? view.getBigUint64(0, true) : BigInt(view.getUint32(0, true));
    const value = hostileNumber(random, was, width);
    if (width === 8) view.setBigUint64(0, value, true);
    else view.setUint32(0, Number(value), true);
    sealHeader(disk.bytes, header);
    disk.story.push(`${copy} header: ${name} ${was} becomes ${value}, CRC right`);
  },
  function sameHostileFieldInBoth(disk, random) {
    const [name, at, width] = random.pick(FIELDS);
    let value: bigint | null = null;
    for (const header of [disk.sectorSize, disk.backupLba * disk.sectorSize]) {
      const view = new DataView(disk.bytes.buffer, disk.bytes.byteOffset + header + at, width);
      const was = width === 8 ? view.getBigUint64(0, true) : BigInt(view.getUint32(0, true));
      value ??= hostileNumber(random, was, width);
      if (width === 8) view.setBigUint64(0, value, true);
      else view.setUint32(0, Number(value), true);
      sealHeader(disk.bytes, header);
    }
    disk.story.push(`both headers: ${name} becomes ${value}, CRC right`);
  },
  function lostSector(disk, random) {
    const sector = random.int(0, disk.bytes.length / disk.sectorSize - 1);
    disk.bytes.fill(random.pick([0, 0xff, 0x55]), sector * disk.sectorSize, (sector + 1) * disk.sectorSize);
    disk.story.push(`sector ${sector} lost`);
  },
  function lostHeader(disk, random) {
    const [copy, header] = headerPlace(disk, random);
    disk.bytes.fill(0, header, header + disk.sectorSize);
    disk.story.push(`${copy} header lost`);
  },
  function changedTable(disk, random) {
    const [copy, table] = tablePlace(disk, random);
    const at = table + random.int(0, disk.tableBytes - 1);
    disk.bytes[at] = (disk.bytes[at] ?? 0) ^ (1 << random.int(0, 7));
    disk.story.push(`${copy} table: bit flipped`);
  },
  function otherAttributesInOneCopy(disk, random) {
    const [copy, table] = tablePlace(disk, random);
    const header = copy === "primary" ? disk.sectorSize : disk.backupLba * disk.sectorSize;
    const view = new DataView(disk.bytes.buffer, disk.bytes.byteOffset);
    view.setBigUint64(table + random.int(0, 8) * disk.entrySize + 48, randomAttributes(random), true);
    view.setUint32(header + 88, crc32(disk.bytes.subarray(table, table + disk.tableBytes)), true);
    sealHeader(disk.bytes, header);
    disk.story.push(`${copy}: other attributes, all CRCs right`);
  },
  function entryWithOddPlace(disk, random) {
    // In both copies: GRUB does not look, so only a writer can be hurt.
    const backup = (disk.backupLba - Math.ceil(disk.tableBytes / disk.sectorSize)) * disk.sectorSize;
    const primary = disk.tableLba * disk.sectorSize;
    const entry = random.int(0, 8) * disk.entrySize;
    const value = random.pick([0n, 1n, BigInt(disk.backupLba), (1n << 64n) - 1n, randomU64(random)]);
    const at = entry + random.pick([32, 40]);
    const view = new DataView(disk.bytes.buffer, disk.bytes.byteOffset);
    if (random.chance(0.5)) disk.bytes.set(guidBytes(USR_TYPE), primary + entry);
    view.setBigUint64(primary + at, value, true);
    disk.bytes.copyWithin(backup, primary, primary + disk.tableBytes);
    for (const header of [disk.sectorSize, disk.backupLba * disk.sectorSize]) {
      view.setUint32(header + 88, crc32(disk.bytes.subarray(primary, primary + disk.tableBytes)), true);
      sealHeader(disk.bytes, header);
    }
    disk.story.push("an entry in an odd place, all CRCs right");
  },
  function grown(disk, random) {
    const sectors = random.int(1, 80);
    const bytes = new Uint8Array(disk.bytes.length + sectors * disk.sectorSize);
    bytes.set(disk.bytes);
    disk.bytes = bytes;
    disk.story.push(`${sectors} sectors longer`);
  },
  function shrunk(disk, random) {
    const sectors = random.int(1, 40);
    disk.bytes = disk.bytes.slice(0, Math.max(0, disk.bytes.length - sectors * disk.sectorSize));
    disk.story.push(`${sectors} sectors shorter`);
  },
  function oddEnd(disk, random) {
    const bytes = new Uint8Array(disk.bytes.length + random.int(1, disk.sectorSize - 1));
    bytes.set(disk.bytes);
    disk.bytes = bytes;
    disk.story.push("not a whole number of sectors long");
  },
];

/** A third of the disks is sound; the others have one to three things wrong. */
export function randomDisk(random: Random): RandomDisk {
  const disk = draft(random);
  const wrongs = random.chance(0.33) ? 0 : random.int(1, 3);
  for (let wrong = 0; wrong < wrongs; wrong++) {
    // What a first damage has cut off, a second cannot touch.
    if (disk.bytes.length <= disk.backupLba * disk.sectorSize) break;
    random.pick(DAMAGES)(disk, random);
  }
  return { bytes: disk.bytes, sectorSize: disk.sectorSize, story: disk.story };
}
