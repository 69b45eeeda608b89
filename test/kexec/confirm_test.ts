import assert from "node:assert/strict";
import { existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { type BlockDevice, withDisk } from "../../src/gpt/block_device.ts";
import { readGpt, requireGpt } from "../../src/gpt/read.ts";
import { slotsOf } from "../../src/gpt/select.ts";
import { createHost } from "../../src/host/live.ts";
import { GIVE_BACK_LIMIT } from "../../src/journal/aftermath.ts";
import type { PreparedEvent } from "../../src/journal/attempt.ts";
import { createFileStore } from "../../src/journal/file_store.ts";
import type { JournalEntry } from "../../src/journal/journal_entry.ts";
import type { StateStore } from "../../src/journal/store.ts";
import { type Confirmation, type ConfirmPorts, confirmThisBoot } from "../../src/kexec/confirm.ts";
import { KexecError } from "../../src/lib/errors.ts";
import { prepared } from "../journal/samples.ts";
import type { Counters } from "../support/gpt_image.ts";
import { writeSampleHost } from "../support/sample_host.ts";
import { withTempFolder, writeTree } from "../support/temp_folder.ts";

interface Stage {
  readonly store: StateStore;
  readonly entries: readonly JournalEntry[];
  /** How often an update was staged again. */
  staged: number;
  /** Thrown instead of opening the disk. */
  held: KexecError | null;
  /** Thrown by the n-th write of the disk, counted from 0. */
  failingWrite: number | null;
  confirm(changes?: Partial<ConfirmPorts>): Confirmation;
  /** Another boot of the same slot through the firmware. */
  boot(bootId: string): void;
  triesOfB(): number | undefined;
}

/** A host that runs from A after a kexec to B that was committed and did not arrive. */
function stage(folder: string, b: Counters = [2, 0, 0], over: Partial<PreparedEvent> = {}): Stage {
  const sample = writeSampleHost(join(folder, "host"), {
    b,
    files: { "proc/sys/kernel/bootloader_type": "114\n", "proc/uptime": "10.0 10.0\n" },
  });
  const host = createHost({ root: sample.root, arch: sample.arch });
  const store = createFileStore({ stateFolder: join(folder, "state"), runFolder: join(folder, "run") });
  store.appendEvent(prepared({ usrhash: sample.usrhash.b, ...over }));
  store.appendEvent({ event: "committed", id: "attempt-1", at: "2026-11-23T09:58:01.000Z" });
  const entries: JournalEntry[] = [];
  const it: Stage = {
    store,
    entries,
    staged: 0,
    held: null,
    failingWrite: null,
    confirm: (changes = {}) =>
      confirmThisBoot({
        host,
        store,
        control: { numberProperty: () => null },
        journal: { send: (entry) => void entries.push(entry) },
        metricsFile: "",
        stageUpdateAgain: () => void it.staged++,
        withDisk: (_path, use) => {
          if (it.held !== null) throw it.held;
          return withDisk(sample.disk, {}, (disk) => use(failing(disk, it.failingWrite)));
        },
        now: () => new Date("2026-11-23T10:00:00.000Z"),
        ...changes,
      }),
    boot: (bootId) => writeFileSync(join(sample.root, "proc/sys/kernel/random/boot_id"), `${bootId}\n`),
    triesOfB() {
      const block = host.block("/dev/vda");
      assert.ok(block.ok);
      return slotsOf(requireGpt(readGpt(block.value), "/dev/vda")).find((slot) => slot.label === "USR-B")
        ?.tries;
    },
  };
  return it;
}

function failing(disk: BlockDevice, at: number | null): BlockDevice {
  let writes = 0;
  return {
    path: disk.path,
    size: disk.size,
    sectorSize: disk.sectorSize,
    read: (offset, length) => disk.read(offset, length),
    write(offset, bytes) {
      if (writes++ === at) throw new KexecError("write-failed", "Cannot write: Input/output error");
      disk.write(offset, bytes);
    },
    sync: () => disk.sync(),
  };
}

const HELD = new KexecError("lock-held", "Cannot write to /dev/vda: somebody else has locked it");

test("a try goes back, the update is staged again, and it is written down", () => {
  withTempFolder((folder) => {
    const it = stage(folder);
    const { gaveBack, reason, problems } = it.confirm();
    assert.deepEqual([gaveBack, problems], [true, []]);
    assert.equal(reason, "USR-B gets its try back: the next reboot takes it through the firmware");
    assert.deepEqual([it.triesOfB(), it.staged], [1, 1]);
    assert.equal(it.store.readState().value.givenBack.length, 1);
    const outcome = it.store.readLog().value.attempts[0]?.outcome;
    assert.deepEqual([outcome?.gaveBack, outcome?.reason], [true, reason]);
    assert.equal(it.confirm().gaveBack, false, "done once a boot");
  });
});

test("a disk that somebody holds costs no try: it is not said to go back, and goes with the next confirm", () => {
  withTempFolder((folder) => {
    const it = stage(folder);
    it.held = HELD;
    const first = it.confirm();
    assert.deepEqual([first.gaveBack, it.triesOfB(), it.staged], [false, 0, 0]);
    assert.equal(
      first.reason,
      "USR-B does not have its try back: Cannot write to /dev/vda: somebody else has locked it; " +
        "the next 'flatcar-kexec confirm' tries again",
    );
    assert.deepEqual(first.problems, [first.reason]);
    const between = it.store.readState().value;
    assert.deepEqual(between.givenBack, []);
    assert.equal(between.quarantined.length, 1, "not to be started by kexec again all the same");
    it.held = null;
    const second = it.confirm();
    assert.deepEqual([second.classification.verdict, second.gaveBack, it.triesOfB()], ["none", true, 1]);
    const { givenBack, owedTry, totals } = it.store.readState().value;
    assert.deepEqual([givenBack.length, owedTry, totals["fell-back"]], [1, null, 1]);
    assert.equal(it.store.readLog().value.attempts[0]?.outcome?.gaveBack, true);
    assert.equal(it.confirm().gaveBack, false);
  });
});

test("a try that could not go back in one boot goes back in the next, if the slot holds the same image", () => {
  withTempFolder((folder) => {
    const it = stage(folder);
    it.held = HELD;
    it.confirm();
    it.held = null;
    it.boot("boot-3");
    const { classification, gaveBack } = it.confirm();
    assert.deepEqual([classification.verdict, gaveBack, it.triesOfB()], ["ordinary", true, 1]);
  });
  withTempFolder((folder) => {
    const it = stage(folder, [2, 0, 0], { usrhash: "c".repeat(64) });
    it.held = HELD;
    it.confirm();
    it.held = null;
    it.boot("boot-3");
    const { gaveBack, reason } = it.confirm();
    assert.equal(reason, "the try stays spent: the slot may hold another image than the one that lost it");
    assert.deepEqual([gaveBack, it.triesOfB(), it.store.readState().value.owedTry], [false, 0, null]);
  });
});

test("a try that cannot go back is not tried for ever", () => {
  withTempFolder((folder) => {
    const it = stage(folder);
    it.held = HELD;
    for (let i = 1; i < GIVE_BACK_LIMIT; i++) assert.match(it.confirm().reason ?? "", /tries again$/);
    assert.match(it.confirm().reason ?? "", /it stays spent$/);
    it.held = null;
    assert.deepEqual([it.confirm().gaveBack, it.triesOfB()], [false, 0]);
  });
});

test("a kexec since then puts an end to a try that could not go back", () => {
  withTempFolder((folder) => {
    const it = stage(folder);
    it.held = HELD;
    it.confirm();
    it.held = null;
    it.store.appendEvent(prepared({ id: "attempt-2", kernelVersion: "7.0" }));
    it.store.appendEvent({
      event: "abandoned",
      id: "attempt-2",
      at: "2026-11-23T09:58:01.000Z",
      reason: "x",
    });
    it.boot("boot-3");
    it.confirm();
    const { givenBack, owedTry } = it.store.readState().value;
    assert.deepEqual([givenBack.map(({ attempt }) => attempt), owedTry], [["attempt-2"], null]);
  });
});

test("a write that broke off is not tried again: nobody knows what of it is on the medium", () => {
  withTempFolder((folder) => {
    const it = stage(folder);
    it.failingWrite = 0;
    const { gaveBack, reason } = it.confirm();
    assert.equal(gaveBack, false);
    assert.match(reason ?? "", /^whether USR-B has its try back is not certain, .*Input\/output error/);
    const { givenBack, owedTry } = it.store.readState().value;
    assert.deepEqual([givenBack.length, owedTry], [1, null]);
    it.failingWrite = null;
    assert.deepEqual([it.confirm().gaveBack, it.triesOfB()], [false, 0]);
  });
});

test("a power cut after the note and before the write costs the try, and never gives two", () => {
  withTempFolder((folder) => {
    const it = stage(folder);
    class PowerCut extends Error {}
    const store = {
      ...it.store,
      writeState: (...args: Parameters<StateStore["writeState"]>) => {
        it.store.writeState(...args);
        throw new PowerCut();
      },
    };
    assert.throws(() => it.confirm({ store }), PowerCut);
    assert.deepEqual([it.confirm().gaveBack, it.triesOfB()], [false, 0]);
  });
});

test("a damaged load record stays while its kernel is loaded, so that commit runs and drops it", () => {
  for (const loaded of ["1", "0"]) {
    withTempFolder((folder) => {
      const it = stage(folder);
      writeTree(folder, {
        "host/sys/kernel/kexec_loaded": `${loaded}\n`,
        "run/loaded.json": '{"version":1,"id":',
      });
      const { problems } = it.confirm();
      assert.match(problems[0] ?? "", /loaded\.json is not JSON/);
      assert.equal(existsSync(join(folder, "run/loaded.json")), loaded === "1");
    });
  }
});

test("a power cut between state and log keeps the quarantine, and counts the boot once", () => {
  for (const call of ["writeState", "appendEvent"] as const) {
    withTempFolder((folder) => {
      // Nothing was at stake, so that nothing else is written.
      const it = stage(folder, [2, 1, 0], { tries: "keep", triesAfter: 1 });
      const cut = (): never => {
        throw new Error("power cut");
      };
      assert.throws(() => it.confirm({ store: { ...it.store, [call]: cut } }), /power cut/);
      it.boot("boot-3");
      it.confirm();
      const { quarantined, totals } = it.store.readState().value;
      assert.deepEqual([quarantined.length, totals["fell-back"]], [1, 1], call);
    });
  }
});
