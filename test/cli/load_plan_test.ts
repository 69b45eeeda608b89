import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { isSame, keepArranged } from "../../src/cli/load_plan.ts";
import type { PlannedHost } from "../../src/cli/plan_host.ts";
import { type Config, DEFAULT_CONFIG } from "../../src/config/config.ts";
import { createHost } from "../../src/host/live.ts";
import type { LoadRecord } from "../../src/journal/load_record.ts";
import { createFileStore } from "../../src/journal/file_store.ts";
import { type InitrdArchive, loadDigest } from "../../src/kexec/load.ts";
import { watchFile } from "../../src/kexec/recheck.ts";
import { KexecError } from "../../src/lib/errors.ts";
import { makePlan } from "../../src/plan/make_plan.ts";
import { loadRecordOf } from "../../src/journal/load_record.ts";
import { writeSampleHost } from "../support/sample_host.ts";
import { withTempFolder, writeTree } from "../support/temp_folder.ts";

function planOf(root: string, config: Config): PlannedHost {
  const host = createHost({ root, arch: "x86_64" });
  const planning = makePlan(host, { config, allow: [], history: { consecutive: 0, quarantined: [] } });
  return { host, effective: { config, origins: {}, files: [] }, planning };
}

function recordOf({ host, planning, effective: { config } }: PlannedHost): LoadRecord {
  const { plan, disk, attempt, facts } = planning;
  assert.ok(disk !== null && attempt !== null && plan.cmdline !== null);
  const record = loadRecordOf(plan, {
    id: attempt,
    bootId: facts.bootId ?? "",
    loadedAt: "2026-01-01T00:00:00.000Z",
    tries: config.tries,
    cmdline: plan.cmdline,
    disk: disk.path,
    tableDigest: disk.tableDigest,
    kexec: { program: config.kexec.program, syscall: planning.syscall },
    firmwareRequests: [],
    watched: planning.watched.map((path) => {
      const file = watchFile(host, path);
      assert.ok(typeof file !== "string");
      return file;
    }),
    digest: loadDigest(planning, [], config, host),
    watchdogBefore: null,
  });
  assert.ok(record !== null);
  return record;
}

test("what is loaded is the same as long as nothing that load or commit go by has changed", () => {
  withTempFolder((folder) => {
    const { root } = writeSampleHost(folder);
    const record = recordOf(planOf(root, DEFAULT_CONFIG));
    assert.equal(isSame(record, planOf(root, DEFAULT_CONFIG), []), true);
    const levels: Config = { ...DEFAULT_CONFIG, checks: { "watchdog-missing": "off" } };
    assert.equal(isSame(record, planOf(root, levels), []), true, "findings do not change what is done");
  });
});

const OTHER: Readonly<Record<string, Partial<Config>>> = {
  "whose try is used up": { tries: "keep" },
  "the watchdog": { watchdogSeconds: 60 },
  "kexec's options": { kexec: { ...DEFAULT_CONFIG.kexec, options: ["--debug"] } },
  "the system call": { kexec: { ...DEFAULT_CONFIG.kexec, syscall: "load" } },
  "an initial RAM disk": { kexec: { ...DEFAULT_CONFIG.kexec, initrds: ["/boot/flatcar/vmlinuz-a"] } },
};

for (const [what, change] of Object.entries(OTHER)) {
  test(`what is loaded is not the same once the configuration changes ${what}`, () => {
    withTempFolder((folder) => {
      const { root } = writeSampleHost(folder);
      const record = recordOf(planOf(root, DEFAULT_CONFIG));
      assert.equal(isSame(record, planOf(root, { ...DEFAULT_CONFIG, ...change }), []), false);
    });
  });
}

test("what is loaded is not the same with other archives, firmware requests or files", () => {
  withTempFolder((folder) => {
    const { root } = writeSampleHost(folder);
    const planned = planOf(root, DEFAULT_CONFIG);
    const record = recordOf(planned);
    const archive: InitrdArchive = { path: "/run/x.cpio", archive: Uint8Array.of(1) };
    assert.equal(isSame(record, planned, [archive]), false);
    assert.equal(isSame({ ...record, digest: null }, planned, []), false, "an earlier version left none");
    writeTree(root, {
      "sys/firmware/efi/efivars/OsIndications-8be4df61-93ca-11d2-aa0d-00e098032b8c": Uint8Array.of(
        ...[7, 0, 0, 0],
        ...[1, 0, 0, 0, 0, 0, 0, 0],
      ),
    });
    assert.equal(isSame(record, planned, []), false);
  });
  withTempFolder((folder) => {
    const { root } = writeSampleHost(folder);
    const planned = planOf(root, DEFAULT_CONFIG);
    const record = recordOf(planned);
    writeFileSync(join(root, "oem/grub.cfg"), "set oem_id=other\n");
    assert.equal(isSame(record, planned, []), false);
  });
});

test("a kernel whose units cannot be kept in place does not stay loaded", () => {
  withTempFolder((folder) => {
    const { root } = writeSampleHost(join(folder, "host"));
    const planned = planOf(root, DEFAULT_CONFIG);
    const record = recordOf(planned);
    const store = createFileStore({ stateFolder: join(folder, "state"), runFolder: join(folder, "run") });
    store.writeLoad(record);
    let isLoaded = true;
    const fail = (): never => {
      throw new KexecError("systemd-failed", "the commit unit is masked");
    };
    const ports = {
      host: planned.host,
      store,
      machine: {
        run: () => (isLoaded = false, { status: 0, stderr: "", failure: null }),
        isLoaded: () => isLoaded,
        dropCaches: () => {},
      },
      journal: { send: () => {} },
      now: () => new Date("2026-01-01T00:00:00Z"),
      jump: { arrange: fail, cancel: () => {}, endInReboot: () => {}, setWatchdog: () => null },
    };
    assert.throws(() => keepArranged(record, DEFAULT_CONFIG, ports), /is masked/);
    assert.equal(isLoaded, false);
    assert.equal(store.readLoad().value, null);
    assert.deepEqual(store.readLog().value.skips.map(({ reason }) => reason), ["the commit unit is masked"]);
  });
});
