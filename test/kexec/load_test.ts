import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { type Config, DEFAULT_CONFIG } from "../../src/config/config.ts";
import { createHost } from "../../src/host/live.ts";
import { createFileStore } from "../../src/journal/file_store.ts";
import type { JournalEntry } from "../../src/journal/journal_entry.ts";
import type { StateStore } from "../../src/journal/store.ts";
import { loadPlanned, type LoadPorts, unloadLoaded, whatIsLoaded } from "../../src/kexec/load.ts";
import { KexecError } from "../../src/lib/errors.ts";
import { makePlan, type Planning } from "../../src/plan/make_plan.ts";
import { writeSampleHost } from "../support/sample_host.ts";
import { withTempFolder } from "../support/temp_folder.ts";

interface Stage {
  readonly planning: Planning;
  readonly store: StateStore;
  readonly ports: LoadPorts;
  /** What was done, in order. */
  readonly steps: string[];
  readonly written: Map<string, Uint8Array>;
  readonly entries: JournalEntry[];
  loaded: boolean;
  /** What kexec says instead of loading. */
  refusal: string | null;
  arrangeFails: boolean;
}

function stage(folder: string, config: Config = DEFAULT_CONFIG): Stage {
  const sample = writeSampleHost(join(folder, "host"));
  const host = createHost({ root: sample.root, arch: sample.arch });
  const planning = makePlan(host, { config, allow: [], history: { consecutive: 0, quarantined: [] } });
  const store = createFileStore({ stateFolder: join(folder, "state"), runFolder: join(folder, "run") });
  const steps: string[] = [];
  const written = new Map<string, Uint8Array>();
  const entries: JournalEntry[] = [];
  const it: Stage = {
    planning,
    entries,
    store,
    steps,
    written,
    loaded: false,
    refusal: null,
    arrangeFails: false,
    ports: {
      host,
      store,
      machine: {
        run(_program, args) {
          if (args.includes("-u")) {
            steps.push("unload");
            it.loaded = false;
          } else {
            steps.push(`load, record ${store.readLoad().value === null ? "absent" : "present"}`);
            steps.push(...args.filter((arg) => arg.startsWith("--initrd")));
            if (it.refusal !== null) return { status: 255, stderr: it.refusal, failure: null };
            it.loaded = true;
          }
          return { status: 0, stderr: "", failure: null };
        },
        isLoaded: () => it.loaded,
        dropCaches: () => {},
      },
      jump: {
        arrange() {
          steps.push("arrange");
          if (it.arrangeFails) throw new KexecError("systemd-failed", "Cannot write a unit");
        },
        cancel: () => void steps.push("cancel"),
        endInReboot: () => void steps.push("end in reboot"),
        setWatchdog: (microseconds) => (steps.push(`watchdog ${microseconds}`), 7),
      },
      journal: { send: (entry) => void entries.push(entry) },
      writeInitrd: (path, archive) => void written.set(path, archive),
      readFile: (path) => written.get(path) ?? readFileSync(join(folder, path.slice(1))),
      now: () => new Date("2026-01-01T00:00:00Z"),
    },
  };
  return it;
}

test("loadPlanned() has record and units in place before the kernel, and spends no try", () => {
  withTempFolder((folder) => {
    const it = stage(folder);
    const record = loadPlanned(it.planning, [], DEFAULT_CONFIG, it.ports);
    assert.deepEqual(it.steps, ["arrange", "load, record present"]);
    assert.deepEqual(it.entries.map(({ kind }) => kind), ["loaded"]);
    assert.equal(record.id, it.planning.attempt);
    assert.equal(record.cmdline, it.planning.plan.cmdline);
    assert.deepEqual(it.store.readLoad().value?.id, record.id);
    assert.deepEqual(whatIsLoaded(it.ports).kind, "ours");
    assert.ok(record.watched.some((file) => file.path === "/boot/flatcar/vmlinuz-b" && file.sha256 !== null));
    assert.equal(
      makePlan(it.ports.host, {
        config: DEFAULT_CONFIG,
        allow: [],
        history: { consecutive: 0, quarantined: [] },
      }).plan
        .slot?.tries,
      1,
    );
  });
});

test("loadPlanned() does not announce a kexec while an ordinary reboot is asked for", () => {
  withTempFolder((folder) => {
    const it = stage(folder);
    it.store.writeCold({ at: "2026-01-01T00:00:00.000Z", reason: "reboot --cold" });
    loadPlanned(it.planning, [], DEFAULT_CONFIG, it.ports);
    assert.match(it.entries[0]?.message ?? "", /the next reboot is an ordinary one: reboot --cold/);
  });
});

test("loadPlanned() leaves nothing behind when kexec refuses the kernel", () => {
  withTempFolder((folder) => {
    const it = stage(folder);
    it.refusal = "kexec_file_load failed: Invalid argument\n";
    assert.throws(
      () => loadPlanned(it.planning, [], DEFAULT_CONFIG, it.ports),
      (error: unknown) => error instanceof KexecError && error.code === "kexec-failed",
    );
    assert.equal(it.store.readLoad().value, null);
    assert.equal(it.steps.at(-1), "cancel");
    assert.deepEqual(whatIsLoaded(it.ports), { kind: "nothing" });
    // The next boot is to know why it came through the firmware.
    const [skip, ...more] = it.store.readLog().value.skips;
    assert.match(skip?.reason ?? "", /kexec_file_load failed: Invalid argument/);
    assert.equal(skip?.stage, "load");
    assert.deepEqual(more, []);
    assert.deepEqual(it.entries.map(({ kind }) => kind), ["skipped"]);
    assert.match(it.entries[0]?.message ?? "", /^No kexec, .*kexec_file_load failed: Invalid argument/);
  });
});

test("loadPlanned() loads nothing when the units cannot be written", () => {
  withTempFolder((folder) => {
    const it = stage(folder);
    it.arrangeFails = true;
    assert.throws(() => loadPlanned(it.planning, [], DEFAULT_CONFIG, it.ports), /Cannot write a unit/);
    assert.ok(!it.steps.some((step) => step.startsWith("load")));
    assert.equal(it.store.readLoad().value, null);
  });
});

test("loadPlanned() refuses where another program has loaded a kernel, and touches nothing", () => {
  withTempFolder((folder) => {
    const it = stage(folder);
    it.loaded = true;
    assert.throws(
      () => loadPlanned(it.planning, [], DEFAULT_CONFIG, it.ports),
      (error: unknown) => error instanceof KexecError && error.code === "foreign-kernel-loaded",
    );
    assert.deepEqual(it.steps, []);
  });
});

test("a kernel whose record is torn is ours: it is dropped before another is loaded, and by who asks", () => {
  withTempFolder((folder) => {
    const it = stage(folder);
    loadPlanned(it.planning, [], DEFAULT_CONFIG, it.ports);
    writeFileSync(join(folder, "run/loaded.json"), '{"version":1,"id":');
    assert.deepEqual(whatIsLoaded(it.ports), { kind: "damaged" });
    it.steps.length = 0;
    loadPlanned(it.planning, [], DEFAULT_CONFIG, it.ports);
    assert.deepEqual(it.steps, ["unload", "cancel", "arrange", "load, record present"]);
    assert.equal(whatIsLoaded(it.ports).kind, "ours");
  });
});

test("loadPlanned() drops its own earlier kernel first", () => {
  withTempFolder((folder) => {
    const it = stage(folder);
    loadPlanned(it.planning, [], DEFAULT_CONFIG, it.ports);
    it.steps.length = 0;
    loadPlanned(it.planning, [], DEFAULT_CONFIG, it.ports);
    assert.deepEqual(it.steps, ["unload", "cancel", "arrange", "load, record present"]);
  });
});

test("loadPlanned() leaves its earlier kernel loaded no longer where what it needs cannot be read any more", () => {
  withTempFolder((folder) => {
    const it = stage(folder);
    loadPlanned(it.planning, [], DEFAULT_CONFIG, it.ports);
    const planning = { ...it.planning, watched: ["/boot/flatcar"] };
    assert.throws(
      () => loadPlanned(planning, [], DEFAULT_CONFIG, it.ports),
      /Cannot load: .*\/boot\/flatcar/,
    );
    assert.deepEqual(whatIsLoaded(it.ports), { kind: "nothing" });
    assert.deepEqual(it.entries.map(({ kind }) => kind), ["loaded", "skipped"]);
  });
});

test("loadPlanned() sets the watchdog after the load, and unloadLoaded() puts it back", () => {
  withTempFolder((folder) => {
    const config = { ...DEFAULT_CONFIG, watchdogSeconds: 20 };
    const it = stage(folder, config);
    const record = loadPlanned(it.planning, [], config, it.ports);
    assert.deepEqual(it.steps.slice(-2), ["load, record present", "watchdog 20000000"]);
    assert.equal(record.watchdogBefore, 7);
    unloadLoaded(record, config, it.ports);
    assert.deepEqual(it.steps.slice(-3), ["unload", "cancel", "watchdog 7"]);
    assert.equal(it.store.readLoad().value, null);
  });
});

test("loadPlanned() joins several initial RAM disks into the one that kexec takes", () => {
  withTempFolder((folder) => {
    writeFileSync(join(folder, "first.cpio"), "12345");
    const config = { ...DEFAULT_CONFIG, kexec: { ...DEFAULT_CONFIG.kexec, initrds: ["/first.cpio"] } };
    const it = stage(folder, config);
    const planning = {
      ...it.planning,
      watched: [],
      plan: { ...it.planning.plan, initrds: ["/first.cpio", "/run/flatcar-kexec/initrd/acme.cpio"] },
    };
    const archive = new TextEncoder().encode("678");
    loadPlanned(planning, [{ path: "/run/flatcar-kexec/initrd/acme.cpio", archive }], config, it.ports);
    assert.equal(it.steps.at(-1), "--initrd=/run/flatcar-kexec/initrd/joined.cpio");
    assert.equal(
      new TextDecoder().decode(it.written.get("/run/flatcar-kexec/initrd/joined.cpio")),
      "12345\x00\x00\x00678\x00",
    );
  });
});

test("unloadLoaded() leaves record and units to a kernel that cannot be unloaded, so that commit still runs", () => {
  withTempFolder((folder) => {
    const it = stage(folder);
    const record = loadPlanned(it.planning, [], DEFAULT_CONFIG, it.ports);
    const ports = {
      ...it.ports,
      machine: { ...it.ports.machine, run: () => ({ status: 255, stderr: "busy", failure: null }) },
    };
    assert.throws(() => unloadLoaded(record, DEFAULT_CONFIG, ports), /busy/);
    assert.notEqual(it.store.readLoad().value, null);
    assert.ok(!it.steps.includes("cancel"));
  });
});

test("unloadLoaded() removes the record also where the units cannot be removed", () => {
  withTempFolder((folder) => {
    const it = stage(folder);
    const record = loadPlanned(it.planning, [], DEFAULT_CONFIG, it.ports);
    const cancel = (): never => {
      throw new KexecError("systemd-failed", "Cannot remove a unit");
    };
    const ports = { ...it.ports, jump: { ...it.ports.jump, cancel } };
    assert.throws(() => unloadLoaded(record, DEFAULT_CONFIG, ports), /Cannot remove a unit/);
    assert.equal(it.store.readLoad().value, null);
    assert.equal(it.loaded, false);
  });
});
