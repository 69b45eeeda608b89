import assert from "node:assert/strict";
import { test } from "node:test";
import type { RunProgram } from "../../src/systemd/control.ts";
import { jumpIsKexec } from "../../src/systemd/jump.ts";
import { rebootDropIn } from "../../src/systemd/units.ts";

/** A systemd that shows these properties, asked for by the name of the unit. */
const systemd = (answers: Readonly<Record<string, string>>): RunProgram => (argv) => {
  const stdout = answers[argv.slice(-1)[0] ?? ""];
  return { status: stdout === undefined ? 1 : 0, stdout: `${stdout ?? ""}\n`, stderr: "", failure: null };
};

const jump = (job: string, ending: string): boolean | null =>
  jumpIsKexec(systemd({ "kexec.target": job, "systemd-reboot.service": ending }));

test("jumpIsKexec() says yes while kexec.target has a job", () => {
  assert.equal(jump("Job=1234", "SuccessAction=reboot-force"), true);
});

test("jumpIsKexec() says yes when systemd-reboot.service will end in a kexec, by its action or by a command", () => {
  const command = /^ExecStart=\/bin\/sh -c "(.*)"$/m.exec(rebootDropIn(252))?.[1]
    ?.replaceAll("$$", "$").replaceAll('\\"', '"') ?? "";
  // As systemd 252 shows a command line.
  const shown =
    `ExecStart={ path=/bin/sh ; argv[]=/bin/sh -c ${command} ; ignore_errors=no ; pid=0 ; status=0/0 }`;
  for (const none of ["Job=", "Job=0", ""]) {
    assert.equal(jump(none, "SuccessAction=kexec-force"), true);
    assert.equal(jump(none, `${shown}\nSuccessAction=reboot-force`), true);
    assert.equal(jump(none, "SuccessAction=reboot-force"), false);
    assert.equal(
      jump(none, "ExecStart={ path=/bin/true ; argv[]=/bin/true }\nSuccessAction=reboot-force"),
      false,
    );
  }
});

test("jumpIsKexec() does not know where systemd does not answer", () => {
  assert.equal(jumpIsKexec(systemd({})), null);
});
