import assert from "node:assert/strict";
import { describe, it } from "node:test";
import plugin from "../../plugins/vmware.ts";
import { armFacts, ask, changes, draftOf, factsOf, said } from "../support/plugin_hosts.ts";

describe("vmware", () => {
  it("has nothing against x86 machines", () => {
    const facts = factsOf({ oem: { id: "vmware", release: {} }, virtualization: "vmware" });
    const draft = draftOf(facts, { append: "flatcar.autologin" });
    const outcome = ask(plugin, { facts, draft });
    assert.deepEqual(changes(draft, outcome), []);
    assert.deepEqual(outcome.findings, []);
    assert.equal(outcome.reports.length, 1);
  });

  it("objects to arm64 ones", () => {
    const facts = factsOf({ ...armFacts(), virtualization: "vmware" });
    assert.deepEqual(said(ask(plugin, { facts })), [
      "refuse plugin-veto This is an arm64 machine of VMware's, where a kexec is known to hang",
    ]);
  });
});
