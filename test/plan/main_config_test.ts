import assert from "node:assert/strict";
import { test } from "node:test";
import { createTar } from "nanotar";
import { readMainConfig } from "../../src/plan/main_config.ts";
import { memoryHost } from "../support/memory_host.ts";

const FLATCAR = "/boot/flatcar/grub/grub.cfg.tar";
const COREOS = "/boot/coreos/grub/grub.cfg.tar";
const TEXT = 'set default="flatcar"\n';
const archive = (name = "grub.cfg", text = TEXT): Uint8Array => createTar([{ name, data: text }]);

const messageFor = (bytes: Uint8Array): string => {
  const config = readMainConfig(memoryHost({ files: { [FLATCAR]: bytes } }));
  return config.ok ? "read" : config.message;
};

test("readMainConfig() takes grub.cfg out of the archive on the EFI system partition", () => {
  const config = readMainConfig(memoryHost({ files: { [FLATCAR]: archive() } }));
  assert.equal(config.ok && config.path, FLATCAR);
  assert.equal(config.ok && new TextDecoder().decode(config.bytes), TEXT);
});

test("readMainConfig() finds the archive of a host that was installed as CoreOS", () => {
  const config = readMainConfig(memoryHost({ files: { [COREOS]: archive("./grub.cfg") } }));
  assert.equal(config.ok && config.path, COREOS);
});

test("readMainConfig() does not pass over an archive that is there but unreadable", () => {
  const denied = { kind: "permission", message: `${FLATCAR}: permission denied` } as const;
  const config = readMainConfig(memoryHost({ files: { [FLATCAR]: denied, [COREOS]: archive() } }));
  assert.match(config.ok ? "" : config.message, /permission denied/);
});

test("readMainConfig() names the file and the fault of a bad archive", () => {
  const good = archive();
  const flipped = Uint8Array.from(good);
  flipped[3] = 0x78;
  assert.match(messageFor(new Uint8Array(600).fill(0x41)), /grub\.cfg\.tar': not a tar archive/);
  assert.match(messageFor(good.subarray(0, 520)), /cut short: 520 bytes/);
  assert.match(messageFor(new Uint8Array(1024)), /an empty tar archive/);
  assert.match(messageFor(flipped), /wrong checksum in the header at byte 0/);
  assert.match(messageFor(archive("other.cfg")), /no member 'grub\.cfg', found 'other\.cfg'/);
});

test("readMainConfig() says which files are missing", () => {
  const config = readMainConfig(memoryHost());
  assert.match(
    config.ok ? "" : config.message,
    /flatcar\/grub\/grub\.cfg\.tar.*coreos\/grub\/grub\.cfg\.tar/,
  );
});
