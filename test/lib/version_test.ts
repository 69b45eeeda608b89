import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { VERSION } from "../../src/lib/version.ts";

test("the version in the program is the manifest's", () => {
  const manifest: unknown = JSON.parse(readFileSync(new URL("../../deno.json", import.meta.url), "utf8"));
  assert.ok(typeof manifest === "object" && manifest !== null && "version" in manifest);
  assert.equal(VERSION, manifest.version);
});
