/**
 * A reader that forgives nothing: the rules of UEFI 2.10 §5.3 and of cgpt's and sgdisk's checks. It looks at each
 * copy by itself and says what is wrong with it. Shares no code with src/gpt.
 *
 * @module
 */
import { crc32 } from "node:zlib";

function copyFaults(disk: Uint8Array, sectorSize: number, lba: number): string[] {
  const sectors = Math.floor(disk.length / sectorSize);
  const header = Buffer.from(disk.slice(lba * sectorSize, (lba + 1) * sectorSize));
  if (header.length < 92) return ["header not on the disk"];
  if (header.toString("latin1", 0, 8) !== "EFI PART") return ["signature"];
  const faults: string[] = [];
  if (header.readUInt32LE(8) !== 0x10000) faults.push("revision");
  const size = header.readUInt32LE(12);
  if (size < 92 || size > sectorSize) return [...faults, "header size"];
  const crc = header.readUInt32LE(16);
  const clear = Buffer.from(header.subarray(0, size));
  clear.writeUInt32LE(0, 16);
  if (crc32(clear) !== crc) faults.push("header CRC");
  if (header.readUInt32LE(20) !== 0) faults.push("reserved field");
  const number = (at: number): number => Number(header.readBigUInt64LE(at));
  const [my, alternate, first, last, table] = [number(24), number(32), number(40), number(48), number(72)];
  const [count, stride] = [header.readUInt32LE(80), header.readUInt32LE(84)];
  if (my !== lba) faults.push("my LBA");
  if (alternate === lba || alternate >= sectors || (lba !== 1 && alternate !== 1)) {
    faults.push("alternate LBA");
  }
  if (stride < 128 || (stride & (stride - 1)) !== 0 || count * stride < 16384) {
    return [...faults, "entry size or count"];
  }
  if (count * stride > 1 << 20) return [...faults, "absurdly many entries"];
  const bytes = Buffer.from(disk.slice(table * sectorSize, table * sectorSize + count * stride));
  if (bytes.length !== count * stride) return [...faults, "table not on the disk"];
  if (crc32(bytes) !== header.readUInt32LE(88)) faults.push("table CRC");
  const end = table + Math.ceil(bytes.length / sectorSize);
  const inFront = table >= 2 && end <= first;
  const behind = table > last && end <= sectors && (lba < table || lba >= end);
  if (!(lba === 1 ? inFront : behind)) faults.push("table's place");
  if (first > last || last >= sectors) faults.push("usable sectors");

  const seen: { from: number; to: number; guid: string }[] = [];
  for (let at = 0; at < bytes.length; at += stride) {
    if (bytes.subarray(at, at + 16).every((byte) => byte === 0)) continue;
    const from = Number(bytes.readBigUInt64LE(at + 32));
    const to = Number(bytes.readBigUInt64LE(at + 40));
    const guid = bytes.toString("hex", at + 16, at + 32);
    if (from > to || from < first || to > last) faults.push(`entry ${at / stride + 1} out of range`);
    if (seen.some((other) => other.guid === guid)) faults.push(`entry ${at / stride + 1} repeats a GUID`);
    if (seen.some((other) => from <= other.to && to >= other.from)) {
      faults.push(`entry ${at / stride + 1} overlaps`);
    }
    seen.push({ from, to, guid });
  }
  return faults;
}

/** What is wrong with each copy; both empty for a perfect disk whose two copies also agree. */
export function strictFaults(
  disk: Uint8Array,
  sectorSize: number,
): { readonly primary: readonly string[]; readonly backup: readonly string[] } {
  const primary = copyFaults(disk, sectorSize, 1);
  const sectors = Math.floor(disk.length / sectorSize);
  // UEFI: the alternate LBA counts while the header that names it is whole, whatever its table is like.
  const headerWhole = primary.every((fault) => fault === "table CRC" || fault.startsWith("entry "));
  const pointed = Number(
    new DataView(disk.buffer, disk.byteOffset).getBigUint64(sectorSize + 32, true),
  );
  return { primary, backup: copyFaults(disk, sectorSize, headerWhole ? pointed : sectors - 1) };
}
