import assert from "node:assert/strict";
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { readGpt, requireGpt, tableDigest } from "../../src/gpt/read.ts";
import { nextSlot, slotsOf } from "../../src/gpt/select.ts";
import type { Host } from "../../src/host/host.ts";
import { createHost } from "../../src/host/live.ts";
import { createFileStore } from "../../src/journal/file_store.ts";
import type { LoadRecord } from "../../src/journal/load_record.ts";
import type { StateStore } from "../../src/journal/store.ts";
import {
  commitLoaded,
  type CommitOutcome,
  type CommitPorts,
  noteFailedCommit,
} from "../../src/kexec/commit.ts";
import type { KexecMachine } from "../../src/kexec/kexec_tools.ts";
import { watchFile } from "../../src/kexec/recheck.ts";
import { KexecError } from "../../src/lib/errors.ts";
import type { PlannedSlot } from "../../src/plan/plan.ts";
import { flatcarImage } from "../support/gpt_image.ts";
import { withTempFolder, writeTree } from "../support/temp_folder.ts";

const BOOT_ID = "11111111-2222-3333-4444-555555555555";
const WATCHED = ["/boot/flatcar/grub/grub.cfg.tar", "/oem/grub.cfg", "/boot/flatcar/vmlinuz-b"];

interface Stage {
  readonly disk: string;
  readonly root: string;
  readonly host: Host;
  readonly store: StateStore;
  readonly record: LoadRecord;
  readonly machine: KexecMachine;
  /** Whether a kernel is loaded, as the fake machine has it. */
  loaded: boolean;
  commit(changes?: Partial<CommitPorts>): CommitOutcome;
  image(): Uint8Array;
}

/** A host that runs from A with an update loaded from B (priority 2, one try). */
function stage(folder: string, tries: "spend" | "keep" = "spend"): Stage {
  const root = join(folder, "root");
  writeTree(root, {
    "proc/self/mountinfo":
      "30 1 254:1 / /boot rw - vfat /dev/vda1 rw\n31 1 254:6 / /oem rw - ext4 /dev/vda6 rw\n",
    "boot/flatcar/grub/grub.cfg.tar": "archive",
    "boot/flatcar/vmlinuz-b": "kernel",
    "oem/grub.cfg": "set oem_id=acme\n",
  });
  const disk = join(folder, "disk.img");
  writeFileSync(disk, flatcarImage({ a: [1, 0, 1], b: [2, 1, 0] }));
  const host = createHost({ root, disk, arch: "x86_64" });
  const block = host.block(disk);
  assert.ok(block.ok);
  const gpt = requireGpt(readGpt(block.value), disk);
  const next = nextSlot(gpt);
  assert.ok(next !== null);
  const planned = (slot: typeof next): PlannedSlot => ({
    ...slot,
    triesAfter: Math.max(0, slot.tries - 1),
    gptWrite: slot.tries > 0,
    running: slot.label === "USR-A",
  });
  const store = createFileStore({ stateFolder: join(folder, "state"), runFolder: join(folder, "run") });
  const record: LoadRecord = {
    id: "abc123",
    bootId: BOOT_ID,
    loadedAt: "2026-01-01T00:00:00.000Z",
    toolVersion: "0",
    tries,
    slot: planned(next),
    slots: slotsOf(gpt).map(planned),
    kernel: {
      path: "/flatcar/vmlinuz-b",
      file: "/boot/flatcar/vmlinuz-b",
      format: "bzImage",
      version: "6.12.1-flatcar",
      size: 6,
      usrhash: null,
    },
    cmdline: "BOOT_IMAGE=/flatcar/vmlinuz-b flatcar.kexec=abc123",
    firstBoot: false,
    disk,
    tableDigest: tableDigest(gpt),
    watched: WATCHED.map((path) => {
      const file = watchFile(host, path);
      assert.ok(typeof file !== "string");
      return file;
    }),
    kexec: { program: "kexec", syscall: "file" },
    firmwareRequests: [],
    quiesce: [],
    digest: null,
    watchdogBefore: null,
    warnings: [],
    plan: {},
  };
  store.writeLoad(record);
  const machine: KexecMachine = {
    run(_program, args) {
      if (args.includes("-u")) it.loaded = false;
      return { status: 0, stderr: "", failure: null };
    },
    isLoaded: () => it.loaded,
    dropCaches: () => {},
  };
  const it: Stage = {
    disk,
    root,
    host,
    store,
    record,
    machine,
    loaded: true,
    commit: (changes = {}) =>
      commitLoaded({
        host,
        machine,
        store,
        mounter: { mount: () => assert.fail("mounted"), unmount: () => assert.fail("unmounted") },
        jumpIsKexec: () => true,
        quiesce: () => [],
        bootId: BOOT_ID,
        fallback: { program: "kexec", syscall: "file" },
        now: () => new Date("2026-01-01T00:01:00Z"),
        ...changes,
      }),
    image: () => readFileSync(disk),
  };
  return it;
}

const triesOfB = (it: Stage): number | undefined => {
  const block = it.host.block(it.disk);
  assert.ok(block.ok);
  return slotsOf(requireGpt(readGpt(block.value), it.disk)).find((slot) => slot.label === "USR-B")?.tries;
};
const events = (it: Stage): readonly string[] =>
  readFileSync(join(it.root, "../state/attempts.jsonl"), "utf8").trim().split("\n")
    .map((line) => {
      const event: unknown = JSON.parse(line);
      return typeof event === "object" && event !== null && "event" in event ? String(event.event) : "?";
    });

test("commitLoaded() takes the try and writes down that it will and that it did", () => {
  withTempFolder((folder) => {
    const it = stage(folder);
    const outcome = it.commit();
    assert.equal(outcome.kind, "committed");
    assert.equal(triesOfB(it), 0);
    assert.equal(it.loaded, true);
    assert.deepEqual(events(it), ["prepared", "committed"]);
  });
});

test("commitLoaded() leaves the counter to GRUB where it is told to", () => {
  withTempFolder((folder) => {
    const it = stage(folder, "keep");
    const before = it.image();
    assert.equal(it.commit().kind, "committed");
    assert.deepEqual(it.image(), before);
    assert.deepEqual(events(it), ["prepared", "committed"]);
  });
});

test("commitLoaded() has nothing to do where nothing is loaded", () => {
  withTempFolder((folder) => {
    const it = stage(folder);
    it.loaded = false;
    const before = it.image();
    assert.equal(it.commit().kind, "nothing-loaded");
    it.store.removeLoad();
    assert.deepEqual(it.commit(), { kind: "nothing-loaded", note: null });
    assert.deepEqual(it.image(), before);
  });
});

test("commitLoaded() leaves a kernel alone that somebody else loaded", () => {
  withTempFolder((folder) => {
    const it = stage(folder);
    it.store.removeLoad();
    assert.equal(it.commit().kind, "nothing-loaded");
    assert.equal(it.loaded, true);
  });
});

const vetoes: Readonly<Record<string, { change(it: Stage): Partial<CommitPorts>; reason: RegExp }>> = {
  "the OEM file was edited": {
    change: (it) => (writeFileSync(join(it.root, "oem/grub.cfg"), "set oem_id=other\n"), {}),
    reason: /\/oem\/grub\.cfg has changed/,
  },
  "the OEM file is gone": {
    change: (it) => (rmSync(join(it.root, "oem/grub.cfg")), {}),
    reason: /\/oem\/grub\.cfg was there .* and is gone/,
  },
  "the kernel was replaced": {
    change: (it) => (writeFileSync(join(it.root, "boot/flatcar/vmlinuz-b"), "Kernel"), {}),
    reason: /vmlinuz-b has changed/,
  },
  "a first boot was asked for": {
    change: (it) => (writeFileSync(join(it.root, "boot/flatcar/first_boot"), ""), {}),
    reason: /first_boot asks for a first boot/,
  },
  "another update was staged": {
    change: (it) => (writeFileSync(it.disk, flatcarImage({ a: [3, 1, 0], b: [2, 1, 0] })), {}),
    reason: /partition table .* has changed/,
  },
  "the partition table is gone": {
    change: (it) => (writeFileSync(it.disk, new Uint8Array(1 << 16)), {}),
    reason: /partition table .* cannot be read/,
  },
  "the record is of another boot": {
    change: () => ({ bootId: "other" }),
    reason: /record is of another boot/,
  },
  "an ordinary reboot was asked for": {
    change: (it) => (it.store.writeCold({ at: "2026-01-01T00:00:30.000Z", reason: "reboot --cold" }), {}),
    reason: /ordinary reboot was asked for: reboot --cold/,
  },
  "the firmware's setup was asked for": {
    change: (it) => {
      writeTree(it.root, {
        "sys/firmware/efi/efivars/OsIndications-8be4df61-93ca-11d2-aa0d-00e098032b8c": Uint8Array.of(
          7,
          0,
          0,
          0,
          1,
          0,
          0,
          0,
          0,
          0,
          0,
          0,
        ),
      });
      return {};
    },
    reason: /firmware's setup is asked for/,
  },
  "a device did not come to rest": {
    change: () => ({ quiesce: () => ["nvidia cannot be unloaded: in use"] }),
    reason: /nvidia cannot be unloaded/,
  },
};

for (const [what, { change, reason }] of Object.entries(vetoes)) {
  test(`commitLoaded() drops the kernel and takes no try when ${what}`, () => {
    withTempFolder((folder) => {
      const it = stage(folder);
      const ports = change(it);
      const before = it.image();
      const outcome = it.commit(ports);
      assert.equal(outcome.kind, "vetoed");
      assert.match(outcome.kind === "vetoed" ? outcome.reasons.join("; ") : "", reason);
      assert.equal(it.loaded, false);
      assert.equal(it.store.readLoad().value, null);
      assert.deepEqual(it.image(), before);
      assert.deepEqual(events(it), ["skipped"]);
    });
  });
}

test("commitLoaded() takes no try when the reboot under way goes through the firmware", () => {
  withTempFolder((folder) => {
    const it = stage(folder);
    const before = it.image();
    assert.equal(it.commit({ jumpIsKexec: () => false }).kind, "firmware");
    assert.equal(it.loaded, false);
    assert.deepEqual(it.image(), before);
  });
});

test("commitLoaded() drops the kernel when the try cannot be taken", () => {
  withTempFolder((folder) => {
    const it = stage(folder);
    rmSync(it.disk);
    mkdirSync(it.disk);
    assert.throws(() => it.commit({ host: { ...it.host, block: () => assert.fail() } }));
    assert.equal(it.loaded, false);
    assert.deepEqual(events(it), ["skipped"], "nothing was begun that could be abandoned");
  });
});

test("commitLoaded() says that it gave up what it had begun", () => {
  withTempFolder((folder) => {
    const it = stage(folder);
    // After the last look, before the write.
    assert.throws(() => it.commit({ quiesce: () => (rmSync(it.disk), []) }), KexecError);
    assert.equal(it.loaded, false);
    assert.deepEqual(events(it), ["prepared", "abandoned"]);
  });
});

test("a commit that gave up leaves word of the tries that it left", () => {
  const left = (it: Stage): number | null | undefined => it.store.readLog().value.attempts.at(-1)?.triesLeft;
  withTempFolder((folder) => {
    const it = stage(folder);
    const otherUpdate = flatcarImage({ a: [3, 1, 0], b: [2, 1, 0] });
    assert.throws(() => it.commit({ quiesce: () => (writeFileSync(it.disk, otherUpdate), []) }), KexecError);
    assert.equal(left(it), 1);
  });
  withTempFolder((folder) => {
    const it = stage(folder);
    it.commit();
    noteFailure(it);
    assert.equal(left(it), 0);
  });
  withTempFolder((folder) => {
    const it = stage(folder);
    assert.throws(() => it.commit({ quiesce: () => (rmSync(it.disk), []) }), KexecError);
    assert.equal(left(it), null);
  });
});

const WHY = "flatcar-kexec-commit.service ran out of time";
const noteFailure = (it: Stage) =>
  noteFailedCommit(
    {
      host: it.host,
      machine: it.machine,
      store: it.store,
      now: () => new Date("2026-01-01T00:02:00Z"),
    },
    WHY,
  );

test("a commit that never got to a decision leaves word, once, and no kernel", () => {
  withTempFolder((folder) => {
    const it = stage(folder);
    const before = it.image();
    assert.equal(noteFailure(it)?.reason, WHY);
    assert.equal(it.loaded, false);
    assert.deepEqual(it.image(), before);
    const [skip, ...others] = it.store.readLog().value.skips;
    assert.deepEqual(others, []);
    assert.equal(skip?.reason, WHY);
    assert.equal(skip?.bootId, BOOT_ID, "what the next boot looks for");
    assert.equal(noteFailure(it), null);
    assert.deepEqual(events(it), ["skipped"]);
  });
});

test("a commit that was killed once the try was taken leaves the attempt abandoned", () => {
  withTempFolder((folder) => {
    const it = stage(folder);
    it.commit();
    noteFailure(it);
    assert.equal(it.loaded, false);
    assert.deepEqual(events(it), ["prepared", "committed", "abandoned"]);
    assert.equal(it.store.readLog().value.attempts.at(-1)?.abandoned, WHY);
  });
});

test("a commit that decided against the kexec itself has had the last word", () => {
  withTempFolder((folder) => {
    const it = stage(folder);
    writeFileSync(join(it.root, "oem/grub.cfg"), "set oem_id=other\n");
    it.commit();
    assert.equal(noteFailure(it), null);
    assert.deepEqual(events(it), ["skipped"]);
  });
});

test("nothing is said of an ordinary reboot while the kernel cannot be unloaded", () => {
  withTempFolder((folder) => {
    const it = stage(folder);
    const machine = { ...it.machine, run: () => ({ status: 255, stderr: "no", failure: null }) };
    assert.throws(
      () => noteFailedCommit({ host: it.host, machine, store: it.store, now: () => new Date() }, WHY),
      (error) => error instanceof KexecError && error.code === "kexec-failed",
    );
    assert.equal(existsSync(join(folder, "state/attempts.jsonl")), false);
  });
});

test("commitLoaded() drops a kernel whose record is torn", () => {
  withTempFolder((folder) => {
    const it = stage(folder);
    writeFileSync(join(folder, "run/loaded.json"), '{"version":1,"id":');
    const outcome = it.commit();
    assert.equal(outcome.kind, "vetoed");
    assert.equal(it.loaded, false);
  });
});

test("commitLoaded() mounts what is not mounted any more, looks, and unmounts it", () => {
  withTempFolder((folder) => {
    const it = stage(folder);
    writeFileSync(join(it.root, "proc/self/mountinfo"), "1 0 0:1 / / rw - ext4 /dev/vda9 rw\n");
    const calls: string[] = [];
    const mounter = {
      mount(device: string): never {
        calls.push(device);
        throw new KexecError("unreadable", `Cannot mount ${device}: no such device`);
      },
      unmount: () => {},
    };
    assert.throws(() => it.commit({ mounter }), KexecError);
    assert.equal(it.loaded, false);
  });
});
