import assert from "node:assert/strict";
import { describe, it } from "node:test";
import equinixMetal from "../../plugins/equinix-metal.ts";
import { armFacts, ask, changes, draftOf, factsOf, said } from "../support/plugin_hosts.ts";

const oem = { id: "packet", release: {} };
const SHIPPED = `# Flatcar GRUB settings

set oem_id="packet"
set linux_append="flatcar.autologin"

if [ "$grub_cpu" = i386 ] || [ "$grub_cpu" = x86_64 ]; then
    set gfxpayload="1024x768x8,1024x768"
    set linux_console="console=tty0 console=ttyS1,115200n8"
fi
`;
const OLDER = SHIPPED.replace(' || [ "$grub_cpu" = x86_64 ]', "");
const WRONG = "console=tty0 console=ttyS1,115200n8";
const hardware = { options: { "equinix-metal": { console: "hardware" } } };

describe("equinix-metal", () => {
  it("has nothing to say about other machines", () => {
    const outcome = ask(equinixMetal, { facts: factsOf({ oem: { id: "ami", release: {} } }) });
    assert.deepEqual(outcome.reports, []);
    assert.deepEqual(outcome.findings, []);
  });

  it("explains the || that put an arm64 machine's console on ttyS1, and changes nothing", () => {
    const facts = factsOf({ ...armFacts(), oem });
    const draft = draftOf(facts, { console: WRONG, append: "flatcar.autologin" });
    const outcome = ask(equinixMetal, { facts, draft, files: { "/oem/grub.cfg": SHIPPED } });
    assert.deepEqual(outcome.tokens, draft.tokens);
    assert.deepEqual(said(outcome), [
      'info config-not-understood /oem/grub.cfg:6 joins two tests with "||", which GRUB does not have: it drops the ' +
      "line and runs the block on every processor. This machine gets console=tty0 console=ttyS1,115200n8; its " +
      "serial console is ttyAMA0,115200n8",
    ]);
    assert.match(outcome.findings[0]?.hint ?? "", / -o /);
  });

  it("moves an arm64 machine's console to ttyAMA0 when told to follow the hardware", () => {
    const facts = factsOf({ ...armFacts(), oem });
    const draft = draftOf(facts, { console: WRONG });
    const outcome = ask(equinixMetal, {
      facts,
      draft,
      files: { "/oem/grub.cfg": SHIPPED },
      config: hardware,
    });
    assert.deepEqual(changes(draft, outcome), ["-console=ttyS1,115200n8", "+console=ttyAMA0,115200n8"]);
    assert.equal(outcome.tokens.at(-1)?.text, "console=ttyAMA0,115200n8");
    assert.equal(outcome.tokens.at(-1)?.origin, "plugin:equinix-metal");
    assert.deepEqual(
      outcome.reports[0]?.edits.map((edit) => [edit.kind, edit.target, edit.text, edit.applied]),
      [
        ["remove", "console", null, true],
        ["append", "console", "console=tty0", true],
        ["append", "console", "console=ttyAMA0,115200n8", true],
      ],
    );
  });

  it("still explains the || where it does no harm, on x86", () => {
    const facts = factsOf({ oem });
    const draft = draftOf(facts, { console: WRONG });
    const [line] = said(ask(equinixMetal, { facts, draft, files: { "/oem/grub.cfg": SHIPPED } }));
    assert.match(line ?? "", /^info config-not-understood .*console=ttyS1,115200n8$/);
  });

  it("tells an x86 machine with UEFI that the older file left it on ttyS0", () => {
    const facts = factsOf({ oem, platform: "efi" });
    const draft = draftOf(facts);
    const outcome = ask(equinixMetal, { facts, draft, files: { "/oem/grub.cfg": OLDER } });
    assert.deepEqual(said(outcome), [
      "info plugin-note This machine gets console=ttyS0,115200n8 console=tty0 from GRUB; its serial console is " +
      "ttyS1,115200n8",
    ]);
    const mended = ask(equinixMetal, { facts, draft, config: hardware });
    assert.deepEqual(changes(draft, mended), ["-console=ttyS0,115200n8", "+console=ttyS1,115200n8"]);
    assert.deepEqual(mended.findings, []);
  });

  it("has no remark where the console is right", () => {
    const facts = factsOf({ oem });
    const draft = draftOf(facts, { console: WRONG });
    const outcome = ask(equinixMetal, {
      facts,
      draft,
      files: { "/oem/grub.cfg": OLDER },
      config: hardware,
    });
    assert.deepEqual(outcome.findings, []);
    assert.deepEqual(outcome.tokens, draft.tokens);
  });

  it("does not mistake a comment for a condition", () => {
    const facts = factsOf({ oem });
    const draft = draftOf(facts, { console: WRONG });
    const files = { "/oem/grub.cfg": '# if [ "$a" = b ] || [ "$c" = d ]; then\n' };
    assert.deepEqual(ask(equinixMetal, { facts, draft, files }).findings, []);
  });

  it("refuses options that it does not have, with the value", () => {
    const facts = factsOf({ oem });
    for (
      const [section, message] of [
        [{ console: "ttyS9" }, /console: expected "grub" or "hardware", found "ttyS9"/],
        [{ consoles: "grub" }, /consoles: no such option/],
      ] as const
    ) {
      const outcome = ask(equinixMetal, { facts, config: { options: { "equinix-metal": section } } });
      assert.equal(outcome.findings[0]?.id, "plugin-failed");
      assert.equal(outcome.findings[0]?.level, "refuse");
      assert.match(outcome.findings[0]?.message ?? "", message);
    }
  });
});
