/**
 * Whether a kernel and a /usr partition belong together: the root hash that the kernel carries against the
 * dm-verity tree behind the partition's file system (kernel Documentation/admin-guide/device-mapper/verity.rst;
 * the superblock is cryptsetup's, Wiki page "DMVerity").
 *
 * Only the top of the tree is looked at: it proves which /usr this is, not that every block of it is whole,
 * which dm-verity itself checks as the blocks are read.
 *
 * @module
 */
import { createHash } from "node:crypto";
import type { BlockReader, Observed } from "../host/host.ts";
import { cString, hasText, u16, u32, u64 } from "../lib/bytes.ts";

/** Bytes of a partition on its disk. */
export interface ByteRange {
  readonly offset: number;
  readonly length: number;
}

export type PairingResult =
  | {
    readonly ok: true;
    readonly rootHash: string;
    /** Byte in the partition at which the superblock is. */
    readonly hashOffset: number;
    /** Bytes of /usr that the tree covers. */
    readonly dataSize: number;
  }
  | { readonly ok: false; readonly id: "pairing-mismatch"; readonly message: string; readonly hint: string };

export interface VeritySuperblock {
  /** 1: salt before data; 0: after, as Chrome OS had it. */
  readonly hashType: 0 | 1;
  readonly algorithm: string;
  /** Bytes. */
  readonly dataBlockSize: number;
  readonly hashBlockSize: number;
  /** Number of data blocks. */
  readonly dataBlocks: number;
  readonly salt: Uint8Array;
}

/** Where Flatcar's build puts the superblock, and where its initrd looks for it without reading anything else. */
export const FLATCAR_HASH_OFFSET = 1065345024;

const SUPERBLOCK_SIZE = 512;
const HINT =
  "take an ordinary reboot: GRUB falls back to the other slot if this one does not come up; update-engine can install it again";

/** The superblock in the bytes given, or what is wrong with it as the end of a sentence. */
export function parseVeritySuperblock(bytes: Uint8Array): VeritySuperblock | string {
  if (bytes.length < SUPERBLOCK_SIZE || !hasText(bytes, 0, "verity\0\0")) return "has no verity superblock";
  const version = u32(bytes, 8);
  if (version !== 1) return `has a verity superblock of version ${version}, expected 1`;
  const hashType = u32(bytes, 12);
  if (hashType !== 0 && hashType !== 1) return `has verity hash type ${hashType}, expected 0 or 1`;
  const dataBlockSize = u32(bytes, 64);
  const hashBlockSize = u32(bytes, 68);
  for (const size of [dataBlockSize, hashBlockSize]) {
    if (size < 512 || size > 1 << 19 || (size & (size - 1)) !== 0) {
      return `has verity block size ${size}, expected a power of two from 512 to 524288`;
    }
  }
  const saltSize = u16(bytes, 80);
  if (saltSize > 256) return `has a verity salt of ${saltSize} bytes, expected at most 256`;
  return {
    hashType,
    algorithm: cString(bytes, 32, 32),
    dataBlockSize,
    hashBlockSize,
    dataBlocks: u64(bytes, 72),
    salt: bytes.slice(88, 88 + saltSize),
  };
}

/** Byte after the superblock at `hashOffset` where the tree begins, its top block first. */
function treeOffset(hashOffset: number, hashBlockSize: number): number {
  return Math.ceil((hashOffset + SUPERBLOCK_SIZE) / hashBlockSize) * hashBlockSize;
}

/** Size of the file system at the start of a partition by its own superblock, or null if it is none known. */
export function fileSystemSize(
  read: (offset: number, length: number) => Observed<Uint8Array>,
): number | null {
  const start = read(0, 4096);
  if (!start.ok) return null;
  if (hasText(start.value, 0, "hsqs")) return Math.ceil(u64(start.value, 40) / 4096) * 4096;
  if (u16(start.value, 1024 + 0x38) === 0xef53) {
    const has64Bit = (u32(start.value, 1024 + 0x60) & 0x80) !== 0;
    const blocks = u32(start.value, 1024 + 4) + (has64Bit ? u32(start.value, 1024 + 0x150) * 2 ** 32 : 0);
    return blocks * 2 ** (10 + (u32(start.value, 1024 + 24) & 31));
  }
  const btrfs = read(65536, 4096);
  if (btrfs.ok && hasText(btrfs.value, 64, "_BHRfS_M")) return u64(btrfs.value, 112);
  return null;
}

type TreeResult = PairingResult | {
  readonly ok: false;
  readonly id: "no-superblock";
  readonly reason: string;
};

function checkTree(
  read: (offset: number, length: number) => Observed<Uint8Array>,
  hashOffset: number,
  usrhash: string,
  label: string,
): TreeResult {
  const mismatch = (message: string): TreeResult => ({
    ok: false,
    id: "pairing-mismatch",
    message,
    hint: HINT,
  });
  const bytes = read(hashOffset, SUPERBLOCK_SIZE);
  if (!bytes.ok) return { ok: false, id: "no-superblock", reason: bytes.failure.message };
  const superblock = parseVeritySuperblock(bytes.value);
  if (typeof superblock === "string") return { ok: false, id: "no-superblock", reason: superblock };
  const { algorithm, dataBlocks, dataBlockSize, hashBlockSize, hashType, salt } = superblock;
  const where = `the verity superblock at byte ${hashOffset} of ${label}`;
  if (algorithm !== "sha256") {
    return mismatch(
      `Cannot compare the kernel with /usr: ${where} names the algorithm "${algorithm}", expected sha256`,
    );
  }
  const dataSize = dataBlocks * dataBlockSize;
  if (dataBlocks === 0 || dataSize > hashOffset) {
    return mismatch(
      `Cannot compare the kernel with /usr: ${where} covers ${dataBlocks} blocks of ${dataBlockSize} bytes, ` +
        "which do not fit before it",
    );
  }
  // A single data block needs no tree: its own hash is the root hash.
  const top = dataBlocks === 1
    ? read(0, dataBlockSize)
    : read(treeOffset(hashOffset, hashBlockSize), hashBlockSize);
  if (!top.ok) return mismatch(`Cannot read the top of the verity tree: ${top.failure.message}`);
  const hash = createHash("sha256");
  if (hashType === 1) hash.update(salt).update(top.value);
  else hash.update(top.value).update(salt);
  const rootHash = hash.digest("hex");
  if (rootHash === usrhash) return { ok: true, rootHash, hashOffset, dataSize };
  return mismatch(
    `The kernel and /usr do not belong together: the kernel expects verity root hash ${usrhash}, ` +
      `but the tree at byte ${hashOffset} of ${label} has ${rootHash}`,
  );
}

/**
 * Compare a kernel's hash with the /usr partition of its slot.
 *
 * @param partition Where the partition is on `block`.
 * @param usrhash 64 lower-case hex digits, from the kernel.
 * @param label How to name the partition in messages: `USR-B`.
 */
export function verifyPairing(
  block: BlockReader,
  partition: ByteRange,
  usrhash: string,
  label = "the partition",
): PairingResult {
  const read = (offset: number, length: number): Observed<Uint8Array> =>
    offset + length <= partition.length ? block.read(partition.offset + offset, length) : {
      ok: false,
      failure: {
        kind: "io",
        message: `${label} ends at byte ${partition.length}, before byte ${offset + length}`,
      },
    };
  // First where Flatcar's initrd itself will look; then where the file system ends, for images of another size.
  const first = checkTree(read, FLATCAR_HASH_OFFSET, usrhash, label);
  if (first.ok) return first;
  const size = fileSystemSize(read);
  if (size !== null && size !== FLATCAR_HASH_OFFSET && size < partition.length) {
    const second = checkTree(read, size, usrhash, label);
    if (second.ok || first.id === "no-superblock" && second.id === "pairing-mismatch") return second;
  }
  if (first.id === "pairing-mismatch") return first;
  const found = size === null
    ? "and it begins with no known file system"
    : `and its file system is ${size} bytes`;
  return {
    ok: false,
    id: "pairing-mismatch",
    message:
      `Cannot compare the kernel with /usr: ${label} has no verity superblock at byte ${FLATCAR_HASH_OFFSET} ` +
      `nor behind its file system (${first.reason}; ${found})`,
    hint: HINT,
  };
}
