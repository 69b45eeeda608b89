import assert from "node:assert/strict";
import { describe, it } from "node:test";
import plugin from "../../plugins/gpu.ts";
import { ask, changes, draftOf, factsOf, said } from "../support/plugin_hosts.ts";

const unload = { options: { gpu: { unload: true } } };
const nvidia = factsOf({ modules: ["ext4", "nvidia", "nvidia_modeset", "nvidia_uvm"] });

describe("gpu", () => {
  it("has nothing to do with a machine without such a driver", () => {
    assert.deepEqual(ask(plugin, { facts: factsOf({ modules: ["ext4", "drm"] }) }).reports, []);
  });

  it("leaves the refusal to gpu-driver unless it is told to unload", () => {
    const draft = draftOf(nvidia);
    const outcome = ask(plugin, { facts: nvidia, draft });
    assert.deepEqual(changes(draft, outcome), []);
    assert.deepEqual(outcome.findings, []);
    assert.deepEqual(outcome.quiesce, []);
  });

  it("stops NVIDIA's daemons and takes out its modules, each before those that it needs", () => {
    const outcome = ask(plugin, { facts: nvidia, config: unload });
    assert.deepEqual(outcome.quiesce.map(({ summary, onFailure }) => `${summary}: ${onFailure}`), [
      "stop nvidia-persistenced.service: ignore",
      "stop nvidia-fabricmanager.service: ignore",
      "unload module nvidia_uvm: refuse",
      "unload module nvidia_modeset: refuse",
      "unload module nvidia: refuse",
    ]);
    assert.match(said(outcome).join(), /^info plugin-note Graphics drivers are unloaded/);
    assert.match(outcome.findings[0]?.hint ?? "", /checks\.gpu-driver = "warn"/);
  });

  it("takes out AMD's and Intel's", () => {
    const facts = factsOf({ modules: ["amdgpu", "i915"] });
    assert.deepEqual(ask(plugin, { facts, config: unload }).quiesce.map(({ summary }) => summary), [
      "unload module amdgpu",
      "unload module i915",
    ]);
  });

  it("refuses an option that it does not have", () => {
    const outcome = ask(plugin, { facts: nvidia, config: { options: { gpu: { unloads: true } } } });
    assert.match(outcome.findings[0]?.message ?? "", /unloads: no such option; there is unload/);
  });
});
