import assert from "node:assert/strict";
import { test } from "node:test";
import { type KernelIdentity, sameKernel } from "../../src/kernel/identity.ts";

const kernel = (kernelVersion: string | null, usrhash: string | null, partuuid: string): KernelIdentity => ({
  kernelVersion,
  usrhash,
  partuuid,
});

test("the version decides where both are known, then the /usr, then the partition", () => {
  assert.equal(sameKernel(kernel("6.12", "a", "1"), kernel("6.12", "b", "2")), true);
  assert.equal(sameKernel(kernel("6.12", "a", "1"), kernel("6.6", "a", "1")), false);
  assert.equal(sameKernel(kernel(null, "a", "1"), kernel("6.6", "a", "2")), true);
  assert.equal(sameKernel(kernel("6.6", "a", "1"), kernel(null, "b", "1")), false);
  assert.equal(sameKernel(kernel(null, null, "1"), kernel(null, "b", "1")), true);
  assert.equal(sameKernel(kernel(null, "a", "1"), kernel(null, null, "2")), false);
});
