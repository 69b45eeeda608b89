/**
 * Flattened device trees of QEMU's arm64 board that say where they came from.
 *
 * @module
 */
import { createHash } from "node:crypto";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { cached, run } from "../support/debian.ts";
import { ARM64_BOARD } from "./board.ts";

/** Property of the root node with the tree's name. */
export const TREE_PROPERTY = "flatcar-kexec,tree";

/**
 * Path of QEMU's own tree with a name in it.
 *
 * @param seeds Whether it keeps the random numbers for the kernel, which kexec-tools refuses in a tree from a file.
 */
export function namedTree(name: string, seeds: "with seeds" | "without seeds"): string {
  const machine = ARM64_BOARD.machine.map((word) => word === "virt" ? "virt,dumpdtb=" : word);
  const digest = createHash("sha256").update([...machine, name, seeds].join(" ")).digest("hex").slice(0, 8);
  const folder = cached(`device-tree/${name}-${digest}`, (fresh) => {
    const dump = join(fresh, "dump.dtb");
    run(ARM64_BOARD.qemu, [
      ...machine.map((word) => word === "virt,dumpdtb=" ? `${word}${dump}` : word),
      "-nodefaults",
      "-nographic",
    ]);
    const source = run("dtc", ["-q", "-I", "dtb", "-O", "dts", dump])
      .split("\n")
      .filter((line) => seeds === "with seeds" || !/^\s*(kaslr|rng)-seed = /.test(line))
      .join("\n")
      .replace("/ {", `/ {\n${TREE_PROPERTY} = "${name}";`);
    writeFileSync(join(fresh, "tree.dts"), source);
    run("dtc", ["-q", "-I", "dts", "-O", "dtb", "-o", join(fresh, "tree.dtb"), join(fresh, "tree.dts")]);
  });
  return join(folder, "tree.dtb");
}
