import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { checkImage, readKernel } from "../../src/kernel/image.ts";
import { makeArm64Image, makeBzImage } from "../support/make_kernel.ts";
import { memoryHost } from "../support/memory_host.ts";

const HASH = "0123456789abcdef".repeat(4);
const PATH = "/boot/flatcar/vmlinuz-a";

const read = (bytes: Uint8Array, arch: "x86_64" | "aarch64" = "x86_64"): ReturnType<typeof readKernel> =>
  readKernel(memoryHost({ arch, files: { [PATH]: bytes } }), PATH);

const edited = (bytes: Uint8Array, offset: number, value: number): Uint8Array => {
  bytes[offset] = value;
  return bytes;
};

const refusal = (bytes: Uint8Array, arch?: "x86_64" | "aarch64"): string => {
  const result = read(bytes, arch);
  assert.ok(!result.ok);
  assert.equal(result.id, "kernel-format");
  return result.message;
};

test("a bzImage gives version, size, limit and the verity hash that the build wrote into it", () => {
  const bytes = makeBzImage({ usrhash: HASH, version: "6.12.103-flatcar" });
  assert.deepEqual(read(bytes), {
    ok: true,
    kernel: {
      format: "bzImage",
      version: "6.12.103-flatcar",
      size: bytes.length,
      usrhash: HASH,
      cmdlineSize: 2047,
      memorySize: 0x10000,
    },
  });
});

test("an arm64 Image gives the same, less the version, which it does not have", () => {
  const bytes = makeArm64Image({ usrhash: HASH });
  assert.deepEqual(read(bytes, "aarch64"), {
    ok: true,
    kernel: {
      format: "Image",
      version: null,
      size: bytes.length,
      usrhash: HASH,
      cmdlineSize: 2047,
      memorySize: 0xc000,
    },
  });
});

test("the hash counts only as 64 lower-case hex digits, as for GRUB", () => {
  for (const usrhash of [HASH.toUpperCase(), HASH.slice(1) + "g", HASH.slice(0, 63) + "\0"]) {
    const result = read(makeBzImage({ usrhash }));
    assert.ok(result.ok);
    assert.equal(result.kernel.usrhash, null);
  }
});

test("only the head and the version of a kernel are read", () => {
  const host = memoryHost({ files: { [PATH]: makeBzImage() } });
  assert.ok(readKernel(host, PATH).ok);
  assert.deepEqual(host.asked, [`status ${PATH}`, `readRange ${PATH} 0 4096`, `readRange ${PATH} 1536 256`]);
});

test("a kernel that lost its end is truncated, by a single byte too", () => {
  const whole = makeBzImage();
  assert.equal(
    refusal(whole.slice(0, -1)),
    `Cannot use the kernel: ${PATH} is truncated: ${
      whole.length - 1
    } bytes, its header says at least ${whole.length}`,
  );
  assert.match(refusal(whole.slice(0, 0x210)), /is truncated: 528 bytes/);
  assert.match(
    refusal(makeArm64Image({ size: 0x3fff }), "aarch64"),
    /is truncated: 16383 bytes.*at least 16384/,
  );
  // What follows the image is its signature.
  assert.ok(read(makeBzImage({ size: whole.length + 1000 })).ok);
});

test("a signature that the PE header announces must be there as well", () => {
  const bytes = makeArm64Image();
  const view = new DataView(bytes.buffer);
  view.setUint32(64 + 24 + 112 + 32, bytes.length, true);
  view.setUint32(64 + 24 + 112 + 36, 100, true);
  assert.match(refusal(bytes, "aarch64"), new RegExp(`at least ${bytes.length + 100}`));
});

test("other formats are named in the refusal", () => {
  const begins = (...parts: readonly number[]): Uint8Array => {
    const bytes = new Uint8Array(8192);
    bytes.set(parts);
    return bytes;
  };
  const cases: readonly (readonly [Uint8Array, RegExp])[] = [
    [begins(0x7f, 0x45, 0x4c, 0x46), /is an ELF file/],
    [begins(0x1f, 0x8b, 8), /is a gzip-compressed file/],
    [begins(0xfd, 0x37, 0x7a, 0x58, 0x5a, 0), /is an XZ-compressed file/],
    [begins(0x28, 0xb5, 0x2f, 0xfd), /is a zstd-compressed file/],
    [begins(0x4d, 0x5a, 0, 0, 0x7a, 0x69, 0x6d, 0x67), /is an EFI zboot image/],
    [begins(0x02, 0x21, 0x4c, 0x18), /is an LZ4-compressed file/],
    [begins(0x04, 0x22, 0x4d, 0x18), /is an LZ4-compressed file/],
    [begins(0x42, 0x5a, 0x68), /is a bzip2-compressed file/],
    [edited(makeBzImage(), 0x1fe, 0), /is not a kernel image known here/],
    [edited(makeBzImage(), 0x202, 0), /is not a kernel image known here/],
    [begins(), /holds only zeros/],
    [new TextEncoder().encode("<html>404</html>"), /is not a kernel image known here, expected a bzImage/],
    [new Uint8Array(0), /is empty/],
    [makeArm64Image(), /is an arm64 Image, expected a bzImage/],
    [makeBzImage({ protocol: 0x20a }), /has boot protocol 2\.10, expected 2\.12 or newer/],
    [makeBzImage({ xloadflags: 0x3e }), /has no 64-bit entry point/],
    [makeBzImage({ relocatable: false }), /is not relocatable/],
  ];
  for (const [bytes, message] of cases) assert.match(refusal(bytes), message);
  assert.ok(read(makeBzImage({ protocol: 0x20c })).ok);
  assert.match(refusal(edited(makeArm64Image(), 24, 0x0b), "aarch64"), /is a big-endian kernel/);
  const old = makeArm64Image();
  old.fill(0, 16, 24);
  assert.match(refusal(old, "aarch64"), /has image_size 0/);
  assert.match(refusal(makeBzImage(), "aarch64"), /is an x86 bzImage, expected an arm64 Image/);
  const uki = makeArm64Image();
  uki.set(new TextEncoder().encode(".linux\0"), 64 + 24 + 0xa0);
  assert.match(refusal(uki, "aarch64"), /is a unified kernel image/);
});

test("a kernel that is not there, or may not be read, is missing and says why", () => {
  const absent = readKernel(memoryHost(), PATH);
  assert.ok(!absent.ok);
  assert.equal(absent.id, "kernel-missing");
  assert.equal(absent.message, `Cannot read the kernel: ${PATH}: no such file or directory`);
  const failure = { kind: "permission", message: `${PATH}: permission denied; run as root` } as const;
  const closed = readKernel(memoryHost({ files: { [PATH]: failure } }), PATH);
  assert.ok(!closed.ok);
  assert.equal(closed.failure?.kind, "permission");
  assert.match(closed.message, /run as root/);
  assert.match(closed.hint, /root alone/);
  assert.match(absent.hint, /EFI system partition/);
  const folder = readKernel(memoryHost({ directories: [PATH] }), PATH);
  assert.ok(!folder.ok);
  assert.match(folder.message, /is not a regular file/);
});

test("no bytes make the recogniser throw", () => {
  const seeds = [makeBzImage().slice(0, 4096), makeArm64Image().slice(0, 4096)];
  fc.assert(
    fc.property(
      fc.constantFrom(...seeds),
      fc.array(fc.tuple(fc.nat(1023), fc.nat(255)), { maxLength: 12 }),
      fc.nat(4096),
      fc.constantFrom("x86_64" as const, "aarch64" as const),
      (seed, edits, length, arch) => {
        const bytes = seed.slice(0, length);
        for (const [offset, value] of edits) if (offset < bytes.length) bytes[offset] = value;
        const facts = checkImage(bytes, length, arch);
        assert.ok(facts.ok || facts.reason.length > 0);
      },
    ),
    { seed: 7, numRuns: 500 },
  );
});

test("a version that is not printable is none", () => {
  const result = read(makeBzImage({ version: "6.12\x07" }));
  assert.ok(result.ok);
  assert.equal(result.kernel.version, null);
  const none = read(edited(edited(makeBzImage(), 0x20e, 0), 0x20f, 0));
  assert.ok(none.ok);
  assert.equal(none.kernel.version, null);
});
