import assert from "node:assert/strict";
import { describe, it } from "node:test";
import plugin from "../../plugins/xen.ts";
import { ask, factsOf, said } from "../support/plugin_hosts.ts";

const facts = factsOf({ virtualization: "xen" });
const xen = (type: string, major: number, minor: number) => ({
  "/sys/hypervisor/guest_type": `${type}\n`,
  "/sys/hypervisor/version/major": `${major}\n`,
  "/sys/hypervisor/version/minor": `${minor}\n`,
});

describe("xen", () => {
  it("says what an HVM guest needs from the toolstack", () => {
    assert.deepEqual(said(ask(plugin, { facts, files: xen("HVM", 4, 17) })), [
      "info plugin-note This guest (HVM) kexecs by a soft reset, which Xen's toolstack has to allow (on_soft_reset)",
    ]);
  });

  it("refuses a Xen from before soft reset, with its version", () => {
    assert.match(
      said(ask(plugin, { facts, files: xen("HVM", 4, 4) })).join(),
      /^refuse platform-xen .*runs on Xen 4\.4,/,
    );
    assert.match(
      said(ask(plugin, { facts, files: xen("PVH", 3, 9) })).join(),
      /^refuse platform-xen .*Xen 3\.9/,
    );
  });

  it("refuses a PV guest, known by the kernel's word or by GRUB's platform", () => {
    assert.match(
      said(ask(plugin, { facts, files: xen("PV", 4, 17) })).join(),
      /^refuse platform-xen This is a PV guest/,
    );
    const pv = factsOf({ virtualization: "xen", platform: "xen" });
    assert.match(said(ask(plugin, { facts: pv })).join(), /^refuse platform-xen This is a PV guest/);
  });

  it("makes no more of it than it knows", () => {
    assert.match(said(ask(plugin, { facts })).join(), /^info plugin-note This guest \(of unknown type\)/);
  });
});
