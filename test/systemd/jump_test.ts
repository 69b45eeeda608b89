import assert from "node:assert/strict";
import { test } from "node:test";
import type { RunProgram } from "../../src/systemd/control.ts";
import { jumpIsKexec } from "../../src/systemd/jump.ts";

const systemd = (answers: Readonly<Record<string, string>>): RunProgram => (argv) => {
  const stdout = answers[argv.slice(-1)[0] ?? ""];
  return { status: stdout === undefined ? 1 : 0, stdout: `${stdout ?? ""}\n`, stderr: "", failure: null };
};

test("jumpIsKexec() says yes while kexec.target has a job", () => {
  assert.equal(jumpIsKexec(systemd({ "kexec.target": "1234" })), true);
});

test("jumpIsKexec() says yes when systemd-reboot.service will end in a kexec", () => {
  for (const none of ["", "0"]) {
    assert.equal(
      jumpIsKexec(systemd({ "kexec.target": none, "systemd-reboot.service": "kexec-force" })),
      true,
    );
    assert.equal(
      jumpIsKexec(systemd({ "kexec.target": none, "systemd-reboot.service": "reboot-force" })),
      false,
    );
  }
});

test("jumpIsKexec() does not know where systemd does not answer", () => {
  assert.equal(jumpIsKexec(systemd({})), null);
});
