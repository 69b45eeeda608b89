import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { DEFAULT_CONFIG } from "../../src/config/config.ts";
import { createHost } from "../../src/host/live.ts";
import { createFileStore } from "../../src/journal/file_store.ts";
import type { StateStore } from "../../src/journal/store.ts";
import { type ColdOutcome, goCold } from "../../src/kexec/cold.ts";
import { loadPlanned, type LoadPorts, whatIsLoaded } from "../../src/kexec/load.ts";
import { KexecError } from "../../src/lib/errors.ts";
import { makePlan } from "../../src/plan/make_plan.ts";
import { writeSampleHost } from "../support/sample_host.ts";
import { withTempFolder } from "../support/temp_folder.ts";

type Fault = "unload" | "cold.json" | "units";

interface Stage {
  readonly store: StateStore;
  readonly steps: string[];
  readonly ports: LoadPorts;
  readonly faults: Set<Fault>;
  cold(isNews?: boolean): ColdOutcome;
}

/** A host with a kernel of ours loaded. */
function stage(folder: string): Stage {
  const sample = writeSampleHost(join(folder, "host"));
  const host = createHost({ root: sample.root, arch: sample.arch });
  const files = createFileStore({ stateFolder: join(folder, "state"), runFolder: join(folder, "run") });
  const steps: string[] = [];
  const faults = new Set<Fault>();
  let isLoaded = false;
  const failIf = (fault: Fault, step: string): void => {
    steps.push(step);
    if (faults.has(fault)) throw new KexecError("write-failed", `${step} failed`);
  };
  const store: StateStore = {
    ...files,
    writeCold(request) {
      failIf("cold.json", "cold.json");
      files.writeCold(request);
    },
  };
  const ports: LoadPorts = {
    host,
    store,
    machine: {
      run(_program, args) {
        const isUnload = args.includes("-u");
        if (isUnload && faults.has("unload")) return { status: 255, stderr: "busy", failure: null };
        isLoaded = !isUnload;
        return { status: 0, stderr: "", failure: null };
      },
      isLoaded: () => isLoaded,
      dropCaches: () => {},
    },
    jump: {
      arrange: () => {},
      cancel: () => failIf("units", "cancel"),
      endInReboot: () => failIf("units", "end in reboot"),
      setWatchdog: () => null,
    },
    journal: { send: () => {} },
    writeInitrd: () => {},
    readFile: () => new Uint8Array(),
    now: () => new Date("2026-01-01T00:00:00Z"),
  };
  const planning = makePlan(host, {
    config: DEFAULT_CONFIG,
    allow: [],
    history: { consecutive: 0, quarantined: [] },
  });
  loadPlanned(planning, [], DEFAULT_CONFIG, ports);
  return {
    store,
    steps,
    ports,
    faults,
    cold: (isNews = true) =>
      goCold(ports, DEFAULT_CONFIG, { request: "reboot --cold", skipped: "it was asked for", isNews }),
  };
}

test("goCold() leaves its request before anything else, drops the kernel and leaves word for the next boot", () => {
  withTempFolder((folder) => {
    const it = stage(folder);
    assert.deepEqual(it.cold(), { isCertain: true, problems: [] });
    assert.deepEqual(it.steps, ["cold.json", "cancel"]);
    assert.equal(whatIsLoaded(it.ports).kind, "nothing");
    assert.equal(it.store.readCold().value?.reason, "reboot --cold");
    it.cold(false);
    const reasons = () => it.store.readLog().value.skips.map(({ reason }) => reason);
    assert.deepEqual(reasons(), ["it was asked for"], "left already");
    it.cold(true);
    assert.equal(reasons().length, 2);
  });
});

test("goCold() unloads where its request cannot be written, and says so", () => {
  withTempFolder((folder) => {
    const it = stage(folder);
    it.faults.add("cold.json");
    assert.deepEqual(it.cold(), { isCertain: true, problems: ["cold.json failed"] });
    assert.equal(whatIsLoaded(it.ports).kind, "nothing");
  });
});

test("goCold() goes on where systemd does not read its units again: with nothing loaded there is no kexec", () => {
  withTempFolder((folder) => {
    const it = stage(folder);
    it.faults.add("units");
    assert.deepEqual(it.cold(), { isCertain: true, problems: ["cancel failed"] });
  });
});

test("goCold() lets no reboot end in a kexec where the kernel cannot be unloaded, and keeps commit", () => {
  withTempFolder((folder) => {
    const it = stage(folder);
    it.faults.add("unload");
    const { isCertain, problems } = it.cold();
    assert.equal(isCertain, true);
    assert.match(problems.join(), /^Cannot unload the kernel: .*: busy$/);
    assert.deepEqual(it.steps, ["cold.json", "end in reboot"]);
    assert.notEqual(it.store.readLoad().value, null);
  });
});

test("goCold() claims nothing where the kernel stays loaded and a reboot would end in it", () => {
  withTempFolder((folder) => {
    const it = stage(folder);
    for (const fault of ["unload", "cold.json", "units"] as const) it.faults.add(fault);
    const { isCertain, problems } = it.cold();
    assert.equal(isCertain, false);
    assert.equal(problems.length, 3);
  });
});
