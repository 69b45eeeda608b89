import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { DEFAULT_CONFIG, type PluginSettings } from "../../src/config/config.ts";
import { runPlugins } from "../../src/plugin/run.ts";
import { memoryHost, type MemoryHostOptions } from "../support/memory_host.ts";
import { draftOf, factsOf } from "../support/plugin_hosts.ts";

const facts = factsOf();
const findings = (config: Partial<PluginSettings>, options: MemoryHostOptions = {}) =>
  runPlugins({
    host: memoryHost(options),
    facts,
    config: { ...DEFAULT_CONFIG.plugins, ...config },
    draft: draftOf(facts),
  }).findings;

describe("a plan whose configuration names plugins", () => {
  it("warns of a section that is nobody's, with the name that was likely meant", () => {
    assert.deepEqual(findings({ options: { "equnix-metal": { console: "hardware" } } }), [{
      id: "plugin-note",
      level: "warn",
      message: "Cannot use [plugins.equnix-metal]: there is no plugin of that name",
      origin: "configuration",
      hint: "did you mean equinix-metal?",
    }]);
  });

  it("warns of names that are disabled, or may edit protected words, and are nobody's", () => {
    assert.deepEqual(
      findings({ disabled: ["equnix"], mayEditProtected: ["xenn"] }).map((
        { message, hint },
      ) => [message, hint]),
      [
        [
          'Cannot disable "equnix" by plugins.disabled: there is no plugin of that name',
          "flatcar-kexec plugin list shows the names",
        ],
        [
          'Cannot let "xenn" edit by plugins.may-edit-protected: there is no plugin of that name',
          "did you mean xen?",
        ],
      ],
    );
  });

  it("says nothing of plugins that are there, whether or not they run", () => {
    const host: MemoryHostOptions = {
      files: { "/oem/flatcar-kexec/plugins/10-acme.ts": "" },
      links: { "/run/flatcar-kexec/plugins/10-acme.ts": "/dev/null" },
      devices: ["/dev/null"],
    };
    const options = { "equinix-metal": {}, acme: { console: "ttyS1" } };
    assert.deepEqual(findings({ disabled: ["gpu"], mayEditProtected: ["acme"], options }, host), []);
  });
});
