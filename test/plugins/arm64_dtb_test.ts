import assert from "node:assert/strict";
import { describe, it } from "node:test";
import arm64Dtb from "../../plugins/arm64-dtb.ts";
import { armFacts, ask, draftOf, factsOf, said } from "../support/plugin_hosts.ts";

const SEED = "/proc/device-tree/chosen/kaslr-seed";
const RPI4 = "Raspberry Pi 4 Model B Rev 1.4";
/** The least that is a tree: `dtc -I dts -O dtb <<< '/dts-v1/; / { };'`. */
const TREE = Uint8Array.from(
  Buffer.from(
    "d00dfeed00000048000000380000004800000028000000110000001000000000000000000000001000000000000000000000000000000000" +
      "00000001000000000000000200000009",
    "hex",
  ),
);
const board = { "/oem/board.dtb": TREE };
const dtb = (value: unknown) => ({ options: { "arm64-dtb": { dtb: value } } });

describe("arm64-dtb", () => {
  it("has nothing to do with x86", () => {
    assert.deepEqual(ask(arm64Dtb, { facts: factsOf() }).reports, []);
  });

  it("leaves an ACPI server with the tree that its EFI stub wrote, without a word", () => {
    const facts = factsOf(armFacts());
    const outcome = ask(arm64Dtb, { facts, files: { [SEED]: "\0".repeat(8) } });
    assert.equal(outcome.deviceTree, null);
    assert.deepEqual(outcome.findings, []);
    assert.equal(outcome.reports[0]?.name, "arm64-dtb");
  });

  it("names the board whose running tree is handed on", () => {
    const facts = factsOf(armFacts({ acpi: false, model: "Firefly RK3399" }));
    const draft = draftOf(facts, { append: "acpi=off" });
    assert.deepEqual(said(ask(arm64Dtb, { facts, draft })), [
      "info plugin-note Firefly RK3399 is described by a device tree; the next kernel is handed the running one, " +
      "with its overlays",
    ]);
  });

  it("warns on a Raspberry Pi 4, and where acpi=force would leave it without a tree", () => {
    const facts = factsOf(armFacts({ acpi: false, model: RPI4 }));
    const lines = said(ask(arm64Dtb, { facts }));
    assert.equal(lines.length, 3);
    assert.match(lines[1] ?? "", /^warn plugin-note This boot uses no ACPI, and GRUB passes acpi=force/);
    assert.match(lines[2] ?? "", /^warn plugin-note Kexec on a Raspberry Pi 4/);
  });

  it("hands on the tree of the configuration by kexec_load", () => {
    const facts = factsOf(armFacts({ acpi: false, model: RPI4 }));
    const outcome = ask(arm64Dtb, { facts, files: board, config: dtb("/oem/board.dtb") });
    assert.equal(outcome.deviceTree, "/oem/board.dtb");
    assert.equal(outcome.reports[0]?.deviceTree, "/oem/board.dtb");
    assert.match(said(outcome)[0] ?? "", /handed \/oem\/board.dtb$/);
  });

  it("refuses where kexec_file_load would ignore the tree of the configuration", () => {
    const facts = factsOf(armFacts());
    const draft = draftOf(facts, { syscall: "file" });
    const outcome = ask(arm64Dtb, { facts, draft, config: dtb("/oem/board.dtb") });
    assert.equal(outcome.deviceTree, null);
    assert.match(said(outcome).join("\n"), /^refuse plugin-veto .*kexec_file_load would ignore it/);
  });

  it("refuses a running tree whose kaslr-seed was not wiped, since kexec-tools does", () => {
    const facts = factsOf(armFacts());
    const files = { [SEED]: "\u0001\u0002\0\0\0\0\0\0" };
    const outcome = ask(arm64Dtb, { facts, files });
    assert.match(said(outcome).join("\n"), /^refuse plugin-veto .*kaslr-seed/);
    assert.match(outcome.findings[0]?.hint ?? "", /\bnokaslr\b/);
    assert.deepEqual(
      ask(arm64Dtb, { facts, files: { ...files, ...board }, config: dtb("/oem/board.dtb") }).findings,
      [],
    );
  });

  it("warns where the next boot is told to do without the ACPI that this one uses", () => {
    const facts = factsOf(armFacts());
    const draft = draftOf(facts, { append: "acpi=off" });
    assert.match(said(ask(arm64Dtb, { facts, draft })).join("\n"), /^warn plugin-note This boot uses ACPI/);
  });

  it("warns where the running tree is not to be had", () => {
    const facts = factsOf(armFacts({ deviceTree: false }));
    assert.match(
      said(ask(arm64Dtb, { facts })).join("\n"),
      /^warn plugin-note \/sys\/firmware\/fdt is not there/,
    );
  });

  it("refuses a relative path in the configuration", () => {
    const facts = factsOf(armFacts());
    const outcome = ask(arm64Dtb, { facts, config: dtb("board.dtb") });
    assert.match(
      outcome.findings[0]?.message ?? "",
      /expected an absolute path or "running", found "board.dtb"/,
    );
  });
});
