import assert from "node:assert/strict";
import { test } from "node:test";
import { findBootDisk } from "../../src/host/boot_disk.ts";
import { checkMounts } from "../../src/host/mount_check.ts";
import { flatcarSysfs, USR_A, USR_B } from "../support/flatcar_sysfs.ts";
import { memoryHost } from "../support/memory_host.ts";

for (const disk of ["sda", "nvme0n1", "xvda"]) {
  test(`the boot disk is found under an overlay, btrfs and verity: ${disk}`, () => {
    assert.deepEqual(findBootDisk(memoryHost(flatcarSysfs(disk))), {
      ok: true,
      disk: { path: `/dev/${disk}`, name: disk, running: { partition: 3, partuuid: USR_A } },
    });
  });
}

test("a /usr directly on a partition, by device number, needs no device mapper", () => {
  const made = flatcarSysfs();
  const host = memoryHost({
    ...made,
    files: {
      ...made.files,
      "/proc/cmdline": `mount.usr=PARTUUID=${USR_B.toUpperCase()}`,
      "/proc/self/mountinfo": "23 22 259:4 / /usr ro - ext2 /dev/root ro\n",
    },
  });
  const result = findBootDisk(host);
  assert.ok(result.ok);
  assert.deepEqual(result.disk.running, { partition: 4, partuuid: USR_B });
});

test("a command line that names another /usr than the mounted one is not trusted", () => {
  const made = flatcarSysfs();
  const result = findBootDisk(
    memoryHost({ ...made, files: { ...made.files, "/proc/cmdline": `verity.usr=PARTUUID=${USR_B}` } }),
  );
  assert.ok(!result.ok);
  assert.equal(result.id, "not-flatcar");
  assert.match(result.message, new RegExp(`/usr is on nvme0n1p3 .*${USR_A}.* names ${USR_B}`));
});

test("of several verity.usr= on the command line the last counts, as for the initrd", () => {
  const made = flatcarSysfs();
  const cmdline = `verity.usr=PARTUUID=${USR_B} verity.usr=PARTUUID=${USR_A}`;
  assert.ok(findBootDisk(memoryHost({ ...made, files: { ...made.files, "/proc/cmdline": cmdline } })).ok);
});

test("systems that do not run from a disk's /usr partition are not Flatcar hosts, and the reason is told", () => {
  const pxe = findBootDisk(memoryHost({ files: { "/usr/.noupdate": "" } }));
  assert.ok(!pxe.ok);
  assert.match(pxe.message, /\/usr\/\.noupdate exists, so this system runs from memory/);
  const debian = findBootDisk(
    memoryHost({
      files: { "/proc/self/mountinfo": "1 0 8:1 / / rw - ext4 /dev/sda1 rw\n", "/proc/cmdline": "quiet" },
    }),
  );
  assert.ok(!debian.ok);
  assert.equal(debian.id, "not-flatcar");
  assert.match(debian.message, /\/usr is not a mount of its own/);
  const memory = findBootDisk(
    memoryHost({ files: { "/proc/self/mountinfo": "1 0 0:9 / /usr ro - squashfs tmpfs ro\n" } }),
  );
  assert.ok(!memory.ok);
  assert.match(memory.message, /\/usr is not on a partition of a disk/);
});

test("a UUID that several disks have does not tell the disk, without /usr in the mount table", () => {
  const first = flatcarSysfs("sda");
  const second = flatcarSysfs("sdb");
  const files = { ...first.files, ...second.files, "/proc/self/mountinfo": "" };
  const result = findBootDisk(memoryHost({ files, links: { ...first.links, ...second.links } }));
  assert.ok(!result.ok);
  assert.equal(result.id, "disk-unreadable");
  const only = findBootDisk(memoryHost({ ...first, files: { ...first.files, "/proc/self/mountinfo": "" } }));
  assert.ok(only.ok);
  assert.equal(only.disk.path, "/dev/sda");
});

test("a disk that the user names is taken; its slot runs only if /usr really is on it", () => {
  const made = flatcarSysfs("sda");
  const running = { partition: 3, partuuid: USR_A };
  const at = (diskOverride: string): unknown => findBootDisk(memoryHost({ ...made, diskOverride }));
  assert.deepEqual(at("/dev/sda"), { ok: true, disk: { path: "/dev/sda", name: null, running } });
  // A second installation has the very same partition UUIDs.
  assert.deepEqual(at("/dev/sdb"), { ok: true, disk: { path: "/dev/sdb", name: null, running: null } });
  assert.deepEqual(at("disk.img"), { ok: true, disk: { path: "disk.img", name: null, running } });
  const tree = memoryHost({
    diskOverride: "disk.img",
    files: { "/proc/cmdline": `verity.usr=PARTUUID=${USR_B}\n` },
  });
  assert.deepEqual(findBootDisk(tree), {
    ok: true,
    disk: { path: "disk.img", name: null, running: { partition: null, partuuid: USR_B } },
  });
});

test("mounts of the boot disk pass; another disk's OEM partition is a problem with its name", () => {
  const made = flatcarSysfs("sda");
  const disk = findBootDisk(memoryHost(made));
  assert.ok(disk.ok);
  const good = checkMounts(memoryHost(made), disk.disk);
  assert.equal(good.boot?.name, "sda1");
  assert.equal(good.oem?.name, "sda6");
  assert.deepEqual(good.problems, []);
  const second = flatcarSysfs("sdb");
  const both = memoryHost({
    files: { ...second.files, ...made.files },
    links: { ...second.links, ...made.links },
  });
  assert.deepEqual(checkMounts(both, disk.disk).problems, [
    "there is a partition named OEM on another disk than sda: sdb6; GRUB may read its grub.cfg",
  ]);
  const swapped = memoryHost({
    files: {
      ...second.files,
      ...made.files,
      "/proc/self/mountinfo":
        "1 0 0:1 / /oem rw - btrfs /dev/sdb6 rw\n1 0 0:1 / /boot rw - vfat /dev/sdb1 rw\n",
    },
    links: { ...second.links, ...made.links },
  });
  const problems = checkMounts(swapped, disk.disk).problems;
  assert.equal(problems[0], "/boot is mounted from sdb1, but the boot disk is sda");
  assert.equal(problems[1], "/oem is mounted from sdb6, but the boot disk is sda");
});

test("two partitions of a name on the boot disk are a problem with their names", () => {
  const made = flatcarSysfs("sda");
  const disk = findBootDisk(memoryHost(made));
  assert.ok(disk.ok);
  const renamed = (name: string, label: string) => {
    const path = `/sys/devices/pci0000:00/0000:00:03.0/block/sda/${name}/uevent`;
    const text = made.files[path];
    assert.ok(typeof text === "string");
    return memoryHost({
      ...made,
      files: { ...made.files, [path]: text.replace(/PARTNAME=.*/, `PARTNAME=${label}`) },
    });
  };
  assert.deepEqual(checkMounts(renamed("sda9", "OEM"), disk.disk).problems, [
    "more than one partition of sda is named OEM: sda6, sda9; GRUB may read any",
  ]);
  assert.deepEqual(checkMounts(renamed("sda9", "EFI-SYSTEM"), disk.disk).problems, [
    "more than one partition of sda is named EFI-SYSTEM: sda1, sda9; GRUB may read any",
  ]);
});

test("a tree without sysfs's links serves as well: folders stand for devices", () => {
  const folder = "/sys/class/block";
  const tree = (disk: string, partition: string): ReturnType<typeof findBootDisk> =>
    findBootDisk(memoryHost({
      files: {
        "/proc/self/mountinfo": "23 22 8:3 / /usr ro - ext4 /dev/root ro\n",
        "/sys/dev/block/8:3/uevent": `DEVNAME=${partition}\n`,
        [`${folder}/${disk}/uevent`]: `DEVNAME=${disk}\n`,
        [`${folder}/${partition}/uevent`]:
          `DEVNAME=${partition}\nPARTN=3\nPARTUUID=${USR_A}\nPARTNAME=USR-A\n`,
      },
    }));
  for (
    const [disk, partition] of [["sda", "sda3"], ["nvme0n1", "nvme0n1p3"], ["mmcblk0", "mmcblk0p3"]] as const
  ) {
    assert.deepEqual(tree(disk, partition), {
      ok: true,
      disk: { path: `/dev/${disk}`, name: disk, running: { partition: 3, partuuid: USR_A } },
    });
  }
  const lost = tree("sdb", "sda3");
  assert.ok(!lost.ok);
  assert.equal(lost.id, "disk-unreadable");
  assert.match(lost.message, /sda3 does not lead to a whole disk/);
});

test("layers are followed down to eight, as rootdev does, and no further", () => {
  const made = flatcarSysfs("sda");
  const stacked = (count: number): ReturnType<typeof findBootDisk> => {
    const layers = Array.from({ length: count }, (_, index) => index + 1);
    const links = Object.fromEntries(
      layers.map((layer) => [
        `/sys/class/block/dm-${layer}/slaves/${layer === count ? "sda3" : `dm-${layer + 1}`}`,
        "x",
      ]),
    );
    const files = {
      ...made.files,
      "/proc/self/mountinfo": "1 0 0:9 / /usr ro - btrfs /dev/dm-1 ro\n",
      "/proc/cmdline": "x",
    };
    return findBootDisk(memoryHost({ files, links: { ...made.links, ...links } }));
  };
  assert.ok(stacked(8).ok);
  assert.equal(stacked(9).ok, false);
});

test("a kernel that reports no partition UUIDs leaves the command line's word", () => {
  const made = flatcarSysfs("sda");
  const files = Object.fromEntries(
    Object.entries(made.files).map(([path, content]) => [
      path,
      typeof content === "string" ? content.replace(/^PARTUUID=.*\n/m, "") : content,
    ]),
  );
  const result = findBootDisk(memoryHost({ ...made, files }));
  assert.ok(result.ok);
  assert.deepEqual(result.disk.running, { partition: 3, partuuid: USR_A });
});

test("loop devices, memory disks and the like are no partitions, whatever they say", () => {
  const made = flatcarSysfs("sda");
  const disk = findBootDisk(memoryHost(made));
  assert.ok(disk.ok);
  const odd = Object.fromEntries(
    ["loop7", "zram0", "dm-3", "md127"].map((name) => [
      `/sys/class/block/${name}/uevent`,
      `DEVNAME=${name}\nPARTN=1\nPARTNAME=OEM\n`,
    ]),
  );
  const host = memoryHost({ ...made, files: { ...made.files, ...odd } });
  assert.deepEqual(checkMounts(host, disk.disk).problems, []);
  // A disk that the user named is compared with nothing.
  const facts = checkMounts(host, { path: "disk.img", name: null, running: null });
  assert.deepEqual(facts, { boot: null, oem: null, oemPartitions: [], problems: [] });
});
