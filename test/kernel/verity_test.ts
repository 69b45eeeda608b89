import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import {
  closeSync,
  openSync,
  readFileSync,
  readSync,
  statSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import type { BlockReader } from "../../src/host/host.ts";
import {
  fileSystemSize,
  FLATCAR_HASH_OFFSET,
  parseVeritySuperblock,
  verifyPairing,
} from "../../src/kernel/verity.ts";
import { memoryBlock } from "../support/memory_host.ts";
import { withTempFolder } from "../support/temp_folder.ts";

const hasProgram = (name: string): boolean => spawnSync(name, ["--version"]).error === undefined;
const hasVerity = hasProgram("veritysetup");
const MIB = 1 << 20;

/** The file as a disk; sparse images are too large to be read whole. */
function fileBlock(path: string): BlockReader {
  return {
    path,
    sectorSize: 512,
    size: statSync(path).size,
    read(offset, length) {
      const bytes = new Uint8Array(length);
      const fd = openSync(path, "r");
      readSync(fd, bytes, 0, length, offset);
      closeSync(fd);
      return { ok: true, value: bytes };
    },
  };
}

/** veritysetup's root hash for a file whose data ends at `dataSize`. */
function formatVerity(path: string, dataSize: number, ...options: readonly string[]): string {
  const done = spawnSync("veritysetup", [
    "format",
    `--hash-offset=${dataSize}`,
    `--data-blocks=${dataSize / 4096}`,
    ...options,
    path,
    path,
  ], { encoding: "utf8" });
  const hash = /Root hash:\s+([0-9a-f]{64})/.exec(done.stdout)?.[1];
  assert.ok(hash !== undefined, done.stderr);
  return hash;
}

/** Flip one bit of a byte. */
function damage(path: string, offset: number): void {
  const fd = openSync(path, "r+");
  const byte = new Uint8Array(1);
  readSync(fd, byte, 0, 1, offset);
  byte[0] = (byte[0] ?? 0) ^ 1;
  writeSync(fd, byte, 0, 1, offset);
  closeSync(fd);
}

/** A known file system of the size given, at the start of a longer file. */
function makeExt4(path: string, size: number): void {
  writeFileSync(path, "");
  truncateSync(path, size);
  const done = spawnSync("mke2fs", ["-q", "-F", "-t", "ext4", "-b", "4096", path], { encoding: "utf8" });
  assert.equal(done.status, 0, done.stderr);
  truncateSync(path, size * 2);
}

const name = (sentence: string): string =>
  hasVerity ? sentence : `${sentence} (skipped: veritysetup of cryptsetup-bin is not installed)`;

test(name("the root hash is veritysetup's, and one flipped bit of the top block or the salt is found"), {
  skip: !hasVerity,
}, () => {
  withTempFolder((folder) => {
    const path = join(folder, "usr");
    const size = 8 * MIB;
    makeExt4(path, size);
    const hash = formatVerity(path, size);
    const range = { offset: 0, length: size * 2 };
    assert.deepEqual(verifyPairing(fileBlock(path), range, hash), {
      ok: true,
      rootHash: hash,
      hashOffset: size,
      dataSize: size,
    });
    const other = "0".repeat(64);
    const foreign = verifyPairing(fileBlock(path), range, other, "USR-B");
    assert.ok(!foreign.ok);
    assert.equal(
      foreign.message,
      "The kernel and /usr do not belong together: the kernel expects verity root hash " +
        `${other}, but the tree at byte ${size} of USR-B has ${hash}`,
    );
    for (const offset of [size + 4096, size + 8191, size + 88]) {
      damage(path, offset);
      assert.equal(verifyPairing(fileBlock(path), range, hash).ok, false);
      damage(path, offset);
    }
    assert.ok(verifyPairing(fileBlock(path), range, hash).ok);
    damage(path, size);
    const gone = verifyPairing(fileBlock(path), range, hash, "USR-A");
    assert.ok(!gone.ok);
    assert.match(
      gone.message,
      /USR-A has no verity superblock at byte 1065345024 nor behind its file system/,
    );
  });
});

test(
  name("trees of every shape agree with veritysetup: one level, two, a single block, old hash type, no salt"),
  {
    skip: !hasVerity,
  },
  () => {
    withTempFolder((folder) => {
      for (
        const [blocks, ...options] of [
          [1],
          [2],
          [128],
          [129],
          [300, "--format=0"],
          [300, "--salt=-"],
          [300, "--salt=" + "ab".repeat(256)],
          [300, "--hash-block-size=1024"],
        ] as const
      ) {
        const path = join(folder, `tree-${blocks}-${options.join("")}`.slice(0, 60));
        const size = blocks * 4096;
        const data = new Uint8Array(size).fill(7);
        // squashfs's magic and size, so that the end of the data is known
        data.set(new TextEncoder().encode("hsqs"));
        new DataView(data.buffer).setBigUint64(40, BigInt(size - 100), true);
        writeFileSync(path, data);
        const hash = formatVerity(path, size, ...options);
        const bytes = new Uint8Array(readFileSync(path));
        // on a disk of its own, not at its start
        const disk = new Uint8Array(bytes.length + 512 + MIB);
        disk.set(bytes, 512);
        const result = verifyPairing(
          memoryBlock("disk", disk),
          { offset: 512, length: bytes.length },
          hash,
        );
        assert.ok(result.ok, `${blocks} ${options}: ${result.ok ? "" : result.message}`);
      }
    });
  },
);

test(name("on a partition of Flatcar's size the superblock is where Flatcar's build puts it"), {
  skip: !hasVerity,
}, () => {
  withTempFolder((folder) => {
    const path = join(folder, "usr");
    writeFileSync(path, "");
    truncateSync(path, 1 << 30);
    // A tree over 16 blocks at Flatcar's place: the sizes come from the superblock, not from the constant.
    const done = spawnSync("veritysetup", [
      "format",
      `--hash-offset=${FLATCAR_HASH_OFFSET}`,
      "--data-blocks=16",
      path,
      path,
    ], { encoding: "utf8" });
    const hash = /Root hash:\s+([0-9a-f]{64})/.exec(done.stdout)?.[1] ?? "";
    const result = verifyPairing(fileBlock(path), { offset: 0, length: 1 << 30 }, hash);
    assert.ok(result.ok);
    assert.equal(result.hashOffset, FLATCAR_HASH_OFFSET);
    assert.equal(result.dataSize, 16 * 4096);
  });
});

test("sizes of file systems are what their own tools made", () => {
  withTempFolder((folder) => {
    const read = (path: string): (offset: number, length: number) => ReturnType<BlockReader["read"]> => {
      const block = fileBlock(path);
      return (offset, length) => block.read(offset, length);
    };
    const ext = join(folder, "ext");
    makeExt4(ext, 12 * MIB);
    assert.equal(fileSystemSize(read(ext)), 12 * MIB);
    if (hasProgram("mkfs.btrfs")) {
      const btrfs = join(folder, "btrfs");
      writeFileSync(btrfs, "");
      truncateSync(btrfs, 128 * MIB);
      assert.equal(spawnSync("mkfs.btrfs", ["-q", "--mixed", btrfs]).status, 0);
      assert.equal(fileSystemSize(read(btrfs)), 128 * MIB);
    }
    // The upper half of the number of blocks counts only with the feature 64bit.
    const huge = new Uint8Array(8192);
    const view = new DataView(huge.buffer);
    view.setUint16(1024 + 0x38, 0xef53, true);
    view.setUint32(1024 + 4, 1, true);
    view.setUint32(1024 + 24, 2, true);
    view.setUint32(1024 + 0x150, 1, true);
    const hugeBlock = memoryBlock("huge", huge);
    assert.equal(fileSystemSize((offset, length) => hugeBlock.read(offset, length)), 4096);
    view.setUint32(1024 + 0x60, 0x80, true);
    assert.equal(fileSystemSize((offset, length) => hugeBlock.read(offset, length)), (2 ** 32 + 1) * 4096);
    const none = join(folder, "none");
    writeFileSync(none, new Uint8Array(MIB));
    assert.equal(fileSystemSize(read(none)), null);
  });
});

test("damaged superblocks are told by what is wrong with them", () => {
  const superblock = (edit: (view: DataView) => void): Uint8Array => {
    const bytes = new Uint8Array(512);
    bytes.set(new TextEncoder().encode("verity\0\0"));
    const view = new DataView(bytes.buffer);
    view.setUint32(8, 1, true);
    view.setUint32(12, 1, true);
    view.setUint32(64, 4096, true);
    view.setUint32(68, 4096, true);
    edit(view);
    return bytes;
  };
  assert.equal(typeof parseVeritySuperblock(superblock(() => {})), "object");
  const cases: readonly (readonly [(view: DataView) => void, RegExp])[] = [
    [(view) => view.setUint8(0, 0), /has no verity superblock/],
    [(view) => view.setUint32(8, 2, true), /of version 2, expected 1/],
    [(view) => view.setUint32(12, 9, true), /hash type 9, expected 0 or 1/],
    [(view) => view.setUint32(64, 0, true), /block size 0, expected a power of two/],
    [(view) => view.setUint32(68, 4097, true), /block size 4097/],
    [(view) => view.setUint16(80, 257, true), /salt of 257 bytes/],
  ];
  for (const size of [512, 1 << 19]) {
    assert.equal(
      typeof parseVeritySuperblock(superblock((view) => view.setUint32(68, size, true))),
      "object",
    );
  }
  assert.match(
    String(parseVeritySuperblock(superblock((view) => view.setUint32(68, 1 << 20, true)))),
    /block size/,
  );
  assert.match(
    String(parseVeritySuperblock(superblock((view) => view.setUint32(68, 256, true)))),
    /block size/,
  );
  for (const [edit, message] of cases) assert.match(String(parseVeritySuperblock(superblock(edit))), message);
});

test("a partition that is too short, or a tree that claims more than there is, is refused with the numbers", () => {
  const bytes = new Uint8Array(64 * 1024);
  const short = verifyPairing(
    memoryBlock("disk", bytes),
    { offset: 0, length: bytes.length },
    "a".repeat(64),
    "USR-A",
  );
  assert.ok(!short.ok);
  assert.match(
    short.message,
    /USR-A ends at byte 65536, before byte 1065345536; and it begins with no known file system/,
  );
  bytes.set(new TextEncoder().encode("hsqs"));
  const view = new DataView(bytes.buffer);
  view.setBigUint64(40, 8192n, true);
  bytes.set(new TextEncoder().encode("verity\0\0"), 8192);
  view.setUint32(8192 + 8, 1, true);
  view.setUint32(8192 + 12, 1, true);
  bytes.set(new TextEncoder().encode("sha256"), 8192 + 32);
  view.setUint32(8192 + 64, 4096, true);
  view.setUint32(8192 + 68, 4096, true);
  view.setBigUint64(8192 + 72, 3n, true);
  const pairing = (): string => {
    const result = verifyPairing(
      memoryBlock("disk", bytes),
      { offset: 0, length: bytes.length },
      "a".repeat(64),
    );
    return result.ok ? "" : result.message;
  };
  assert.match(pairing(), /covers 3 blocks of 4096 bytes, which do not fit before it/);
  view.setBigUint64(8192 + 72, 2n, true);
  assert.match(pairing(), /expects verity root hash aaaa/);
  bytes.set(new TextEncoder().encode("sha512"), 8192 + 32);
  assert.match(pairing(), /names the algorithm "sha512", expected sha256/);
});
