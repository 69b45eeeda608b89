import assert from "node:assert/strict";
import { test } from "node:test";
import { chooseSyscall } from "../../src/kernel/syscall.ts";

test("chooseSyscall() takes kexec_load on arm64 and kexec_file_load on x86-64, unless told", () => {
  assert.equal(chooseSyscall("auto", "aarch64"), "load");
  assert.equal(chooseSyscall("auto", "x86_64"), "file");
  assert.equal(chooseSyscall("load", "x86_64"), "load");
});
