import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { decodeGuid, encodeGuid, FLATCAR_GUID } from "../../src/gpt/guid.ts";

test("decodeGuid() swaps the first three groups and leaves the last two", () => {
  const stored = Uint8Array.from(Buffer.from("00112233445566778899aabbccddeeff", "hex"));
  assert.equal(decodeGuid(stored), "33221100-5544-7766-8899-aabbccddeeff");
});

test("decodeGuid() reads at an offset, in lower case", () => {
  const bytes = new Uint8Array(20);
  bytes.set(Buffer.from("28732ac11ff8d211ba4b00a0c93ec93b", "hex"), 4);
  assert.equal(decodeGuid(bytes, 4), FLATCAR_GUID.typeEsp);
});

test("encodeGuid() undoes decodeGuid() for any 16 bytes", () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 16, maxLength: 16 }), (bytes) => {
      const text = decodeGuid(bytes);
      assert.deepEqual(encodeGuid(text), bytes);
      assert.deepEqual(encodeGuid(text.toUpperCase()), bytes);
    }),
    { seed: 1, numRuns: 100 },
  );
});

for (
  const text of [
    "",
    "7130c94a",
    "7130c94a-213a-4e5a-8e26-6cce9662f13",
    "g130c94a-213a-4e5a-8e26-6cce9662f132",
  ]
) {
  test(`encodeGuid() answers null for "${text}"`, () => assert.equal(encodeGuid(text), null));
}
