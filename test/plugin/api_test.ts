import assert from "node:assert/strict";
import { describe, it } from "node:test";
import * as api from "../../src/plugin/api.ts";
import { API_TYPES } from "../../src/plugin/api_types.ts";
import { pluginTypes } from "../../tasks/plugin_types.ts";

describe("the plugin interface", () => {
  it("is frozen: its types are those that plugin new writes", () => {
    assert.equal(pluginTypes(), API_TYPES, "after a compatible change: deno run -A tasks/plugin_types.ts");
  });

  it("is version 1, with these hooks", () => {
    assert.deepEqual(Object.keys(api).toSorted(), ["API_VERSION", "HOOK_NAMES"]);
    assert.equal(api.API_VERSION, 1);
    assert.deepEqual(api.HOOK_NAMES, ["cmdline", "deviceTree", "initrd", "check", "quiesce", "confirm"]);
  });
});
