import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { describe, it } from "node:test";
import fc from "fast-check";
import { KexecError } from "../../src/lib/errors.ts";
import { checkDeviceTree } from "../../src/plugin/device_tree.ts";
import { memoryHost } from "../support/memory_host.ts";
import { armFacts, draftOf, factsOf } from "../support/plugin_hosts.ts";
import { lacking, testUnless } from "../support/test_needing.ts";

/** What dtc makes of this tree, but with `SEED` for the kaslr-seed of /chosen. */
const BLOB = (seed: string) =>
  Uint8Array.from(Buffer.from(
    "d00dfeed0000010700000038000000e40000002800000011000000100000000000000023000000ac00000000000000000000000000000000" +
      "000000010000000000000003000000050000000061636d6500000000000000016d656d6f7279403000000000000000030000001000" +
      "00000b00000000000000000000000000000001000000020000000163686f73656e000000000003000000020000000f7800000000000003" +
      `0000000800000018${seed}000000020000000161667465720000000000000300000008000000180000000900000009000000020000` +
      "000200000009636f6d70617469626c650072656700626f6f7461726773006b61736c722d7365656400",
    "hex",
  ));
const SOURCE = `/dts-v1/; / { compatible = "acme"; memory@0 { reg = <0 0 0 1>; };
  chosen { bootargs = "x"; kaslr-seed = <1 2>; }; after { kaslr-seed = <9 9>; }; };`;
const SEEDED = BLOB("0000000100000002");
const WIPED = BLOB("0000000000000000");

const facts = factsOf(armFacts());
const check = (tree: Uint8Array, draft = draftOf(facts)) =>
  checkDeviceTree(memoryHost({ files: { "/oem/a.dtb": tree } }), "/oem/a.dtb", draft);

describe("checkDeviceTree()", () => {
  it("takes a tree whose seed is wiped, whatever other nodes have", () => check(WIPED));

  it("refuses a tree with a seed, which kexec-tools would not load", () => {
    assert.throws(
      () => check(SEEDED),
      /Cannot hand on the device tree \/oem\/a.dtb: .*kaslr-seed that is not zero/,
    );
  });

  it("refuses what is no tree, or part of one", () => {
    assert.throws(() => check(new TextEncoder().encode(SOURCE)), /does not begin with d00dfeed/);
    assert.throws(() => check(new Uint8Array()), /does not begin with d00dfeed/);
    assert.throws(() => check(WIPED.slice(0, 200)), /cut off: 200 of 263 bytes/);
  });

  it("refuses where it would be ignored", () => {
    assert.throws(() => check(WIPED, draftOf(facts, { syscall: "file" })), /kexec_file_load ignores it/);
    assert.throws(() => check(WIPED, draftOf(factsOf())), /only arm64 kernels are given one/);
  });

  it("refuses a file that is not there", () => {
    assert.throws(() => checkDeviceTree(memoryHost(), "/oem/a.dtb", draftOf(facts)), /no such file/);
  });

  it("says what is wrong with a damaged tree, whatever the damage", () => {
    fc.assert(
      fc.property(fc.nat(WIPED.length - 1), fc.nat(255), (place, value) => {
        const damaged = Uint8Array.from(WIPED);
        damaged[place] = value;
        try {
          check(damaged);
        } catch (error) {
          assert.ok(error instanceof KexecError, String(error));
          assert.equal(error.code, "plugin-failed");
        }
      }),
      { seed: 7, numRuns: 400 },
    );
  });

  testUnless(lacking(["dtc"]), "has the trees that dtc makes", () => {
    for (const [source, blob] of [[SOURCE, SEEDED], [SOURCE.replace("<1 2>", "<0 0>"), WIPED]] as const) {
      const dtc = spawnSync("dtc", ["-q", "-I", "dts", "-O", "dtb"], { input: source });
      assert.deepEqual(Uint8Array.from(dtc.stdout), blob);
    }
  });
});
