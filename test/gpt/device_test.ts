import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { chmodSync, mkdtempSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { test } from "node:test";
import { openDisk, withDisk } from "../../src/gpt/block_device.ts";
import { readGpt, requireGpt, tableDigest } from "../../src/gpt/read.ts";
import { nextSlot } from "../../src/gpt/select.ts";
import { giveTryBack, spendTry } from "../../src/gpt/writer.ts";
import { KexecError } from "../../src/lib/errors.ts";
import { findProgram } from "../support/debian.ts";
import { flatcarImage, USR_B } from "../support/gpt_image.ts";
import { noLoopDevices, withLoopDevice } from "../support/loop_device.ts";
import { withTempFolder } from "../support/temp_folder.ts";
import { lacking, testUnless } from "../support/test_needing.ts";
import { modelApply, modelNext } from "./model.ts";
import { diskOf } from "./outcome.ts";

const PENDING = { a: [1, 0, 1], b: [2, 1, 0] } as const;

function afterGrub(image: Uint8Array, sectorSize: number): Buffer {
  const disk = diskOf(image, sectorSize);
  const bytes = modelApply(disk, modelNext(disk).writes);
  assert.ok(bytes);
  return Buffer.from(bytes);
}

function spendOn(path: string, sectorSize?: 512 | 4096): void {
  withDisk(path, sectorSize === undefined ? {} : { sectorSize }, (disk) => {
    const gpt = requireGpt(readGpt(disk), disk.path);
    const slot = nextSlot(gpt);
    assert.ok(slot);
    spendTry(disk, { slot, tableDigest: tableDigest(gpt) });
  });
}

function withImage(image: Uint8Array, use: (path: string) => void): void {
  withTempFolder((folder) => {
    const path = join(folder, "disk.img");
    writeFileSync(path, image);
    use(path);
  });
}

function failure(action: () => unknown): KexecError {
  try {
    action();
  } catch (error) {
    assert.ok(error instanceof KexecError, String(error));
    return error;
  }
  throw new assert.AssertionError({ message: "nothing was thrown" });
}

for (const sectorSize of [512, 4096] as const) {
  test(`a try is taken from an image file with ${sectorSize}-byte sectors, and given back`, () => {
    const image = flatcarImage({ ...PENDING, sectorSize });
    withImage(image, (path) => {
      spendOn(path, sectorSize);
      assert.deepEqual(readFileSync(path), afterGrub(image, sectorSize));
      withDisk(path, { sectorSize }, (disk) => giveTryBack(disk, USR_B));
      assert.deepEqual(readFileSync(path), Buffer.from(image));
    });
  });
}

test("a link to a disk is followed", () => {
  const image = flatcarImage(PENDING);
  withImage(image, (path) => {
    symlinkSync(path, `${path}.link`);
    spendOn(`${path}.link`);
    assert.deepEqual(readFileSync(path), afterGrub(image, 512));
  });
});

test("while somebody else holds the lock nothing is written, and the message says so", () => {
  const image = flatcarImage(PENDING);
  withImage(image, (path) => {
    const holder = openDisk(path);
    const error = failure(() => openDisk(path, { lockSeconds: 0 }));
    assert.equal(error.code, "lock-held");
    assert.match(error.message, /^Cannot write to .*disk\.img: somebody else has locked it/);
    holder.close();
    assert.deepEqual(readFileSync(path), Buffer.from(image));
    openDisk(path, { lockSeconds: 0 }).close();
  });
});

test("flock(1), as udev's own lock, is kept away while a disk is open and let in afterwards", () => {
  const flock = findProgram("flock");
  assert.ok(flock, "flock(1) of util-linux is needed, also by the tool itself");
  withImage(flatcarImage(PENDING), (path) => {
    const tryLock = (kind: string): number | null =>
      spawnSync(flock, [kind, "--nonblock", path, "true"]).status;
    const disk = openDisk(path);
    assert.deepEqual([tryLock("--shared"), tryLock("--exclusive")], [1, 1]);
    disk.close();
    assert.deepEqual([tryLock("--shared"), tryLock("--exclusive")], [0, 0]);
  });
});

test("a lock that is let go in time is waited for", async () => {
  const flock = findProgram("flock");
  assert.ok(flock);
  const folder = mkdtempSync(join(tmpdir(), "flatcar-kexec-"));
  try {
    const path = join(folder, "disk.img");
    writeFileSync(path, flatcarImage(PENDING));
    const holder = spawn(flock, ["--exclusive", path, "sh", "-c", "echo held; sleep 0.3"], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    const closed = new Promise((resolve) => holder.once("close", resolve));
    await new Promise((resolve) => holder.stdout.once("data", resolve));
    assert.equal(failure(() => openDisk(path, { lockSeconds: 0 })).code, "lock-held");
    openDisk(path, { lockSeconds: 5 }).close();
    await closed;
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test("an image that is cut short loses its backup: the disk is refused and left alone", () => {
  const image = flatcarImage(PENDING).slice(0, -4 * 512);
  withImage(image, (path) => {
    const error = failure(() => spendOn(path));
    assert.equal(error.code, "gpt-invalid");
    assert.match(error.message, /beyond the end of the disk/);
    assert.deepEqual(readFileSync(path), Buffer.from(image));
  });
});

test("an empty file, a text file and a folder each get a sentence", () => {
  withTempFolder((folder) => {
    const empty = join(folder, "empty");
    writeFileSync(empty, "");
    assert.match(
      failure(() => spendOn(empty)).message,
      /^Cannot read the partition table of .*empty: primary GPT: /,
    );
    const text = join(folder, "text");
    writeFileSync(text, "not a disk\n".repeat(1000));
    assert.match(failure(() => spendOn(text)).message, /invalid GPT signature/);
    assert.equal(failure(() => openDisk(folder)).code, "disk-unreadable");
    assert.match(failure(() => openDisk(join(folder, "none"))).message, /there is no such file/);
    assert.match(failure(() => openDisk("/dev/null")).message, /neither a block device nor an image file/);
  });
});

testUnless(
  process.getuid?.() === 0 ? "root may write to any file" : null,
  "a file without write permission is not opened",
  () => {
    withImage(flatcarImage(PENDING), (path) => {
      chmodSync(path, 0o444);
      assert.equal(failure(() => openDisk(path)).code, "needs-root");
    });
  },
);

test("a disk only writes whole sectors within its size", () => {
  const image = flatcarImage(PENDING);
  withImage(image, (path) => {
    withDisk(path, {}, (disk) => {
      for (const [offset, length] of [[1, 512], [512, 100], [image.length, 512], [-512, 512]] as const) {
        assert.throws(() => disk.write(offset, new Uint8Array(length)), KexecError);
      }
      assert.equal(disk.read(image.length - 511, 512).ok, false);
    });
    assert.equal(statSync(path).size, image.length);
    assert.deepEqual(readFileSync(path), Buffer.from(image));
  });
});

const noLoops = noLoopDevices();

for (const sectorSize of [512, 4096] as const) {
  testUnless(
    noLoops,
    `a block device with ${sectorSize}-byte sectors knows its sectors and size by itself`,
    () => {
      const image = flatcarImage({ ...PENDING, sectorSize, sectors: 128 });
      withLoopDevice(image, { sectorSize }, (device) => {
        withDisk(device, { sectorSize: sectorSize === 512 ? 4096 : 512 }, (disk) => {
          assert.deepEqual([disk.sectorSize, disk.size], [sectorSize, image.length]);
        });
      });
    },
  );

  testUnless(
    noLoops,
    `a try is taken from a block device with ${sectorSize}-byte sectors, and given back`,
    () => {
      const image = flatcarImage({ ...PENDING, sectorSize, sectors: 128 });
      withLoopDevice(image, { sectorSize }, (device, file) => {
        spendOn(device);
        assert.deepEqual(readFileSync(file), afterGrub(image, sectorSize));
        withDisk(device, {}, (disk) => giveTryBack(disk, USR_B));
        assert.deepEqual(readFileSync(file), Buffer.from(image));
      });
    },
  );

  testUnless(
    noLoops,
    `a lost primary header is written again on a block device with ${sectorSize}-byte sectors`,
    () => {
      const image = flatcarImage({ ...PENDING, sectorSize, sectors: 128 });
      image.fill(0, sectorSize, 2 * sectorSize);
      withLoopDevice(image, { sectorSize }, (device, file) => {
        spendOn(device);
        assert.deepEqual(readFileSync(file), afterGrub(image, sectorSize));
      });
    },
  );
}

testUnless(noLoops, "a write-protected block device is refused and left alone", () => {
  const image = flatcarImage({ ...PENDING, sectors: 128 });
  withLoopDevice(image, { readOnly: true }, (device, file) => {
    const error = failure(() => spendOn(device));
    assert.ok(["needs-root", "write-failed"].includes(error.code), error.code);
    assert.match(error.message, /read-only|not permitted/);
    assert.deepEqual(readFileSync(file), Buffer.from(image));
  });
});

testUnless(noLoops, "a table for 512-byte sectors on a block device of 4096-byte sectors is refused", () => {
  const image = flatcarImage({ ...PENDING, sectors: 256 });
  withLoopDevice(image, { sectorSize: 4096 }, (device, file) => {
    assert.equal(failure(() => spendOn(device)).code, "gpt-invalid");
    assert.deepEqual(readFileSync(file), Buffer.from(image));
  });
});

testUnless(noLoops ?? lacking(["flock"]), "a block device that somebody else has locked is refused", () => {
  withLoopDevice(flatcarImage({ ...PENDING, sectors: 128 }), {}, (device) => {
    const holder = openDisk(device);
    assert.equal(failure(() => openDisk(device, { lockSeconds: 0 })).code, "lock-held");
    holder.close();
  });
});
