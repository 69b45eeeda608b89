import assert from "node:assert/strict";
import { describe, it } from "node:test";
import plugin from "../../plugins/ec2.ts";
import { armFacts, ask, changes, draftOf, factsOf, said } from "../support/plugin_hosts.ts";

const oem = { id: "ec2", release: {} };
const APPEND = "modprobe.blacklist=xen_fbfront net.ifnames=0 nvme_core.io_timeout=4294967295";
const nitro = factsOf({ oem, virtualization: "amazon", platform: "efi" });
const UNTESTED =
  "info plugin-note Kexec on EC2's Nitro instances is untested: there are no reports of it, good or bad";

describe("ec2", () => {
  it("has nothing to say about other machines", () => {
    assert.deepEqual(ask(plugin, { facts: factsOf() }).reports, []);
  });

  it("leaves a Nitro instance with Flatcar's own file as GRUB has it", () => {
    const draft = draftOf(nitro, { append: APPEND });
    const outcome = ask(plugin, { facts: nitro, draft });
    assert.deepEqual(changes(draft, outcome), []);
    assert.deepEqual(said(outcome), [UNTESTED]);
  });

  it("knows an arm64 instance by its console", () => {
    const facts = factsOf({ ...armFacts(), oem });
    const draft = draftOf(facts, { console: "console=tty1 console=ttyS0,115200n8 earlycon", append: APPEND });
    assert.deepEqual(said(ask(plugin, { facts, draft })), []);
  });

  it("misses the words that a user's linux_append has overwritten", () => {
    const draft = draftOf(nitro, { append: "systemd.log_level=debug" });
    assert.deepEqual(said(ask(plugin, { facts: nitro, draft })), [
      "warn plugin-note GRUB passes no nvme_core.io_timeout= (so that slow EBS volumes are waited for) and no " +
      "net.ifnames=0 (so that the interface is eth0), which the platform's own grub.cfg has; firmware boots lack " +
      "it as well",
      UNTESTED,
    ]);
  });

  it("misses the console that the instance's log shows", () => {
    const draft = draftOf(nitro, { append: APPEND, console: "console=tty0" });
    assert.match(
      said(ask(plugin, { facts: nitro, draft }))[0] ?? "",
      /^warn plugin-note .* log shows ttyS0, .* go to tty0:/,
    );
  });
});
