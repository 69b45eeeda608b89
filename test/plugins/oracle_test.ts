import assert from "node:assert/strict";
import { describe, it } from "node:test";
import plugin from "../../plugins/oracle.ts";
import { ask, changes, draftOf, factsOf, said } from "../support/plugin_hosts.ts";

const facts = factsOf({ oem: { id: "oraclecloud", release: {} }, virtualization: "kvm", platform: "efi" });
const ISCSI = "netroot=iscsi:169.254.0.2:::1:iqn.2015-02.oracle.boot:uefi";

describe("oracle", () => {
  it("leaves a virtual machine as GRUB has it, without a word", () => {
    const draft = draftOf(facts);
    const outcome = ask(plugin, { facts, draft });
    assert.deepEqual(changes(draft, outcome), []);
    assert.deepEqual(outcome.findings, []);
  });

  it("warns that the session of an iSCSI boot volume has to be taken over", () => {
    const draft = draftOf(facts, { append: `ip=ibft ${ISCSI}` });
    assert.match(
      said(ask(plugin, { facts, draft })).join(),
      /^warn plugin-note \/ is on an iSCSI volume \(netroot=iscsi:169/,
    );
  });

  it("knows the images from before Flatcar had its own", () => {
    const old = factsOf({ oem: { id: "oracle-oci", release: {} } });
    const draft = draftOf(old, { console: "console=ttyS0,9600" });
    const outcome = ask(plugin, { facts: old, draft });
    assert.equal(outcome.reports.length, 1);
    assert.deepEqual(outcome.findings, []);
  });

  it("is not asked in VirtualBox, which is Oracle's as well", () => {
    const box = factsOf({ oem: { id: "virtualbox", release: {} }, virtualization: "oracle" });
    assert.deepEqual(
      ask(plugin, { facts: box, draft: draftOf(box, { console: "console=tty0" }) }).reports,
      [],
    );
  });
});
