import assert from "node:assert/strict";
import { test } from "node:test";
import { crc32 as zlibCrc32 } from "node:zlib";
import fc from "fast-check";
import { crc32, crc32ByTable } from "../../src/gpt/crc32.ts";

test("crc32() gives the published check value of CRC-32/ISO-HDLC", () => {
  assert.equal(crc32(new TextEncoder().encode("123456789")), 0xcbf43926);
  assert.equal(crc32(new Uint8Array()), 0);
});

test("crc32() agrees with zlib on anything, and so does the way without Bun", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 2000 }), (bytes) => {
      assert.equal(crc32(bytes), zlibCrc32(bytes));
      assert.equal(crc32ByTable(bytes), zlibCrc32(bytes));
    }),
    { seed: 1, numRuns: 200 },
  );
});
