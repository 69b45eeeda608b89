import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { describe, it } from "node:test";
import { tmpdir } from "node:os";
import {
  liveQuiesceMachine,
  performActions,
  type QuiesceMachine,
  type QuiesceRun,
  vetoesOf,
} from "../../src/kexec/quiesce.ts";
import type { QuiesceAction, QuiesceStep } from "../../src/plugin/api.ts";
import { planAction } from "../../src/plugin/quiesce.ts";

const OK: QuiesceRun = { status: 0, stderr: "", failure: null };

/** A machine that has these paths and modules, and answers by program. */
function machine(
  has: { readonly paths?: readonly string[]; readonly modules?: readonly string[] },
  answers: Readonly<Record<string, QuiesceRun>> = {},
) {
  const calls: string[] = [];
  const fake: QuiesceMachine = {
    run(program, args, input, seconds) {
      calls.push(`${program} ${args.join(" ")}${input === "" ? "" : ` <${input}`} ${seconds}s`);
      return answers[program] ?? OK;
    },
    exists: (path) => has.paths?.includes(path) === true,
    isModuleLoaded: (name) => has.modules?.includes(name) === true,
  };
  return { fake, calls };
}

type Policy = Pick<QuiesceAction, "onFailure" | "timeLimit">;
const plan = (step: QuiesceStep, policy: Policy = {}) =>
  planAction("acme", { ...step, reason: "the card is loud", ...policy });
const module = (name: string, policy: Policy = {}) => plan({ kind: "unload-module", module: name }, policy);

describe("performActions()", () => {
  it("unloads modules, stops units, detaches devices and writes attributes, each in its time", () => {
    const device = "/sys/bus/pci/devices/0000:3b:00.0";
    const { fake, calls } = machine({
      modules: ["acme"],
      paths: [device, `${device}/driver`, "/sys/class/acme/quiet"],
    });
    const results = performActions([
      module("acme", { timeLimit: 20 }),
      plan({ kind: "stop-unit", unit: "acmed.service" }),
      plan({ kind: "unbind-pci", address: "0000:3b:00.0" }),
      plan({ kind: "write-sysfs", path: "/sys/class/acme/quiet", value: "1\n" }),
    ], fake);
    assert.deepEqual(calls, [
      "modprobe --remove -- acme 20s",
      "systemctl stop -- acmed.service 10s",
      `tee ${device}/driver/unbind <0000:3b:00.0 10s`,
      "tee /sys/class/acme/quiet <1\n 10s",
    ]);
    assert.deepEqual(results.map(({ outcome }) => outcome), ["done", "done", "done", "done"]);
    assert.equal(results[0]?.message, "plugin acme: unload module acme: done (the card is loud)");
  });

  it("has nothing to do where nothing is in the way", () => {
    const { fake, calls } = machine({ paths: ["/sys/bus/pci/devices/0000:00:02.0"] }, {
      systemctl: { status: 5, stderr: "Unit acmed.service not loaded.", failure: null },
    });
    const results = performActions([
      module("acme"),
      plan({ kind: "stop-unit", unit: "acmed.service" }),
      plan({ kind: "unbind-pci", address: "0000:00:02.0" }),
      plan({ kind: "unbind-pci", address: "0000:00:03.0" }),
    ], fake);
    assert.deepEqual(results.map(({ outcome }) => outcome), ["unneeded", "unneeded", "unneeded", "unneeded"]);
    assert.deepEqual(calls, ["systemctl stop -- acmed.service 10s"]);
    assert.deepEqual(vetoesOf(results), []);
  });

  it("stops at a failure that must not be, with the program's own word for it", () => {
    const { fake, calls } = machine({ modules: ["one", "two"] }, {
      modprobe: { status: 1, stderr: "modprobe: FATAL: Module one is in use.\n", failure: null },
    });
    const results = performActions([module("one"), module("two")], fake);
    assert.equal(calls.length, 1);
    assert.deepEqual(vetoesOf(results), [
      "Cannot do what plugin acme: unload module one asks for: modprobe: FATAL: Module one is in use.",
    ]);
  });

  it("goes on after a failure that may be", () => {
    const { fake, calls } = machine({ modules: ["one", "two"] }, {
      modprobe: { status: null, stderr: "", failure: "it took longer than 10 seconds" },
    });
    const results = performActions(
      [module("one", { onFailure: "ignore" }), module("two", { onFailure: "ignore" })],
      fake,
    );
    assert.equal(calls.length, 2);
    assert.deepEqual(results.map(({ outcome }) => outcome), ["failed", "failed"]);
    assert.deepEqual(vetoesOf(results), []);
  });

  it("tells of each action as it ends", () => {
    const told: string[] = [];
    performActions([module("one")], machine({}).fake, ({ message }) => told.push(message));
    assert.deepEqual(told, ["plugin acme: unload module one: nothing to do, it is not loaded"]);
  });

  it("fails on an attribute that is not there", () => {
    const results = performActions(
      [plan({ kind: "write-sysfs", path: "/sys/class/acme/quiet", value: "1" })],
      machine({}).fake,
    );
    assert.match(vetoesOf(results)[0] ?? "", /there is no such attribute$/);
  });
});

describe("liveQuiesceMachine()", () => {
  const live = liveQuiesceMachine();

  it("writes what tee is given", () => {
    const folder = mkdtempSync(`${tmpdir()}/flatcar-kexec-quiesce-`);
    try {
      writeFileSync(`${folder}/attribute`, "");
      assert.deepEqual(live.run("tee", [`${folder}/attribute`], "0000:3b:00.0", 10), OK);
      assert.equal(readFileSync(`${folder}/attribute`, "utf8"), "0000:3b:00.0");
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  it("says what is not there, and knows no module of that name", () => {
    assert.equal(
      live.run("flatcar-kexec-no-such-program", [], "", 1).failure,
      "flatcar-kexec-no-such-program is not there",
    );
    assert.equal(live.isModuleLoaded("flatcar-kexec-no-such-module"), false);
  });

  const onBun = process.versions["bun"] !== undefined;
  const title = "ends a program that takes too long";
  it(onBun ? title : `${title} (skipped: Deno's spawnSync has no time limit)`, { skip: !onBun }, () => {
    const started = performance.now();
    assert.match(live.run("sleep", ["30"], "", 1).failure ?? "", /longer than 1 seconds/);
    assert.ok(performance.now() - started < 10_000);
  });
});

describe("planAction()", () => {
  const refuses = (step: QuiesceStep, message: RegExp) => assert.throws(() => plan(step), message);

  it("takes no name that is more than a name", () => {
    for (const bad of ["", "-r", "nvidia;reboot", "../x", "a b", "a\n", "x".repeat(65)]) {
      refuses({ kind: "unload-module", module: bad }, /expected a module's name/);
    }
    for (
      const bad of ["", "acmed", "--force.service", "-.mount", "../x.service", "a b.service", "x.device"]
    ) {
      refuses({ kind: "stop-unit", unit: bad }, /expected a unit's full name/);
    }
    for (const bad of ["", "3b:00.0", "0000:3b:00.8", "0000:3b:00.0/..", "0000:3B:00.0", "0000:3b:20.0"]) {
      refuses({ kind: "unbind-pci", address: bad }, /expected a PCI address/);
    }
    for (
      const bad of [
        "/sys/class/../../etc/passwd",
        "/etc/passwd",
        "/sys/class/./x",
        "/sys/class//x",
        "/sys",
        "/sys/class",
        "/sysx/class/y",
        "/sys/class/.x",
        "/sys/fs/cgroup/x",
      ]
    ) refuses({ kind: "write-sysfs", path: bad, value: "1" }, /expected an attribute below \/sys/);
    refuses(
      { kind: "write-sysfs", path: "/sys/kernel/kexec_loaded", value: "1" },
      /belongs to flatcar-kexec/,
    );
    refuses({ kind: "write-sysfs", path: "/sys/class/x/y", value: "\0" }, /has a NUL/);
  });

  it("takes a time limit of a second to a minute", () => {
    for (const timeLimit of [0, 61, Number.NaN, -1]) {
      assert.throws(() => module("one", { timeLimit }), /expected 1 to 60/);
    }
    assert.equal(module("one").timeLimit, 10);
    assert.equal(module("one").onFailure, "refuse");
  });
});
