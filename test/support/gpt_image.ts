/**
 * Disk images with a GPT, made for tests without any of src/gpt, so that neither can hide the other's mistakes.
 *
 * @module
 */
import { crc32 } from "node:zlib";

export const USR_TYPE = "5dfbf5f4-2848-4bac-aa5e-0d9a20b745a6";
export const ESP_TYPE = "c12a7328-f81f-11d2-ba4b-00a0c93ec93b";
export const BIOS_TYPE = "21686148-6449-6e6f-744e-656564454649";
export const DATA_TYPE = "0fc63daf-8483-4772-8e79-3d69d8477de4";
export const USR_A = "7130c94a-213a-4e5a-8e26-6cce9662f132";
export const USR_B = "e03dd35c-7c2d-4a47-b3fe-27f15780a57c";

export interface ImageEntry {
  /** Partition number, from 1. */
  readonly number: number;
  readonly type: string;
  readonly uuid: string;
  /** Logical sectors, both part of the partition. */
  readonly first: number | bigint;
  readonly last: number | bigint;
  readonly attributes?: bigint;
  readonly name?: string;
}

export interface ImageLayout {
  readonly sectorSize?: number;
  /** Logical sectors of the whole image. */
  readonly sectors: number;
  readonly entries: readonly ImageEntry[];
  readonly diskGuid?: string;
  readonly entrySize?: number;
  readonly entryCount?: number;
  readonly headerSize?: number;
  /** Sector of the backup header; the last one unless told. */
  readonly backupLba?: number;
  /** Sector of the primary table; 2 unless told. */
  readonly tableLba?: number;
}

/** Attribute bits of a slot's counters. */
export function counters(priority: number, tries: number, successful: boolean | 0 | 1): bigint {
  return (BigInt(priority) << 48n) | (BigInt(tries) << 52n) | (successful ? 1n << 56n : 0n);
}

/** The 16 stored bytes of a GUID. */
export function guidBytes(text: string): Buffer {
  const [a = "", b = "", c = "", d = "", e = ""] = text.split("-");
  const little = (hex: string): Buffer => Buffer.from(hex, "hex").reverse();
  return Buffer.concat([little(a), little(b), little(c), Buffer.from(d + e, "hex")]);
}

/** CRC a header's first 92 bytes anew, after a test has changed some of them. */
export function sealHeader(image: Uint8Array, offset: number): void {
  const header = Buffer.from(image.buffer, image.byteOffset + offset, 92);
  header.writeUInt32LE(0, 16);
  header.writeUInt32LE(crc32(header), 16);
}

/** Bytes at their place on a disk. */
export interface Piece {
  /** Bytes from the start of the disk. */
  readonly offset: number;
  readonly bytes: Uint8Array;
}

/** All of a disk that is not zero: protective MBR and both copies of the GPT. */
export function gptPieces(layout: ImageLayout): readonly Piece[] {
  const sectorSize = layout.sectorSize ?? 512;
  const entrySize = layout.entrySize ?? 128;
  const entryCount = layout.entryCount ?? 128;
  const tableLba = layout.tableLba ?? 2;
  const backupLba = layout.backupLba ?? layout.sectors - 1;
  const tableSectors = Math.ceil((entrySize * entryCount) / sectorSize);

  const mbr = Buffer.alloc(512);
  mbr[446 + 4] = 0xee;
  mbr.writeUInt32LE(1, 446 + 8);
  mbr.writeUInt32LE(Math.min(layout.sectors - 1, 0xffffffff), 446 + 12);
  mbr.writeUInt16LE(0xaa55, 510);

  const table = Buffer.alloc(entrySize * entryCount);
  for (const entry of layout.entries) {
    const at = (entry.number - 1) * entrySize;
    guidBytes(entry.type).copy(table, at);
    guidBytes(entry.uuid).copy(table, at + 16);
    table.writeBigUInt64LE(BigInt(entry.first), at + 32);
    table.writeBigUInt64LE(BigInt(entry.last), at + 40);
    table.writeBigUInt64LE(entry.attributes ?? 0n, at + 48);
    Buffer.from((entry.name ?? "").slice(0, 36), "utf16le").copy(table, at + 56);
  }

  const header = (my: number, alternate: number, entriesLba: number): Uint8Array => {
    const bytes = Buffer.alloc(sectorSize);
    bytes.write("EFI PART", 0, "latin1");
    bytes.writeUInt32LE(0x10000, 8);
    bytes.writeUInt32LE(layout.headerSize ?? 92, 12);
    bytes.writeBigUInt64LE(BigInt(my), 24);
    bytes.writeBigUInt64LE(BigInt(alternate), 32);
    bytes.writeBigUInt64LE(BigInt(tableLba + tableSectors), 40);
    bytes.writeBigUInt64LE(BigInt(backupLba - tableSectors - 1), 48);
    guidBytes(layout.diskGuid ?? "00000000-0000-0000-0000-000000000001").copy(bytes, 56);
    bytes.writeBigUInt64LE(BigInt(entriesLba), 72);
    bytes.writeUInt32LE(entryCount, 80);
    bytes.writeUInt32LE(entrySize, 84);
    bytes.writeUInt32LE(crc32(table), 88);
    sealHeader(bytes, 0);
    return bytes;
  };
  const backupTable = backupLba - tableSectors;
  return [
    { offset: 0, bytes: mbr },
    { offset: sectorSize, bytes: header(1, backupLba, tableLba) },
    { offset: tableLba * sectorSize, bytes: table },
    { offset: backupTable * sectorSize, bytes: table },
    { offset: backupLba * sectorSize, bytes: header(backupLba, 1, backupTable) },
  ];
}

/** A whole disk image: protective MBR, both copies of the GPT, and zeros. */
export function gptImage(layout: ImageLayout): Uint8Array {
  const image = new Uint8Array(layout.sectors * (layout.sectorSize ?? 512));
  for (const { offset, bytes } of gptPieces(layout)) image.set(bytes, offset);
  return image;
}

/** Counters of a slot: priority, tries, successful. */
export type Counters = readonly [priority: number, tries: number, successful: 0 | 1];

export interface SlotImage {
  readonly a: Counters;
  readonly b: Counters;
  readonly sectorSize?: 512 | 4096;
  readonly sectors?: number;
  readonly entrySize?: number;
  readonly entryCount?: number;
  readonly headerSize?: number;
  readonly backupLba?: number;
  readonly tableLba?: number;
}

/** A small disk with Flatcar's partition numbers, types, GUIDs and names: ESP, BIOS-BOOT, USR-A, USR-B, OEM, ROOT. */
export function flatcarImage(slots: SlotImage): Uint8Array {
  const sectorSize = slots.sectorSize ?? 512;
  const { a: _a, b: _b, ...geometry } = slots;
  const first = (slots.tableLba ?? 2) +
    Math.ceil(((slots.entrySize ?? 128) * (slots.entryCount ?? 128)) / sectorSize);
  const at = (index: number): { first: number; last: number } => ({
    first: first + 2 * index,
    last: first + 2 * index + 1,
  });
  const uuid = (number: number): string => `0000000${number}-1111-4222-8333-444444444444`;
  return gptImage({
    ...geometry,
    sectorSize,
    sectors: slots.sectors ?? 2 * first + 16,
    entries: [
      { number: 1, type: ESP_TYPE, uuid: uuid(1), ...at(0), name: "EFI-SYSTEM" },
      { number: 2, type: BIOS_TYPE, uuid: uuid(2), ...at(1), attributes: 4n, name: "BIOS-BOOT" },
      { number: 3, type: USR_TYPE, uuid: USR_A, ...at(2), attributes: counters(...slots.a), name: "USR-A" },
      { number: 4, type: USR_TYPE, uuid: USR_B, ...at(3), attributes: counters(...slots.b), name: "USR-B" },
      { number: 6, type: DATA_TYPE, uuid: uuid(6), ...at(4), name: "OEM" },
      {
        number: 9,
        type: "3884dd41-8582-4404-b9a8-e9b84f2df50e",
        uuid: uuid(9),
        ...at(5),
        name: "ROOT",
      },
    ],
  });
}
