/** What is booted: disk, slots, configuration, kernel, command line. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { KernelResult } from "../../src/kernel/image.ts";
import {
  CMDLINE,
  facts,
  findingsOf,
  goodInput,
  hostWith,
  SLOT_A,
  SLOT_B,
  verdict,
} from "../support/check_input.ts";

const { disk } = goodInput();
const GOOD = goodInput();

test("not-flatcar: no boot disk, a disk without slots, a container", () => {
  const found = {
    ok: false,
    id: "not-flatcar",
    message: "Cannot find the boot disk: PXE",
    hint: "h",
  } as const;
  assert.equal(
    verdict("not-flatcar", { disk: { ...disk, found } }),
    "refuse: Cannot find the boot disk: PXE",
  );
  assert.equal(
    verdict("not-flatcar", { disk: { ...disk, slots: [] } }),
    "refuse: /dev/sda has a partition table, but 0 partitions of Flatcar's /usr type, expected 2",
  );
  const host = hostWith({ files: { "/run/systemd/container": "docker" } });
  assert.match(verdict("not-flatcar", { host }), /This is a container/);
});

test("gpt-invalid: a disk that cannot be opened, no valid copy, one valid copy", () => {
  assert.equal(
    verdict("gpt-invalid", {
      disk: { ...disk, gpt: null, failure: "/dev/sda: permission denied; run as root" },
    }),
    "refuse: Cannot read the partition table: /dev/sda: permission denied; run as root",
  );
  const bad = {
    ok: false,
    kind: "invalid",
    reasons: { primary: "bad signature", backup: "bad checksum" },
  } as const;
  assert.match(
    verdict("gpt-invalid", { disk: { ...disk, gpt: bad } }),
    /^refuse: .* primary GPT: bad signature; backup GPT: bad checksum$/,
  );
  const half = { ok: true, reasons: { primary: null, backup: "bad checksum" }, readError: null } as const;
  assert.match(
    verdict("gpt-invalid", { disk: { ...disk, gpt: half } }),
    /^info: The backup GPT of \/dev\/sda is invalid/,
  );
});

test("gpt-invalid: a sector that cannot be read refuses only a boot that writes", () => {
  const gpt = { ok: true, reasons: { primary: "unreadable", backup: null }, readError: "sector 1" } as const;
  const slot = { ...SLOT_B, gptWrite: true };
  assert.match(verdict("gpt-invalid", { disk: { ...disk, gpt }, slot }), /^refuse: /);
  assert.match(
    verdict("gpt-invalid", { disk: { ...disk, gpt }, slot: { ...slot, gptWrite: false } }),
    /^warn: /,
  );
});

test("no-slot: names every slot's counters; an entry that names its slot by hand needs none", () => {
  const slots = [{ ...SLOT_A, successful: false }, { ...SLOT_B, priority: 0 }];
  const none = { disk: { ...disk, slots }, next: null, slot: null, grub: null };
  assert.match(
    verdict("no-slot", none),
    /USR-A \(partition 3\) has priority 1, tries 0, successful 0; USR-B \(partition 4\) has priority 0, tries 1/,
  );
  assert.equal(verdict("no-slot", { ...none, slot: { ...SLOT_B, gptWrite: false } }), "");
});

test("config-not-understood: no configuration, a refusing diagnostic, no linux command, a foreign kernel, no slot", () => {
  const main = { ok: false, message: "Cannot read GRUB's configuration: gone" } as const;
  assert.equal(verdict("config-not-understood", { main }), "refuse: Cannot read GRUB's configuration: gone");
  const found = { ok: false, id: "not-flatcar", message: "m", hint: "h" } as const;
  assert.equal(verdict("config-not-understood", { main, disk: { ...disk, found } }), "");
  const diagnostic = {
    id: "bound",
    level: "refuse",
    file: "oem/grub.cfg",
    line: 7,
    text: "while true",
    message: "does not end",
    hint: null,
  } as const;
  assert.equal(
    verdict("config-not-understood", { grub: { linux: null, diagnostics: [diagnostic] } }),
    "refuse: oem/grub.cfg:7: does not end: 'while true'",
  );
  assert.deepEqual(
    findingsOf("config-not-understood", {
      grub: { linux: null, diagnostics: [diagnostic] },
    })[0]?.origin,
    "oem/grub.cfg:7",
  );
  assert.match(
    verdict("config-not-understood", {
      grub: { linux: null, diagnostics: [{ ...diagnostic, level: "warn" }] },
    }),
    /comes to no 'linux' command/,
  );
  assert.match(
    verdict("config-not-understood", { kernelFile: null }),
    /GRUB would boot '\(hd0,gpt1\)\/flatcar\/vmlinuz-b', expected/,
  );
  assert.match(verdict("config-not-understood", { slot: null }), /names no \/usr partition of this disk/);
});

test("oem-ambiguous: one finding for each problem with the mounts", () => {
  const mounts = { boot: null, oem: null, oemPartitions: [], problems: ["x", "y"] };
  assert.equal(findingsOf("oem-ambiguous", { mounts }).length, 2);
  assert.equal(verdict("oem-ambiguous", { mounts: null }), "");
});

test("kernel-missing and kernel-format: each takes its own kind of failure", () => {
  const failed = (id: "kernel-missing" | "kernel-format"): KernelResult => ({
    ok: false,
    id,
    message: `m ${id}`,
    hint: "h",
    failure: null,
  });
  for (const id of ["kernel-missing", "kernel-format"] as const) {
    assert.equal(verdict(id, { kernel: failed(id) }), `refuse: m ${id}`);
  }
  assert.equal(verdict("kernel-missing", { kernel: failed("kernel-format") }), "");
  assert.equal(verdict("kernel-format", { kernel: failed("kernel-missing") }), "");
});

test("config-not-understood: a value in double quotes is kept or removed as a whole", () => {
  const grubCmdline = `${CMDLINE} dyndbg=\\"file ec.c +p\\" quiet`;
  const torn = (from: string, to: string, addedWords: readonly string[] = []): string =>
    verdict("config-not-understood", { grubCmdline, cmdline: grubCmdline.replace(from, to), addedWords });
  assert.match(torn('dyndbg=\\"file ', ""), /would read the word 'ec\.c'/);
  assert.match(torn("ec.c ", ""), /would read the word 'dyndbg=\\"file \+p\\"'/);
  assert.match(torn('dyndbg=\\"file ec.c +p\\"', "ec.c"), /would read the word 'ec\.c'/);
  assert.match(torn("ec.c", "panic=1", ["panic=1"]), /would read the word 'dyndbg/);
  assert.equal(torn('dyndbg=\\"file ec.c +p\\" ', ""), "");
  assert.equal(torn(" quiet", ""), "");
  assert.equal(torn(" quiet", ' quiet foo="a b"', ['foo="a b"']), "");
});

test("config-not-understood: a double quote that is never closed takes in what is added", () => {
  const grubCmdline = `${CMDLINE} foo=\\"bar`;
  const word = "flatcar.kexec=0123456789ab";
  assert.match(
    verdict("config-not-understood", { grubCmdline, cmdline: `${grubCmdline} ${word}`, addedWords: [word] }),
    /would read the word 'foo=\\"bar flatcar\.kexec=.*never closed/,
  );
});

test("usrhash-missing: only where the line asks for a verified /usr and has no hash", () => {
  assert.ok(GOOD.kernel?.ok);
  const kernel = { ok: true, kernel: { ...GOOD.kernel.kernel, usrhash: null } } as const;
  const cmdline = CMDLINE.replace(/ verity\.usrhash=.*/, "");
  assert.match(verdict("usrhash-missing", { kernel, cmdline }), /no 64 hex digits at byte 64/);
  const plain = "mount.usr=PARTUUID=x";
  assert.equal(verdict("usrhash-missing", { kernel, cmdline: plain, grubCmdline: plain }), "");
  assert.equal(verdict("usrhash-missing", { kernel }), "");
});

test("usrhash-missing: a hash that is taken off the line is missed, whatever else is taken off with it", () => {
  const cmdline = CMDLINE.replace(/ verity\.usrhash=.*/, "");
  assert.match(verdict("usrhash-missing", { cmdline }), /has no verity\.usrhash=, expected 0123456789abcdef/);
  const bare = cmdline.replace(/ verity\.usr=[^ ]*/, "");
  assert.match(verdict("usrhash-missing", { cmdline: bare }), /has no verity\.usrhash=/);
  const swallowed = `foo="x ${CMDLINE}`.replace('foo="x BOOT', "BOOT").replace(
    " verity.usrhash",
    ' foo="x verity.usrhash',
  );
  assert.match(
    verdict("usrhash-missing", { cmdline: swallowed, grubCmdline: swallowed }),
    /has no verity\.usrhash=/,
  );
});

test("usrhash-missing: on Xen, where GRUB passes no hash, none is missed", () => {
  const cmdline = CMDLINE.replace(/ verity\.usrhash=.*/, "");
  const xen = facts({ platform: "xen" });
  assert.equal(verdict("usrhash-missing", { facts: xen, cmdline, grubCmdline: cmdline }), "");
  assert.match(verdict("usrhash-missing", { facts: xen, cmdline }), /has no verity\.usrhash=/);
});

for (
  const [what, change] of [
    ["another hash after GRUB's", (line: string) => `${line} verity.usrhash=${"0".repeat(64)}`],
    ["the other slot after GRUB's", (line: string) => `${line} verity.usr=PARTUUID=${SLOT_A.partuuid}`],
    ["another /usr after GRUB's", (line: string) => `${line} mount.usr=/dev/sda9`],
    ["an old name for /usr", (line: string) => `${line} usr=/dev/sda9`],
    ["no verity.usr=", (line: string) => line.replace(/ verity\.usr=[^ ]*/, "")],
    ["no mount.usr=", (line: string) => line.replace(/ mount\.usr=[^ ]*/, "")],
  ] as const
) {
  test(`pairing-mismatch: a line with ${what} starts another /usr`, () => {
    assert.match(
      verdict("pairing-mismatch", { cmdline: change(CMDLINE) }),
      /^refuse: .*another \/usr than GRUB/,
    );
    assert.equal(verdict("pairing-mismatch", { cmdline: `${CMDLINE} panic=10` }), "");
  });
}

test("pairing-mismatch: takes the proof's own sentence", () => {
  const pairing = { ok: false, id: "pairing-mismatch", message: "m", hint: "h" } as const;
  assert.equal(verdict("pairing-mismatch", { pairing }), "refuse: m");
  assert.equal(verdict("pairing-mismatch", { pairing: null }), "");
});

test("cmdline-too-long: to the byte, with the number of bytes to save", () => {
  assert.equal(verdict("cmdline-too-long", { cmdline: "x".repeat(2016) }), "");
  const [finding] = findingsOf("cmdline-too-long", { cmdline: "x".repeat(2017) });
  assert.match(finding?.message ?? "", /has 2017 bytes, but at most 2016 fit/);
  assert.match(finding?.hint ?? "", /take at least 1 of the bytes out/);
  assert.match(finding?.message ?? "", /puts 'rootflags=rw mount\.usrflags=ro ' in front/);
  const arm = { facts: { ...GOOD.facts, arch: "aarch64" } } as const;
  assert.equal(verdict("cmdline-too-long", { ...arm, cmdline: "x".repeat(2047) }), "");
  assert.match(
    verdict("cmdline-too-long", { ...arm, cmdline: "x".repeat(2048) }),
    /at most 2047 fit; the kernel/,
  );
  assert.match(verdict("cmdline-too-long", { cmdline: "ä".repeat(1009) }), /has 2018 bytes/);
});

test("parity-mismatch: shows the first differences and the likely cause", () => {
  const differences = ["a", "b", "c", "d"].map((text) => ({ kind: "missing", text }) as const);
  assert.equal(
    verdict("parity-mismatch", {
      parity: { verdict: "mismatch", differences, cause: "the file was edited" },
    }),
    "refuse: The running command line differs in 4 words from what GRUB's files give " +
      "(missing 'a', missing 'b', missing 'c', 1 more): the file was edited",
  );
});

test("parity-mismatch: counts what it does not show", () => {
  const differences = ["a", "b", "c"].map((text) => ({ kind: "unexpected", text }) as const);
  const message = (count: number): string =>
    verdict("parity-mismatch", {
      parity: { verdict: "mismatch", differences: differences.slice(0, count), cause: "c" },
    });
  assert.match(message(3), /in 3 words .* \(unexpected 'a', unexpected 'b', unexpected 'c'\): c$/);
  assert.match(message(1), /in 1 word /);
  assert.match(message(0), /in 0 words from what GRUB's files give: c$/);
});

test("parity-unknown: refuses, but only warns of a disk that the user named and that does not run", () => {
  const parity = { verdict: "unknown", reason: "PXE" } as const;
  assert.match(verdict("parity-unknown", { parity }), /^refuse: .*: PXE$/);
  const host = hostWith({ diskOverride: "/dev/sdb" });
  assert.match(verdict("parity-unknown", { parity, host, running: null }), /^warn: /);
  assert.match(verdict("parity-unknown", { parity, host }), /^refuse: /);
  assert.equal(verdict("parity-unknown", { parity, disk: { ...disk, slots: [] } }), "");
});

test("slot-changed and first-boot-changed: compare with what was loaded", () => {
  const loaded = { slot: { label: "USR-A", partuuid: SLOT_A.partuuid }, firstBoot: false };
  assert.equal(
    verdict("slot-changed", { loaded }),
    "warn: The kernel of USR-A is loaded, but GRUB would boot USR-B now",
  );
  const same = { slot: { label: "USR-B", partuuid: SLOT_B.partuuid }, firstBoot: false };
  assert.equal(verdict("slot-changed", { loaded: same }), "");
  assert.equal(verdict("first-boot-changed", { loaded: same }), "");
  assert.match(
    verdict("first-boot-changed", { loaded: same, cmdline: `${CMDLINE} flatcar.first_boot=detected` }),
    /is to be a first boot now/,
  );
  assert.match(
    verdict("first-boot-changed", { loaded: { ...same, firstBoot: true } }),
    /the flag file is gone/,
  );
});

test("boot-not-confirmed: with the counters of the running slot", () => {
  const slots = [{ ...SLOT_A, successful: false }, SLOT_B];
  assert.match(
    verdict("boot-not-confirmed", { disk: { ...disk, slots } }),
    /USR-A is not marked good yet \(priority 1, tries 0, successful 0, expected 1\)/,
  );
  assert.equal(verdict("boot-not-confirmed", { disk: { ...disk, slots }, running: null }), "");
});

test("new-boot-layout: boot loader entries, unified kernels, systemd-boot", () => {
  const layout = (files: Record<string, string | Uint8Array>): string =>
    verdict("new-boot-layout", { host: hostWith({ files }) });
  assert.match(layout({ "/boot/loader/entries/a.conf": "" }), /There are 1 boot loader entries/);
  assert.match(layout({ "/boot/EFI/Linux/flatcar.EFI": "" }), /There are 1 unified kernel images/);
  assert.equal(layout({ "/boot/EFI/Linux/readme.txt": "" }), "");
  const info = (text: string): Record<string, Uint8Array> => ({
    "/sys/firmware/efi/efivars/LoaderInfo-4a67b082-0a4c-41cf-b6c7-440b29bb8c4f": new Uint8Array([
      ...[6, 0, 0, 0],
      ...[...text + "\0"].flatMap((character) => [character.charCodeAt(0), 0]),
    ]),
  });
  assert.match(layout(info("systemd-boot 257")), /This boot came from systemd-boot 257, expected GRUB/);
  assert.equal(layout(info("GRUB 2.12")), "");
});
