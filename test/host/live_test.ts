import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { chmodSync, mkdirSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import type { Failure, Observed } from "../../src/host/host.ts";
import { createHost } from "../../src/host/live.ts";
import { noLoopDevices, withLoopDevice } from "../support/loop_device.ts";
import { withTempFolder, writeTree } from "../support/temp_folder.ts";

const text = (bytes: Observed<Uint8Array>): string => {
  assert.ok(bytes.ok, bytes.ok ? "" : bytes.failure.message);
  return new TextDecoder().decode(bytes.value);
};

const failure = <T>(observed: Observed<T>): Failure => {
  assert.equal(observed.ok, false);
  assert.ok(!observed.ok);
  return observed.failure;
};

test("the live host reads files of procfs, whose size is not known beforehand", () => {
  const host = createHost();
  assert.match(text(host.read("/proc/self/mountinfo")), / \/proc /);
  const status = host.status("/proc/self/mountinfo");
  assert.ok(status.ok && status.value.kind === "file" && status.value.size === 0);
});

test("a tree host answers from its tree, with /boot and /oem possibly elsewhere", () => {
  withTempFolder((folder) => {
    writeTree(folder, {
      "root/proc/cmdline": "a=b\n",
      "root/boot/flatcar/x": "wrong",
      "esp/flatcar/x": "right",
      "oem/grub.cfg": "set oem_id=qemu",
    });
    const host = createHost({
      root: join(folder, "root"),
      boot: join(folder, "esp"),
      oem: join(folder, "oem"),
      arch: "aarch64",
    });
    assert.equal(host.arch, "aarch64");
    assert.equal(text(host.read("/proc/cmdline")), "a=b\n");
    assert.equal(text(host.read("/boot/flatcar/x")), "right");
    assert.equal(text(host.read("/oem/grub.cfg")), "set oem_id=qemu");
    assert.deepEqual(host.list("/boot"), { ok: true, value: ["flatcar"] });
  });
});

test("links of a tree lead nowhere but into the tree", () => {
  withTempFolder((folder) => {
    writeTree(folder, {
      "secret": "outside",
      "root/etc/real": "inside",
      "root/absolute": { link: "/etc/real" },
      "root/climbing": { link: "../../../../../../etc/real" },
      "root/folder": { link: "/etc" },
      "root/outside": { link: "../secret" },
      "root/passwd": { link: "/etc/passwd" },
      "root/loop": { link: "loop" },
      "root/etc/inner": { link: "real" },
      "root/chain0": "end of the chain",
      ...Object.fromEntries(
        Array.from({ length: 41 }, (_, index) => [`root/chain${index + 1}`, { link: `chain${index}` }]),
      ),
    });
    const host = createHost({ root: join(folder, "root") });
    assert.equal(text(host.read("/absolute")), "inside");
    assert.equal(text(host.read("/climbing")), "inside");
    assert.equal(text(host.read("/folder/real")), "inside");
    assert.equal(text(host.read("/../../etc/real")), "inside");
    assert.equal(failure(host.read("/outside")).kind, "missing");
    assert.equal(failure(host.read("/passwd")).kind, "missing");
    assert.match(failure(host.read("/loop")).message, /^\/loop: too many levels of symbolic links$/);
    assert.deepEqual(host.link("/absolute"), { ok: true, value: "/etc/real" });
    // Links on the way are followed, the last one is not.
    assert.deepEqual(host.link("/folder/inner"), { ok: true, value: "real" });
    assert.deepEqual(host.link("/folder/./inner/"), { ok: true, value: "real" });
    assert.equal(text(host.read("/chain40")), "end of the chain");
    assert.match(failure(host.read("/chain41")).message, /too many levels/);
  });
});

test("failures name the host's path, never the real one, and say why", () => {
  withTempFolder((folder) => {
    writeTree(folder, { "a/file": "x", "a/big": "0123456789" });
    mkdirSync(join(folder, "a/dir"));
    spawnSync("mkfifo", [join(folder, "a/fifo")]);
    const host = createHost({ root: join(folder, "a") });
    assert.deepEqual(failure(host.read("/none")), {
      kind: "missing",
      message: "/none: no such file or directory",
    });
    assert.equal(failure(host.read("/file/under")).kind, "missing");
    assert.deepEqual(failure(host.read("/dir")), {
      kind: "wrong-type",
      message: "/dir: is a directory, not a file",
    });
    assert.deepEqual(failure(host.read("/fifo")), {
      kind: "wrong-type",
      message: "/fifo: is not a regular file",
    });
    assert.deepEqual(failure(host.read("/big", 9)), {
      kind: "too-large",
      message: "/big: is 10 bytes, at most 9 are read",
    });
    assert.equal(failure(host.block("/dir")).kind, "wrong-type");
    assert.equal(failure(host.link("/file")).kind, "wrong-type");
    assert.equal(failure(host.list("/file")).kind, "missing");
    assert.equal(text(host.read("/big", 10)), "0123456789");
    // A tree stands for another machine: nothing of this one is run for it.
    assert.deepEqual(failure(host.command(["sh", "-c", "true"])), {
      kind: "missing",
      message: "sh: programs are not run for a directory tree",
    });
  });
});

test("a file that may not be read gives a permission failure that tells to run as root", () => {
  withTempFolder((folder) => {
    writeFileSync(join(folder, "closed"), "x");
    chmodSync(join(folder, "closed"), 0);
    chmodSync(folder, 0o755);
    const isRoot = process.geteuid?.() === 0;
    const host = createHost({ root: folder });
    // Root may read everything.
    if (isRoot) process.seteuid?.(65534);
    try {
      assert.deepEqual(failure(host.read("/closed")), {
        kind: "permission",
        message: "/closed: permission denied; run as root",
      });
    } finally {
      if (isRoot) process.seteuid?.(0);
    }
  });
});

test("a file of any length is read whole, and the limit holds where the length is not known", () => {
  withTempFolder((folder) => {
    for (const length of [0, 1, 65535, 65536, 65537, 200_000]) {
      const bytes = new Uint8Array(length).map((_, index) => index % 251);
      writeFileSync(join(folder, "f"), bytes);
      const read = createHost({ root: folder }).read("/f");
      assert.ok(read.ok);
      assert.deepEqual(read.value, bytes);
    }
  });
  const host = createHost();
  const whole = text(host.read("/proc/self/status"));
  assert.match(
    failure(host.read("/proc/self/status", 10)).message,
    /has more than the 10 bytes that are read/,
  );
  assert.ok(host.read("/proc/self/status", whole.length + 100).ok);
});

test("names in a directory come in the order of their code units", () => {
  withTempFolder((folder) => {
    writeTree(folder, { "b": "", "a": "", "B": "", "ä": "", "a1": "" });
    assert.deepEqual(createHost({ root: folder }).list("/"), { ok: true, value: ["B", "a", "a1", "b", "ä"] });
  });
});

test("ranges, statuses and digests agree with what the files hold", () => {
  withTempFolder((folder) => {
    writeTree(folder, { "f": "hello world" });
    const host = createHost({ root: folder });
    assert.equal(text(host.readRange("/f", 6, 5)), "world");
    assert.equal(text(host.readRange("/f", 6, 500)), "world");
    assert.equal(text(host.readRange("/f", 600, 5)), "");
    // coreutils' sha256sum as the oracle
    const sum = spawnSync("sha256sum", [join(folder, "f")], { encoding: "utf8" }).stdout.split(" ")[0];
    assert.deepEqual(host.digest("/f"), { ok: true, value: sum });
    const status = host.status("/f");
    assert.ok(status.ok);
    assert.equal(status.value.size, 11);
    const device = spawnSync("stat", ["-c", "%Hd:%Ld", join(folder, "f")], { encoding: "utf8" }).stdout
      .trim();
    assert.equal(status.value.device, device);
  });
});

test("a disk image has the sector size that it is given, and reads exactly what is asked", () => {
  withTempFolder((folder) => {
    const image = join(folder, "disk.img");
    writeFileSync(image, "start");
    truncateSync(image, 1 << 20);
    const host = createHost({ root: folder, disk: image, sectorSize: 4096 });
    const block = host.block(image);
    assert.ok(block.ok);
    assert.equal(block.value.sectorSize, 4096);
    assert.equal(block.value.size, 1 << 20);
    assert.equal(text(block.value.read(0, 5)), "start");
    assert.equal(failure(block.value.read(1 << 20, 1)).kind, "io");
    assert.ok(block.value.read((1 << 20) - 1, 1).ok);
    assert.match(
      failure(block.value.read(1 << 20, 1)).message,
      /bytes 1048576 to 1048577 are wanted, but it ends at/,
    );
    assert.equal(failure(block.value.read(-1, 1)).kind, "io");
    assert.equal(failure(block.value.read(0.5, 1)).kind, "io");
    assert.equal(failure(block.value.read(5, -1)).kind, "io");
    truncateSync(image, 100);
    assert.match(failure(block.value.read(90, 20)).message, /only 10 of 20 bytes could be read at byte 90/);
    assert.equal(failure(host.block("/absent.img")).kind, "missing");
  });
});

const noLoop = noLoopDevices();

test(
  noLoop === null
    ? "a block device tells its own size and sector size, whatever is said of image files"
    : `a block device tells its own sector size (skipped: ${noLoop})`,
  { skip: noLoop !== null },
  () => {
    const image = new Uint8Array(1 << 20);
    image.set(new TextEncoder().encode("start"));
    for (const sectorSize of [512, 4096] as const) {
      withLoopDevice(image, { sectorSize }, (device) => {
        const block = createHost({ sectorSize: 512 }).block(device);
        assert.ok(block.ok);
        assert.equal(block.value.size, 1 << 20);
        assert.equal(block.value.sectorSize, sectorSize);
        assert.equal(text(block.value.read(0, 5)), "start");
        assert.ok(block.value.read((1 << 20) - 1, 1).ok);
        assert.equal(failure(createHost().read(device)).message, `${device}: is not a regular file`);
      });
    }
  },
);

test("a command's status and output come back; an absent program is missing", () => {
  const host = createHost();
  const outcome = host.command(["sh", "-c", "echo out; echo err >&2; echo $LC_ALL $PATH; exit 3"]);
  assert.deepEqual(outcome, {
    ok: true,
    value: { status: 3, stdout: "out\nC /usr/sbin:/usr/bin:/sbin:/bin\n", stderr: "err\n" },
  });
  assert.deepEqual(failure(host.command(["no-such-program"])), {
    kind: "missing",
    message: "no-such-program: no such program",
  });
});
