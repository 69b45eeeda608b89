import assert from "node:assert/strict";
import { test } from "node:test";
import {
  type KexecMachine,
  loadArguments,
  loadKernel,
  type LoadRequest,
  type ProgramOutcome,
  unloadKernel,
} from "../../src/kexec/kexec_tools.ts";
import { KexecError } from "../../src/lib/errors.ts";

const REQUEST: LoadRequest = {
  kernel: "/boot/flatcar/vmlinuz-b",
  cmdline: "BOOT_IMAGE=/flatcar/vmlinuz-b root=LABEL=ROOT",
  initrd: null,
  deviceTree: null,
  syscall: "file",
  options: [],
};

interface FakeMachine extends KexecMachine {
  readonly calls: (readonly string[])[];
  readonly drops: () => number;
}

function fakeMachine(outcomes: readonly Partial<ProgramOutcome>[], loaded: boolean | null): FakeMachine {
  const calls: (readonly string[])[] = [];
  let drops = 0;
  return {
    calls,
    drops: () => drops,
    run(program, args) {
      calls.push([program, ...args]);
      return { status: 0, stderr: "", failure: null, ...outcomes[calls.length - 1] };
    },
    isLoaded: () => loaded,
    dropCaches: () => void drops++,
  };
}

test("loadArguments() names the syscall, loads only, and passes the command line whole", () => {
  assert.deepEqual(loadArguments(REQUEST), [
    "-s",
    "--command-line=BOOT_IMAGE=/flatcar/vmlinuz-b root=LABEL=ROOT",
    "-l",
    "/boot/flatcar/vmlinuz-b",
  ]);
});

test("loadArguments() gives the initrd and the device tree to kexec_load, after the administrator's options", () => {
  const args = loadArguments({
    ...REQUEST,
    syscall: "load",
    initrd: "/run/a.cpio",
    deviceTree: "/oem/board.dtb",
    options: ["--no-checks"],
  });
  assert.deepEqual(args.slice(0, 4), [
    "--no-checks",
    "-c",
    "--initrd=/run/a.cpio",
    "--dtb=/oem/board.dtb",
  ]);
});

test("loadArguments() refuses a device tree with kexec_file_load, which would ignore it", () => {
  assert.throws(() => loadArguments({ ...REQUEST, deviceTree: "/oem/board.dtb" }), KexecError);
});

test("loadKernel() drops caches once and tries again when memory is short", () => {
  const short = { status: 255, stderr: "kexec_file_load failed: Cannot allocate memory\n" };
  const machine = fakeMachine([short, {}], true);
  loadKernel(machine, "/usr/sbin/kexec", REQUEST);
  assert.equal(machine.calls.length, 2);
  assert.equal(machine.drops(), 1);

  const hopeless = fakeMachine([short, short, {}], true);
  assert.throws(
    () => loadKernel(hopeless, "/usr/sbin/kexec", REQUEST),
    (error: unknown) =>
      error instanceof KexecError && error.code === "kexec-failed" && error.message.includes("memory"),
  );
  assert.equal(hopeless.calls.length, 2);
});

test("loadKernel() says what kexec said, and that a missing program is missing", () => {
  assert.throws(
    () =>
      loadKernel(
        fakeMachine([{ status: 255, stderr: "x\nInvalid argument\n" }], false),
        "/usr/sbin/kexec",
        REQUEST,
      ),
    /Cannot load '\/boot\/flatcar\/vmlinuz-b': \/usr\/sbin\/kexec ended with exit status 255: x; Invalid argument/,
  );
  assert.throws(
    () => loadKernel(fakeMachine([{ status: null, failure: "ENOENT" }], null), "/usr/sbin/kexec", REQUEST),
    (error: unknown) => error instanceof KexecError && error.code === "kexec-tools-missing",
  );
});

test("loadKernel() does not believe a success that left nothing loaded", () => {
  assert.throws(
    () => loadKernel(fakeMachine([{}], false), "kexec", REQUEST),
    /kexec_loaded is 0, expected 1/,
  );
});

test("unloadKernel() uses the syscall of the load and checks that nothing is left", () => {
  const machine = fakeMachine([{}], false);
  unloadKernel(machine, "kexec", "load");
  assert.deepEqual(machine.calls, [["kexec", "-c", "-u"]]);
  assert.throws(
    () => unloadKernel(fakeMachine([{}], true), "kexec", "file"),
    /kexec_loaded is 1, expected 0/,
  );
});

test("unloadKernel() does not send in a circle who wants an ordinary reboot", () => {
  for (const stderr of ["", "Operation not permitted\n", "Device or resource busy\n"]) {
    assert.throws(
      () => unloadKernel(fakeMachine([{ status: 255, stderr }], true), "kexec", "file"),
      (error: unknown) =>
        error instanceof KexecError && error.hint?.includes("'systemctl reboot --force'") === true &&
        !error.hint.includes("--cold"),
    );
  }
});
