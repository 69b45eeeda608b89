import assert from "node:assert/strict";
import { describe, it } from "node:test";
import plugin from "../../plugins/gce.ts";
import { ask, changes, draftOf, factsOf, said } from "../support/plugin_hosts.ts";

const facts = factsOf({ oem: { id: "gce", release: {} }, virtualization: "google" });

describe("gce", () => {
  it("leaves Flatcar's own file as GRUB has it, without a word", () => {
    const draft = draftOf(facts, { console: "console=ttyS0,115200n8" });
    const outcome = ask(plugin, { facts, draft });
    assert.deepEqual(changes(draft, outcome), []);
    assert.deepEqual(outcome.findings, []);
  });

  it("misses the console of serial port 1", () => {
    const draft = draftOf(facts, { console: "console=tty0" });
    assert.deepEqual(said(ask(plugin, { facts, draft })), [
      "warn plugin-note Serial port 1 shows ttyS0, and the kernel's messages go to tty0: a kexec that hangs leaves " +
      "nothing to read",
    ]);
  });

  it("does not take ttyS01 for ttyS0", () => {
    const draft = draftOf(facts, { console: "console=ttyS01" });
    assert.equal(ask(plugin, { facts, draft }).findings.length, 1);
  });
});
