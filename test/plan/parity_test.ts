import assert from "node:assert/strict";
import { test } from "node:test";
import { compareParity as compare, type Parity } from "../../src/plan/parity.ts";
import type { PlannedToken } from "../../src/plan/plan.ts";

const tokens = (text: string): readonly PlannedToken[] =>
  text.split(" ").map((word, index) => ({ text: word, origin: `grub.cfg:${index}` }));
const BUILTIN_PREFIX = "rootflags=rw mount.usrflags=ro ";
const compareParity = (running: string | null, expected: readonly PlannedToken[] | null): Parity =>
  compare(running, expected, "x86_64");
const LINE =
  "BOOT_IMAGE=/flatcar/vmlinuz-a mount.usr=/dev/mapper/usr root=LABEL=ROOT console=tty0 verity.usrhash=00";

test("compareParity() matches the same line, with and without the words built into an x86-64 kernel", () => {
  assert.deepEqual(compareParity(LINE, tokens(LINE)), { verdict: "match" });
  assert.deepEqual(compareParity(BUILTIN_PREFIX + LINE, tokens(LINE)), { verdict: "match" });
});

test("compareParity() knows that arm64 kernels have no words built in", () => {
  assert.equal(compare(BUILTIN_PREFIX + LINE, tokens(LINE), "aarch64").verdict, "mismatch");
});

test("compareParity() does not take the built-in words away twice", () => {
  const parity = compareParity(BUILTIN_PREFIX + BUILTIN_PREFIX + LINE, tokens(LINE));
  assert.equal(parity.verdict, "mismatch");
});

test("compareParity() knows nothing of a line with bytes that are not UTF-8", () => {
  assert.equal(compareParity(`${LINE} \ufffd`, tokens(`${LINE} \ufffd`)).verdict, "unknown");
});

test("compareParity() shows each token that differs, with its origin", () => {
  const parity = compareParity(LINE.replace("tty0", "ttyS1"), tokens(LINE));
  assert.equal(parity.verdict, "mismatch");
  assert.deepEqual(parity.verdict === "mismatch" ? parity.differences : [], [
    { kind: "missing", text: "console=tty0", origin: "grub.cfg:3" },
    { kind: "unexpected", text: "console=ttyS1", origin: null },
  ]);
});

test("compareParity() is exact about blanks", () => {
  const parity = compareParity(LINE.replace(" root", "  root"), tokens(LINE));
  assert.equal(parity.verdict, "mismatch");
});

test("compareParity() knows nothing of a boot that has no BOOT_IMAGE", () => {
  assert.equal(compareParity("initrd=x root=/dev/ram0", tokens(LINE)).verdict, "unknown");
  assert.equal(compareParity(null, tokens(LINE)).verdict, "unknown");
  assert.equal(compareParity(LINE, null).verdict, "unknown");
});

for (
  const [change, running, cause] of [
    [
      "a menu entry by label",
      LINE.replace("mount.usr=/dev/mapper/usr", "mount.usr=PARTLABEL=USR-B"),
      /by hand in GRUB's menu/,
    ],
    ["another kernel file", LINE.replace("usrhash=00", "usrhash=11"), /was replaced since the boot/],
    ["words typed at the end", `${LINE} systemd.unit=rescue.target`, /added by hand/],
    ["another console", LINE.replace("console=tty0", "console=ttyS1"), /OEM's grub.cfg was edited/],
    ["another kernel", LINE.replace("vmlinuz-a", "vmlinuz-b"), /started another kernel/],
    ["a reused command line", `${BUILTIN_PREFIX.repeat(3)}${LINE}`, /reuse-cmdline/],
  ] as const
) {
  test(`compareParity() guesses the cause of ${change}`, () => {
    const parity = compareParity(running, tokens(LINE));
    assert.match(parity.verdict === "mismatch" ? parity.cause : "", cause);
  });
}
