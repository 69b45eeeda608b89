import assert from "node:assert/strict";
import { test } from "node:test";
import { refusalOf } from "../../src/cli/reboot_refusal.ts";
import { EXIT, KexecError } from "../../src/lib/errors.ts";

test("what keeps a kexec from happening leads to an ordinary reboot, and is said", () => {
  for (
    const [error, exit] of [
      [new KexecError("kexec-failed", "Cannot load '/boot/flatcar/vmlinuz-a': no memory"), EXIT.kexecRefused],
      [new KexecError("config-invalid", "Cannot use /etc/flatcar-kexec/config.toml"), EXIT.error],
      [new KexecError("not-flatcar", "Cannot find the boot disk"), EXIT.notFlatcar],
      [new KexecError("update-engine-busy", "update-engine is writing"), EXIT.tryLater],
    ] as const
  ) {
    assert.deepEqual(refusalOf(error), { exit, sentence: `no kexec: ${error.message}` });
  }
});

test("a defect of ours does not keep the machine from rebooting either", () => {
  assert.deepEqual(refusalOf(new TypeError("undefined is not an object")), {
    exit: EXIT.error,
    sentence: "no kexec, for a defect of flatcar-kexec: undefined is not an object",
  });
});

test("no reboot follows a wrong call, while another command is at work, and over somebody else's kernel", () => {
  for (const code of ["usage", "lock-held", "foreign-kernel-loaded"] as const) {
    assert.equal(refusalOf(new KexecError(code, "Cannot")), null);
  }
});
