import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { findBootDisk } from "../../src/host/boot_disk.ts";
import type { Host } from "../../src/host/host.ts";
import { createHost } from "../../src/host/live.ts";
import { readFacts } from "../../src/host/read_facts.ts";
import { recordHost } from "../../src/host/record.ts";
import { replayHost } from "../../src/host/replay.ts";
import { encodeSnapshot, type HostSnapshot, restoreBytes, storeBytes } from "../../src/host/snapshot.ts";
import { decodeSnapshot } from "../../src/host/snapshot_schema.ts";
import { KexecError } from "../../src/lib/errors.ts";
import { flatcarSysfs } from "../support/flatcar_sysfs.ts";
import { memoryHost } from "../support/memory_host.ts";

/** Every kind of question, with answers and with failures. */
function askEverything(host: Host): unknown {
  const block = host.block("/dev/sda");
  return [
    host.arch,
    host.diskOverride,
    host.read("/text"),
    host.read("/bytes"),
    host.read("/absent"),
    host.read("/closed"),
    host.read("/bytes", 3),
    host.readRange("/kernel", 4, 8),
    host.readRange("/kernel", 4000, 500),
    host.readRange("/text", 1, 2),
    host.status("/text"),
    host.status("/absent"),
    host.link("/link"),
    host.link("/text"),
    host.list("/"),
    host.list("/absent"),
    host.digest("/kernel"),
    host.digest("/absent"),
    block.ok ? [block.value.size, block.value.sectorSize, block.value.path] : block,
    block.ok ? [block.value.read(0, 16), block.value.read(4, 4), block.value.read(1 << 20, 1)] : null,
    host.block("/absent"),
    host.command(["kexec", "--version"]),
    host.command(["absent"]),
  ];
}

const made = (): Host =>
  memoryHost({
    arch: "aarch64",
    diskOverride: "/dev/sda",
    files: {
      "/text": "line\n",
      "/bytes": new Uint8Array([0, 255, 1, 254]),
      "/kernel": new Uint8Array(4096).fill(0x90, 0, 100),
      "/closed": { kind: "permission", message: "/closed: permission denied; run as root" },
    },
    links: { "/link": "text" },
    blocks: { "/dev/sda": { bytes: new Uint8Array(65536).fill(7, 0, 9), sectorSize: 4096 } },
    commands: { "kexec --version": { stdout: "kexec-tools 2.0.32\n" } },
  });

function replayed(snapshot: HostSnapshot): Host {
  return replayHost(decodeSnapshot(encodeSnapshot(snapshot), "host.json"));
}

test("a snapshot gives every answer that the host gave, through JSON and back", () => {
  const recorder = recordHost(made());
  const answers = askEverything(recorder.host);
  assert.deepEqual(answers, askEverything(made()));
  assert.deepEqual(askEverything(replayed(recorder.snapshot(false))), answers);
});

test("what was not asked is not recorded, and says so; a part of what was asked is", () => {
  const recorder = recordHost(made());
  recorder.host.readRange("/kernel", 0, 4096);
  const host = replayed(recorder.snapshot(false));
  assert.deepEqual(host.read("/text"), {
    ok: false,
    failure: { kind: "not-recorded", message: "/text: is not in the snapshot" },
  });
  assert.deepEqual(host.status("/text").ok, false);
  assert.deepEqual(host.readRange("/kernel", 98, 4), { ok: true, value: new Uint8Array([0x90, 0x90, 0, 0]) });
  assert.equal(host.read("toString").ok, false);
  assert.equal(host.command(["kexec"]).ok, false);
});

test("the same question gives the same answer while it is recorded, however the host changes", () => {
  let asked = 0;
  const host: Host = { ...made(), read: () => ({ ok: true, value: new Uint8Array([++asked]) }) };
  const recorder = recordHost(host);
  assert.deepEqual(recorder.host.read("/proc/meminfo"), recorder.host.read("/proc/meminfo"));
  assert.equal(asked, 1);
});

test("what was too large for one read is read again with a higher limit, and kept", () => {
  const recorder = recordHost(memoryHost({ files: { "/f": "0123456789" } }));
  assert.equal(recorder.host.read("/f", 5).ok, false);
  assert.equal(recorder.host.read("/f", 10).ok, true);
  const host = replayed(recorder.snapshot(false));
  assert.equal(host.read("/f", 10).ok, true);
  assert.deepEqual(host.read("/f", 9), recorder.host.read("/f", 9));
  assert.equal(host.read("/f", 9).ok, false);
});

test("ranges replay by themselves, from a wider one, and not from one that is too short", () => {
  const recorder = recordHost(made());
  const block = recorder.host.block("/dev/sda");
  assert.ok(block.ok);
  block.value.read(8, 8);
  block.value.read(0, 4);
  block.value.read(8, 4);
  const snapshot = recorder.snapshot(false);
  const stored = snapshot.blocks["/dev/sda"];
  assert.ok(stored !== undefined && "value" in stored);
  assert.deepEqual(stored.value.reads.map(({ offset, length }) => [offset, length]), [[0, 4], [8, 4], [
    8,
    8,
  ]]);
  const again = replayed(snapshot).block("/dev/sda");
  assert.ok(again.ok);
  assert.deepEqual(again.value.read(12, 4), { ok: true, value: new Uint8Array(4) });
  assert.deepEqual(again.value.read(8, 2), { ok: true, value: new Uint8Array([7, 0]) });
  for (const [offset, length] of [[4, 4], [8, 9], [7, 2], [2, 4]] as const) {
    const read = again.value.read(offset, length);
    assert.ok(!read.ok);
    assert.equal(read.failure.kind, "not-recorded");
  }
});

test("a snapshot is the same text whatever the order of the questions", () => {
  const paths = ["/text", "/bytes", "/absent", "/closed"];
  const encode = (order: readonly string[]): string => {
    const recorder = recordHost(made());
    for (const path of order) recorder.host.read(path);
    for (const path of order) recorder.host.status(path);
    return encodeSnapshot(recorder.snapshot(false));
  };
  assert.equal(encode(paths), encode(paths.toReversed()));
});

test("bytes come back as they were: text as text, zeros counted, anything else in base64", () => {
  assert.equal(storeBytes(new TextEncoder().encode("a\tb\n")), "a\tb\n");
  assert.deepEqual(storeBytes(new Uint8Array(4096)), { base64: "", zeros: 4096 });
  for (const text of ["\ufeffBOM", "ä€😀", "\u2028"]) {
    const bytes = new TextEncoder().encode(text);
    assert.equal(storeBytes(bytes), text);
    assert.deepEqual(restoreBytes(text), bytes);
  }
  fc.assert(
    fc.property(
      fc.oneof(
        fc.uint8Array({ maxLength: 200 }),
        fc.string().map((text) => new TextEncoder().encode(text)),
      ),
      fc.nat(200),
      (head, zeros) => {
        const bytes = new Uint8Array(head.length + zeros);
        bytes.set(head);
        assert.deepEqual(restoreBytes(storeBytes(bytes)), bytes);
      },
    ),
    { seed: 11, numRuns: 300 },
  );
});

test("the facts and the boot disk of this machine and of a made one replay the same", () => {
  for (const host of [createHost(), memoryHost(flatcarSysfs())]) {
    const recorder = recordHost(host);
    const facts = readFacts(recorder.host);
    const disk = findBootDisk(recorder.host);
    const replay = replayed(recorder.snapshot(false));
    assert.deepEqual(readFacts(replay), facts);
    assert.deepEqual(findBootDisk(replay), disk);
  }
});

test("a file that is no snapshot is refused with the place that is wrong", () => {
  const refuse = (text: string): string => {
    try {
      decodeSnapshot(text, "host.json");
    } catch (error) {
      assert.ok(error instanceof KexecError);
      assert.equal(error.code, "snapshot-invalid");
      return error.message;
    }
    return "";
  };
  const snapshot = recordHost(made()).snapshot(false);
  assert.match(refuse("{"), /Cannot read the snapshot 'host\.json': not JSON/);
  assert.match(refuse("[]"), /its version is missing, expected 1/);
  assert.match(refuse('{"version":2}'), /its version is 2, expected 1/);
  assert.match(refuse(JSON.stringify({ ...snapshot, arch: "mips" })), /at arch: .*mips/);
  assert.match(
    refuse(
      JSON.stringify({ ...snapshot, blocks: { "/d": { value: { sectorSize: 513, size: 1, reads: [] } } } }),
    ),
    /at blocks\./,
  );
  const broken = { files: { "/x": { value: { base64: "*" } } } };
  assert.match(refuse(JSON.stringify({ ...snapshot, ...broken })), /at files\./);
});
