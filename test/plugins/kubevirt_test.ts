import assert from "node:assert/strict";
import { describe, it } from "node:test";
import plugin from "../../plugins/kubevirt.ts";
import { armFacts, ask, changes, draftOf, factsOf, said } from "../support/plugin_hosts.ts";

import { DEFAULT_CONFIG } from "../../src/config/config.ts";
import { runConfirm } from "../../src/plugin/run.ts";
import { memoryHost } from "../support/memory_host.ts";

const oem = { id: "kubevirt", release: {} };

describe("kubevirt", () => {
  it("leaves an x86 guest as GRUB has it, without a word", () => {
    const facts = factsOf({ oem, virtualization: "kvm" });
    const draft = draftOf(facts);
    const outcome = ask(plugin, { facts, draft });
    assert.deepEqual(changes(draft, outcome), []);
    assert.deepEqual(outcome.findings, []);
  });

  it("warns of an arm64 guest's other processors", () => {
    const facts = factsOf({ ...armFacts(), oem });
    assert.match(
      said(ask(plugin, { facts })).join(),
      /^warn plugin-note This arm64 guest of QEMU has 4 processors/,
    );
    const single = factsOf({ ...armFacts(), oem, cpus: { online: 1, possible: 1 } });
    assert.deepEqual(said(ask(plugin, { facts: single })), []);
  });

  it("counts them after the boot", () => {
    const confirm = (online: number) =>
      runConfirm({
        host: memoryHost(),
        facts: factsOf({ ...armFacts(), oem, cpus: { online, possible: 4 } }),
        config: DEFAULT_CONFIG.plugins,
        boot: { outcome: "arrived", plannedCmdline: null, cmdline: null, seconds: 7 },
      }, { builtIn: [plugin], run: () => assert.fail("no plugin from a file was expected") }).findings;
    assert.deepEqual(confirm(4), []);
    assert.equal(confirm(1)[0]?.message, "1 of 4 processors are online after this boot");
  });
});
