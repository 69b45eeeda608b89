import assert from "node:assert/strict";
import { describe, it } from "node:test";
import plugin from "../../plugins/hetzner.ts";
import { armFacts, ask, changes, draftOf, factsOf, said } from "../support/plugin_hosts.ts";

const oem = { id: "hetzner", release: {} };

describe("hetzner", () => {
  it("leaves x86 and arm64 machines as GRUB has them, without a word", () => {
    for (const facts of [factsOf({ oem }), factsOf({ ...armFacts(), oem })]) {
      const draft = draftOf(facts);
      const outcome = ask(plugin, { facts, draft });
      assert.deepEqual(changes(draft, outcome), []);
      assert.deepEqual(outcome.findings, []);
    }
  });

  it("knows the machine by its firmware too", () => {
    assert.equal(ask(plugin, { facts: factsOf({ dmi: { sys_vendor: "Hetzner" } }) }).reports.length, 1);
  });

  it("warns of kexec_file_load on arm64", () => {
    const facts = factsOf({ ...armFacts(), oem });
    const draft = draftOf(facts, { syscall: "file" });
    assert.match(
      said(ask(plugin, { facts, draft })).join(),
      /^warn plugin-note kexec_file_load is known to fail/,
    );
  });
});
