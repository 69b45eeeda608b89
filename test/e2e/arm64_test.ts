import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { copyFileSync, existsSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { binaryFor, hostArch } from "../../tasks/bun.ts";
import { missingPrograms } from "../support/debian.ts";
import { writeSampleHost } from "../support/sample_host.ts";
import { withTempFolder } from "../support/temp_folder.ts";
import { loadedPlanOf, refusing } from "./answers.ts";
import { ARM64_BOARD } from "./board.ts";
import { namedTree, TREE_PROPERTY } from "./device_tree.ts";
import { guestPrograms } from "./usr_image.ts";
import { whyNoMachine, withMachine } from "./vm.ts";

const PLUGIN = `export default {
  name: "board",
  apiVersion: 1,
  description: "hands on the tree that its vendor ships",
  matches: ({ host }: { host: { arch: string } }) => host.arch === "aarch64",
  hooks: { deviceTree: () => "/oem/board.dtb" },
};
`;

/** Flatcar's arm64 kernels carry their initial RAM disk; Debian's are given one as an administrator would. */
const CONFIG = `[kexec]
program = "/usr/sbin/kexec"
initrds = ["/e2e/initrd.cpio"]
# The digests that kexec-tools checks before the jump take 15 seconds in an emulated machine.
options = ["--no-checks"]
[plugins]
time-limit = 60000
`;

const LOOK =
  `tr -d '\\0' </proc/device-tree/${TREE_PROPERTY} >/run/out/tree; od -An -v -t x1 /proc/device-tree/chosen/kaslr-seed >/run/out/seed`;

const INSTALL = `mount -o remount,rw /oem
mkdir -p /oem/flatcar-kexec/plugins
cp /e2e/board.ts /oem/flatcar-kexec/plugins/
cp /e2e/board.dtb /oem/
mount -o remount,ro /oem`;

const NAME = "an arm64 machine kexecs with the running device tree, and with the one that a plugin names";
const NO_MACHINE = whyNoMachine(ARM64_BOARD) ??
  (missingPrograms(["dtc"]).length > 0 ? "needs dtc" : null);
test(NO_MACHINE === null ? NAME : `${NAME} (${NO_MACHINE})`, { skip: NO_MACHINE !== null }, async () => {
  await withMachine({
    board: ARM64_BOARD,
    counters: { a: [1, 0, 1], b: [0, 0, 0] },
    limit: 600,
    qemu: ["-dtb", namedTree("firmware", "with seeds")],
    root: (tree) => {
      mkdirSync(join(tree, "etc/flatcar-kexec"), { recursive: true });
      writeFileSync(join(tree, "etc/flatcar-kexec/config.toml"), CONFIG);
      writeFileSync(join(tree, "e2e/board.ts"), PLUGIN);
      copyFileSync(namedTree("plugin", "without seeds"), join(tree, "e2e/board.dtb"));
    },
    // "load" tells the plan as well. Where every second is ten, nothing is planned twice.
    boots: [
      `${LOOK}; keep load flatcar-kexec load --json; systemctl kexec`,
      `${LOOK}; ${INSTALL}; keep load flatcar-kexec load --json; systemctl kexec`,
      `${LOOK}; off`,
    ],
  }, async (machine) => {
    await machine.powerOn();
    const first = machine.boot(1);
    assert.equal(first.file("tree"), "firmware");
    const plan = loadedPlanOf(first.file("load.out"));
    assert.deepEqual(refusing(plan), [], first.file("load.out"));
    assert.equal(plan.slot?.label, "USR-A");
    assert.equal(plan.deviceTree, null);

    const second = machine.boot(2);
    assert.notEqual(second.bootId, first.bootId);
    assert.equal(second.cmdline, plan.cmdline);
    // kexec-tools took it from /sys/firmware/fdt, and gave it a seed that the kernel has used and wiped.
    assert.equal(second.file("tree"), "firmware");
    assert.match(second.file("seed"), /^( 00){8}\n$/);

    const handed = loadedPlanOf(second.file("load.out"));
    assert.deepEqual(refusing(handed), [], second.file("load.out"));
    assert.equal(handed.deviceTree, "/oem/board.dtb");
    const third = machine.boot(3);
    assert.notEqual(third.bootId, second.bootId);
    assert.equal(third.cmdline, handed.cmdline);
    assert.equal(third.file("tree"), "plugin");
    assert.equal(machine.cycles.length, 1);
  });
});

/** Why the arm64 binary cannot be run on this machine's own kernel, or null. */
function whyNotEmulated(): string | null {
  if (!existsSync(binaryFor("aarch64"))) return "needs the built binary: deno task build";
  const missing = missingPrograms(["qemu-aarch64"]);
  if (missing.length > 0) return `needs ${missing.join(", ")}`;
  if (hostArch() !== "x86_64") return "needs an x86_64 machine";
  try {
    guestPrograms(ARM64_BOARD);
    return null;
  } catch {
    return "needs packages of Debian";
  }
}

const NOT_EMULATED = whyNotEmulated();
for (const command of ["plan", "slots"]) {
  const name =
    `the aarch64 binary knows what it is, and answers ${command} as the x86_64 one does for an arm64 host`;
  test(NOT_EMULATED === null ? name : `${name} (${NOT_EMULATED})`, { skip: NOT_EMULATED !== null }, () => {
    withTempFolder((folder) => {
      const host = writeSampleHost(folder, { arch: "aarch64" });
      const args = [command, "--json", "--root", host.root];
      const ours = spawnSync(binaryFor("x86_64"), [...args, "--arch", "aarch64"], {
        encoding: "utf8",
        env: {},
      });
      const arm = spawnSync(
        "qemu-aarch64",
        ["-L", guestPrograms(ARM64_BOARD), binaryFor("aarch64"), ...args],
        { encoding: "utf8" },
      );
      assert.equal(arm.stderr, "");
      assert.equal(arm.status, 0);
      assert.equal(arm.stdout, ours.stdout);
      assert.notEqual(arm.stdout, "");
    });
  });
}
