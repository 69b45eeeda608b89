import assert from "node:assert/strict";
import { describe, it } from "node:test";
import plugin from "../../plugins/azure.ts";
import { armFacts, ask, changes, draftOf, factsOf, said } from "../support/plugin_hosts.ts";

const oem = { id: "azure", release: {} };
const facts = factsOf({
  oem,
  virtualization: "microsoft",
  platform: "efi",
  modules: ["hv_vmbus", "hyperv_drm"],
});
const CONSOLE = "console=tty1 console=ttyS0,115200n8 earlyprintk=ttyS0,115200";
const unload = { options: { azure: { "unload-framebuffer": true } } };

describe("azure", () => {
  it("leaves the refusal to platform-azure, and Flatcar's own file as GRUB has it", () => {
    const draft = draftOf(facts, { console: CONSOLE, append: "flatcar.autologin" });
    const outcome = ask(plugin, { facts, draft });
    assert.deepEqual(changes(draft, outcome), []);
    assert.deepEqual(outcome.findings, []);
    assert.deepEqual(outcome.quiesce, []);
  });

  it("looks for ttyAMA0 on arm64", () => {
    const arm = factsOf({ ...armFacts(), oem });
    const right = draftOf(arm, {
      console: "console=tty1 console=ttyAMA0,115200n8 earlycon=pl011,0xeffec000",
    });
    assert.deepEqual(said(ask(plugin, { facts: arm, draft: right })), []);
    const wrong = draftOf(arm, { console: CONSOLE });
    assert.match(said(ask(plugin, { facts: arm, draft: wrong }))[0] ?? "", /Boot diagnostics shows ttyAMA0/);
  });

  it("gives the framebuffer back if told to, and goes on where that fails", () => {
    const outcome = ask(plugin, { facts, config: unload });
    assert.deepEqual(outcome.quiesce.map(({ summary, onFailure }) => [summary, onFailure]), [
      ["unload module hyperv_drm", "ignore"],
    ]);
    assert.deepEqual(outcome.reports[0]?.quiesce, ["unload module hyperv_drm"]);
  });

  it("refuses an option that is not true or false", () => {
    const outcome = ask(plugin, { facts, config: { options: { azure: { "unload-framebuffer": "yes" } } } });
    assert.match(
      outcome.findings[0]?.message ?? "",
      /unload-framebuffer: expected true or false, found "yes"/,
    );
  });
});
