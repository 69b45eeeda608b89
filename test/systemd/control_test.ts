import assert from "node:assert/strict";
import { test } from "node:test";
import { KexecError } from "../../src/lib/errors.ts";
import { type CommandResult, runProgram, systemdControl } from "../../src/systemd/control.ts";

function withAnswers(answers: Readonly<Record<string, Partial<CommandResult>>> = {}) {
  const calls: string[] = [];
  const environments: Readonly<Record<string, string>>[] = [];
  const control = systemdControl((argv, environment) => {
    const line = argv.join(" ");
    calls.push(line);
    environments.push(environment);
    return { status: 0, stdout: "", stderr: "", failure: null, ...answers[line] };
  });
  return { control, calls, environments };
}

const PROPERTY = "busctl get-property org.freedesktop.systemd1 /org/freedesktop/systemd1 " +
  "org.freedesktop.systemd1.Manager KExecWatchdogUSec";

test("numbers are read as numbers, whatever else is unknown", () => {
  const read = (stdout: string, status = 0) =>
    withAnswers({ [PROPERTY]: { stdout, status } }).control.numberProperty("KExecWatchdogUSec");
  assert.equal(read("t 20000000\n"), 20000000);
  assert.equal(read("t 0\n"), 0);
  assert.equal(read('s "x"\n'), null);
  assert.equal(read("t 5\n", 1), null);
  const show = "systemctl show --property=FirmwareTimestampMonotonic --value";
  const { control } = withAnswers({ [show]: { stdout: "96400000\n" } });
  assert.equal(control.numberProperty("FirmwareTimestampMonotonic"), 96400000);
  assert.equal(control.numberProperty("LoaderTimestampMonotonic"), null);
});

test("the release of the running systemd is a number, whatever a distribution or a developer puts around it", () => {
  const version = (stdout: string, status = 0) =>
    withAnswers({ "systemctl show --property=Version --value": { stdout, status } }).control.version();
  assert.equal(version("257.13-1~deb13u1\n"), 257);
  assert.equal(version("252.38-1~deb12u1\n"), 252);
  assert.equal(version("255 (255.8)\n"), 255);
  assert.equal(version("v258-rc1\n"), 258);
  assert.equal(version("\n"), null);
  assert.equal(version("257\n", 1), null);
});

test("the watchdog is set as a 64-bit number over the bus", () => {
  const { control, calls } = withAnswers();
  control.setKexecWatchdog(120_000_000);
  assert.equal(calls[0], PROPERTY.replace("get-", "set-") + " t 120000000");
});

test("a cold reboot keeps systemctl from using a kernel that somebody loads in between", () => {
  const { control, calls, environments } = withAnswers();
  control.reboot("firmware");
  control.reboot("kexec", { ignoreInhibitors: true });
  assert.deepEqual(calls, ["systemctl reboot", "systemctl --check-inhibitors=no kexec"]);
  assert.equal(environments[0]?.["SYSTEMCTL_SKIP_AUTO_KEXEC"], "1");
  assert.equal(environments[1]?.["SYSTEMCTL_SKIP_AUTO_KEXEC"], undefined);
});

test("what systemctl said is in the error", () => {
  const { control } = withAnswers({
    "systemctl daemon-reload": { status: 1, stderr: "Failed to connect to bus: Host is down\n" },
    "systemctl stop x.path": { status: null, failure: "ENOENT" },
  });
  assert.throws(
    () => control.daemonReload(),
    (error) =>
      error instanceof KexecError && error.code === "systemd-failed" &&
      error.message === "Cannot make systemd read its units again: 'systemctl daemon-reload' failed: " +
          "Failed to connect to bus: Host is down",
  );
  assert.throws(() => control.stop("x.path"), /Cannot stop x\.path: 'systemctl stop x\.path' failed: ENOENT/);
});

test("whether the system is stopping is known, or not, but never guessed", () => {
  const answer = (stdout: string) =>
    withAnswers({ "systemctl is-system-running": { stdout, status: 1 } }).control.isStopping();
  assert.equal(answer("stopping\n"), true);
  assert.equal(answer("degraded\n"), false);
  assert.equal(answer("offline\n"), null);
  assert.equal(answer(""), null);
});

test("a system that goes down before it has booted is stopping, as the jobs of its targets tell", () => {
  const asked = (reboot: Partial<CommandResult>, kexec: Partial<CommandResult>) =>
    withAnswers({
      "systemctl is-system-running": { stdout: "starting\n", status: 1 },
      "systemctl show --property=Job reboot.target": reboot,
      "systemctl show --property=Job kexec.target": kexec,
    }).control.isStopping();
  const none = { stdout: "Job=\n" };
  assert.equal(asked({ stdout: "Job=1234\n" }, none), true);
  assert.equal(asked({ stdout: "Job=0\n" }, { stdout: "Job=77\n" }), true);
  assert.equal(asked({ stdout: "\n" }, { stdout: "Job=0\n" }), false);
  assert.equal(asked(none, { status: 1 }), null);
});

const isDeno = "Deno" in globalThis;

test(
  isDeno
    ? "programs get the variables given and no others (skipped: Deno's node:child_process adds its own)"
    : "programs get the variables given and no others",
  { skip: isDeno },
  () => assert.equal(runProgram(["/usr/bin/env"], { ONLY: "this" }).stdout, "ONLY=this\n"),
);

test("a program that is missing is a failure with its reason", () => {
  assert.equal(runProgram(["/nonexistent/program"], {}).failure, "ENOENT");
});
