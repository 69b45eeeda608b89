import assert from "node:assert/strict";
import * as nodeFs from "node:fs";
import {
  appendFileSync,
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { test } from "node:test";
import fc from "fast-check";
import type { FileOperations } from "../../src/journal/atomic_file.ts";
import type { AttemptEvent } from "../../src/journal/attempt.ts";
import { createFileStore, LOG_LIMIT } from "../../src/journal/file_store.ts";
import { readHistory } from "../../src/journal/history.ts";
import { loadRecordOf } from "../../src/journal/load_record.ts";
import { EMPTY_STATE, type State } from "../../src/journal/state.ts";
import type { StateStore } from "../../src/journal/store.ts";
import { KexecError } from "../../src/lib/errors.ts";
import type { Plan } from "../../src/plan/plan.ts";
import { memoryHost } from "../support/memory_host.ts";
import { withTempFolder } from "../support/temp_folder.ts";
import { HASH_B, NEW_KERNEL, NOW, prepared, slotB, USR_B } from "./samples.ts";

const STATE: State = {
  consecutive: 4,
  quarantined: [{
    kernelVersion: NEW_KERNEL,
    usrhash: HASH_B,
    partuuid: USR_B,
    reason: "it did not arrive",
    at: NOW.toISOString(),
    attempt: "attempt-1",
  }],
  givenBack: [],
  owedTry: { attempt: "attempt-1", bootId: "boot-2", failures: 1 },
  firmware: { seconds: 96.4, bootId: "boot-0", at: NOW.toISOString() },
  lastBoot: null,
  judged: null,
  totals: { ...EMPTY_STATE.totals, arrived: 7, savedSeconds: 600 },
};

interface Bench {
  readonly folder: string;
  readonly state: string;
  readonly log: string;
  readonly loaded: string;
  store(fs?: FileOperations): StateStore;
}

function withStore(action: (bench: Bench) => void): void {
  withTempFolder((folder) => {
    const stateFolder = join(folder, "state");
    const runFolder = join(folder, "run");
    action({
      folder,
      state: join(stateFolder, "state.json"),
      log: join(stateFolder, "attempts.jsonl"),
      loaded: join(runFolder, "loaded.json"),
      store: (fs) =>
        createFileStore({ stateFolder, runFolder, now: () => NOW, ...(fs === undefined ? {} : { fs }) }),
    });
  });
}

/** File operations that work up to number `limit`, tear the write that is it, and fail from then on. */
function powerCutAfter(limit: number): FileOperations & { readonly done: () => number } {
  let count = 0;
  const step = (): void => {
    if (count >= limit) throw new Error("power cut");
    count++;
  };
  return {
    done: () => count,
    openSync(path, flags, mode) {
      step();
      return nodeFs.openSync(path, flags, mode);
    },
    writeSync(fd, data, offset, length, position) {
      if (count >= limit) {
        nodeFs.writeSync(fd, data, offset, Math.floor(length / 2), position);
        throw new Error("power cut");
      }
      count++;
      return nodeFs.writeSync(fd, data, offset, length, position);
    },
    fsyncSync(fd) {
      step();
      nodeFs.fsyncSync(fd);
    },
    closeSync: nodeFs.closeSync,
    renameSync(from, to) {
      step();
      nodeFs.renameSync(from, to);
    },
  };
}

const PLAN: Plan = {
  version: 1,
  tool: { name: "flatcar-kexec", version: "0.1.0" },
  decision: "kexec",
  slot: { ...slotB({ tries: 1 }), triesAfter: 0, gptWrite: true, running: false },
  slots: [{ ...slotB({ tries: 1 }), triesAfter: 0, gptWrite: true, running: false }],
  kernel: {
    path: "/flatcar/vmlinuz-b",
    file: "/boot/flatcar/vmlinuz-b",
    format: "bzImage",
    version: NEW_KERNEL,
    size: 34245760,
    usrhash: HASH_B,
  },
  initrds: [],
  deviceTree: null,
  cmdline: "quiet",
  tokens: [],
  grub: {
    platform: "efi",
    cpu: "x86_64",
    entry: "flatcar",
    cmdline: "quiet",
    config: "grub.cfg.tar",
    oemConfig: null,
    diagnostics: [],
  },
  firstBoot: false,
  oem: { id: null },
  plugins: [],
  quiesce: [{
    plugin: "gpu",
    step: { kind: "unload-module", module: "nvidia" },
    reason: "the card keeps its state",
    onFailure: "refuse",
    timeLimit: 10,
    summary: "unload module nvidia",
  }],
  findings: [
    { id: "watchdog-missing", level: "warn", message: "no watchdog", origin: null, hint: null },
    { id: "gpu-driver", level: "info", message: "none", origin: null, hint: null },
  ],
};

function record() {
  const record = loadRecordOf(PLAN, {
    id: "attempt-1",
    bootId: "boot-1",
    loadedAt: NOW.toISOString(),
    tries: "spend",
    cmdline: "quiet flatcar.kexec=attempt-1",
    disk: "/dev/sda",
    tableDigest: "0".repeat(64),
    watched: [{ path: "/oem/grub.cfg", sha256: null }],
    kexec: { program: "/usr/sbin/kexec", syscall: "file" },
    firmwareRequests: [],
    digest: "d".repeat(64),
    watchdogBefore: null,
  });
  assert.ok(record !== null);
  return record;
}

test("a store without files is empty and has no problems", () => {
  withStore(({ store }) => {
    assert.deepEqual(store().readState(), { value: EMPTY_STATE, problems: [] });
    assert.deepEqual(store().readLog(), { value: { attempts: [], skips: [] }, problems: [] });
    assert.deepEqual(store().readLoad(), { value: null, problems: [] });
    assert.deepEqual(store().readCold(), { value: null, problems: [] });
    assert.deepEqual(store().setAsideDamaged(false), []);
    store().removeLoad();
    store().removeCold();
  });
});

test("state, the load record and the cold request come back as they were written", () => {
  withStore(({ store, state, loaded }) => {
    store().writeState(STATE);
    store().writeLoad(record());
    store().writeCold({ at: NOW.toISOString(), reason: "asked for" });
    assert.deepEqual(store().readState(), { value: STATE, problems: [] });
    assert.equal(statSync(state).mode & 0o777, 0o644);
    const read = store().readLoad();
    assert.deepEqual(read.problems, []);
    assert.deepEqual({ ...read.value }, { version: 1, ...record() });
    assert.deepEqual(read.value?.warnings, ["no watchdog"]);
    assert.equal(store().readCold().value?.reason, "asked for");
    store().removeLoad();
    store().removeCold();
    assert.equal(existsSync(loaded), false);
    assert.equal(store().readCold().value, null);
  });
});

test("a power cut at any step leaves the old state or the new one", () => {
  let finished = false;
  for (let limit = 0; !finished; limit++) {
    withStore(({ store, state }) => {
      store().writeState(EMPTY_STATE);
      const fs = powerCutAfter(limit);
      try {
        store(fs).writeState(STATE);
        finished = fs.done() < limit;
      } catch (error) {
        assert.ok(error instanceof KexecError && error.code === "write-failed", String(error));
      }
      const { value, problems } = store().readState();
      assert.deepEqual(problems, []);
      assert.ok([0, 4].includes(value.consecutive));
      store().writeState(STATE);
      assert.deepEqual(readdirSync(join(state, "..")), ["state.json"], "nothing is left lying about");
    });
    assert.ok(limit < 20);
  }
});

test("a power cut at any step of an append leaves the lines before it, and the next append works", () => {
  let finished = false;
  for (let limit = 0; !finished; limit++) {
    withStore(({ store }) => {
      store().appendEvent(prepared({ id: "a" }));
      const fs = powerCutAfter(limit);
      try {
        store(fs).appendEvent(prepared({ id: "b" }));
        finished = fs.done() < limit;
      } catch (error) {
        assert.ok(error instanceof KexecError && error.code === "write-failed", String(error));
      }
      const ids = () => store().readLog().value.attempts.map((attempt) => attempt.id).join("");
      assert.ok(["a", "ab"].includes(ids()), ids());
      assert.deepEqual(store().readLog().problems, []);
      store().appendEvent(prepared({ id: "c" }));
      assert.ok(["ac", "abc"].includes(ids()), ids());
      assert.deepEqual(store().readLog().problems, []);
    });
    assert.ok(limit < 20);
  }
});

test("events add up to attempts, and lines that are none are reported with their place", () => {
  withStore(({ store, log }) => {
    store().appendEvent(prepared());
    appendFileSync(log, 'nonsense\n{"event":"committed","id":5}\n{"event":"from-the-future"}\n\n', {
      mode: 0o644,
    });
    store().appendEvent({ event: "committed", id: "attempt-1", at: NOW.toISOString() });
    store().appendEvent({ event: "abandoned", id: "unknown", at: NOW.toISOString(), reason: "x" });
    const { value, problems } = store().readLog();
    assert.equal(value.attempts.length, 1);
    assert.equal(value.attempts[0]?.committedAt, NOW.toISOString());
    assert.equal(problems.length, 2);
    assert.match(
      problems[0] ?? "",
      /attempts\.jsonl:2 is not an event: found "nonsense", expected a JSON object/,
    );
    assert.match(
      problems[1] ?? "",
      /attempts\.jsonl:3 is not a "committed" event: "id" is 5, expected string/,
    );
  });
});

test("the log turns over, and does not grow beyond two files", () => {
  withStore(({ store, log }) => {
    store().appendEvent(prepared({ id: "first" }));
    for (let round = 0; round < 3; round++) {
      const filler = JSON.stringify(prepared({ id: `round-${round}` })) + "\n";
      appendFileSync(log, filler.repeat(Math.ceil(LOG_LIMIT / filler.length) + 1), { mode: 0o644 });
      store().appendEvent(prepared({ id: `after-${round}` }));
    }
    assert.deepEqual(readdirSync(join(log, "..")).sort(), ["attempts.1.jsonl", "attempts.jsonl"]);
    assert.ok(statSync(log).size < 1000);
    const ids = store().readLog().value.attempts.map((attempt) => attempt.id);
    assert.deepEqual(ids, ["after-1", "round-2", "after-2"]);
  });
});

test("a newer version's file is read, and what it added is kept", () => {
  withStore(({ store, state }) => {
    store().writeState(STATE);
    const newer = {
      ...JSON.parse(readFileSync(state, "utf8")),
      version: 7,
      added: { by: "a newer version" },
    };
    writeFileSync(state, JSON.stringify(newer));
    assert.equal(store().readState().value.consecutive, 4);
    store().writeState({ ...STATE, consecutive: 5 });
    const written = JSON.parse(readFileSync(state, "utf8"));
    assert.deepEqual([written.version, written.added, written.consecutive], [7, newer.added, 5]);
  });
});

test("an older version's file lacks fields, and is read with their defaults", () => {
  withStore(({ store, state }) => {
    mkdirSync(join(state, ".."));
    writeFileSync(state, '{"version":1,"consecutive":2,"quarantined":[]}');
    assert.deepEqual(store().readState(), { value: { ...EMPTY_STATE, consecutive: 2 }, problems: [] });
  });
});

for (
  const [why, damage, problem] of [
    ["is torn", (path: string) => writeFileSync(path, '{"version":1,"cons'), /state\.json is not JSON/],
    ["is empty", (path: string) => writeFileSync(path, ""), /state\.json is not JSON: it is 0 characters/],
    [
      "is something else's",
      (path: string) => writeFileSync(path, '{"consecutive":"many"}'),
      /state\.json is not a state file: "version" is undefined/,
    ],
    [
      "has a wrong value",
      (path: string) => writeFileSync(path, '{"version":1,"consecutive":-1,"quarantined":[]}'),
      /"consecutive" is -1, expected >=0/,
    ],
    ["is writable by others", (path: string) => chmodSync(path, 0o666), /writable by others: mode 666/],
    [
      "is a symbolic link",
      (path: string) => {
        rmSync(path);
        symlinkSync("/etc/hostname", path);
      },
      /is a symbolic link, expected a plain file/,
    ],
    [
      "is a directory",
      (path: string) => {
        rmSync(path);
        mkdirSync(path);
      },
      /is not a plain file/,
    ],
    [
      "is a pipe",
      (path: string) => {
        rmSync(path);
        assert.equal(spawnSync("mkfifo", [path]).status, 0);
      },
      /is not a plain file/,
    ],
  ] as const
) {
  test(`a state file that ${why} counts as absent, is reported and set aside, never overwritten`, () => {
    withStore(({ store, state }) => {
      store().writeState(STATE);
      damage(state);
      const { value, problems } = store().readState();
      assert.deepEqual(value, EMPTY_STATE);
      assert.match(problems[0] ?? "", problem);
      store().writeState({ ...EMPTY_STATE, consecutive: 1 });
      assert.deepEqual(readdirSync(join(state, "..")).sort(), [
        "state.json",
        "state.json.corrupt-20261123T100000Z",
      ]);
      assert.equal(store().readState().value.consecutive, 1);
    });
  });
}

test("setting aside says what was wrong and where it went, and keeps a few", () => {
  withStore(({ state, loaded, folder }) => {
    let seconds = 0;
    const store = createFileStore({
      stateFolder: join(folder, "state"),
      runFolder: join(folder, "run"),
      now: () => new Date(NOW.getTime() + 1000 * seconds++),
    });
    mkdirSync(join(state, ".."));
    mkdirSync(join(loaded, ".."));
    for (let i = 0; i < 12; i++) {
      writeFileSync(state, "x");
      writeFileSync(loaded, "y");
      const sentences = store.setAsideDamaged(false);
      assert.match(
        sentences[0] ?? "",
        /state\.json is not JSON.*; set aside as .*state\.json\.corrupt-20261123T10/,
      );
      assert.match(sentences[1] ?? "", /loaded\.json is not JSON/);
    }
    assert.equal(readdirSync(join(state, "..")).length, 8);
    assert.deepEqual(store.setAsideDamaged(false), []);
  });
});

test("a load record that is not one is not trusted", () => {
  withStore(({ store, loaded }) => {
    store().writeLoad(record());
    const json = JSON.parse(readFileSync(loaded, "utf8"));
    writeFileSync(loaded, JSON.stringify({ ...json, slot: { ...json.slot, partition: "4" } }));
    const { value, problems } = store().readLoad();
    assert.equal(value, null);
    assert.match(
      problems[0] ?? "",
      /loaded\.json is not a load record: "slot\.partition" is "4", expected number/,
    );
  });
});

test("no content of the files makes reading throw", () => {
  withStore(({ store, state, log, loaded }) => {
    mkdirSync(join(state, ".."));
    mkdirSync(join(loaded, ".."));
    const content = fc.oneof(
      fc.string(),
      fc.json(),
      fc.json().map((json) => `${json}\n`),
      fc.uint8Array().map((bytes) => Buffer.from(bytes).toString("latin1")),
    );
    fc.assert(
      fc.property(content, (text) => {
        for (const path of [state, log, loaded]) writeFileSync(path, text);
        store().readState();
        store().readLog();
        store().readLoad();
      }),
      { seed: 20261123, numRuns: 200 },
    );
  });
});

test("whatever events are appended, reading folds the same attempts", () => {
  withStore(({ store, log }) => {
    const id = fc.constantFrom("a", "b", "c");
    const at = NOW.toISOString();
    const event: fc.Arbitrary<AttemptEvent> = fc.oneof(
      id.map((id) => prepared({ id })),
      id.map((id) => ({ event: "committed", id, at } as const)),
      id.map((id) => ({ event: "abandoned", id, at, reason: "\n\u2028x" } as const)),
    );
    fc.assert(
      fc.property(fc.array(event, { maxLength: 8 }), (events) => {
        rmSync(log, { force: true });
        for (const event of events) store().appendEvent(event);
        const { value, problems } = store().readLog();
        assert.deepEqual(problems, []);
        const ids = events.filter((e) => e.event === "prepared").map((e) => e.id);
        assert.deepEqual(
          value.attempts.map((attempt) => attempt.id).reverse(),
          [...new Set(ids.reverse())],
          "by when each was prepared last",
        );
      }),
      { seed: 20261123, numRuns: 30 },
    );
  });
});

test("the checks read the history through the host, so that a snapshot keeps it", () => {
  withStore(({ store, state }) => {
    store().writeState(STATE);
    const text = readFileSync(state, "utf8");
    const path = "/var/lib/flatcar-kexec/state.json";
    const { history, problems } = readHistory(memoryHost({ files: { [path]: text } }));
    assert.equal(history.consecutive, 4);
    assert.equal(history.quarantined[0]?.reason, "it did not arrive");
    assert.deepEqual(problems, []);
    assert.deepEqual(readHistory(memoryHost()), {
      history: { consecutive: 0, quarantined: [] },
      problems: [],
    });
    assert.match(readHistory(memoryHost({ files: { [path]: "x" } })).problems[0] ?? "", /not JSON/);
  });
});
