import assert from "node:assert/strict";
import { existsSync, mkdirSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { type Attempt, foldEvents, type OutcomeEvent, type SkippedEvent } from "../../src/journal/attempt.ts";
import {
  bootEntry,
  entryLines,
  type JournalEntry,
  loadedSentence,
  MESSAGE_IDS,
  skippedEntry,
} from "../../src/journal/journal_entry.ts";
import type { LoadRecord } from "../../src/journal/load_record.ts";
import { renderMetrics, writeMetrics } from "../../src/journal/metrics.ts";
import { EMPTY_STATE, type State } from "../../src/journal/state.ts";
import { statusText, type StatusView } from "../../src/journal/status_text.ts";
import { firmwareSeconds, parseUptime, secondsToUserspace } from "../../src/journal/timing.ts";
import { journaldSink } from "../../src/systemd/journald.ts";
import { stageUpdateAgain } from "../../src/systemd/staged_update.ts";
import { withTempFolder } from "../support/temp_folder.ts";
import { HASH_B, NEW_KERNEL, NOW, prepared, slotA, slotB, USR_B } from "./samples.ts";

const AT = NOW.toISOString();

const ARRIVED: OutcomeEvent = {
  event: "outcome",
  id: "attempt-1",
  at: AT,
  bootId: "boot-2",
  verdict: "arrived",
  sentence: `this boot came by kexec: kernel ${NEW_KERNEL} (USR-B)`,
  seconds: 11.4,
  savedSeconds: 96.4,
  gaveBack: false,
};

const STATE: State = {
  ...EMPTY_STATE,
  consecutive: 1,
  firmware: { seconds: 96.4, bootId: "boot-0", at: AT },
  lastBoot: {
    bootId: "boot-2",
    verdict: "arrived",
    attempt: "attempt-1",
    sentence: ARRIVED.sentence,
    at: AT,
    seconds: 11.4,
    savedSeconds: 96.4,
  },
  totals: { "arrived": 3, "arrived-elsewhere": 0, "fell-back": 1, "ordinary": 2, "savedSeconds": 289.2 },
};

const RECORD: LoadRecord = {
  id: "attempt-2",
  bootId: "boot-2",
  loadedAt: AT,
  toolVersion: "0.1.0",
  tries: "spend",
  slot: { ...slotB({ tries: 1 }), triesAfter: 0, gptWrite: true, running: false },
  slots: [],
  kernel: {
    path: "/flatcar/vmlinuz-b",
    file: "/boot/flatcar/vmlinuz-b",
    format: "bzImage",
    version: NEW_KERNEL,
    size: 1,
    usrhash: HASH_B,
  },
  cmdline: "",
  firstBoot: false,
  disk: "/dev/sda",
  tableDigest: "",
  watched: [],
  quiesce: [],
  kexec: { program: "/usr/sbin/kexec", syscall: "file" },
  firmwareRequests: [],
  digest: null,
  watchdogBefore: null,
  warnings: ["no hardware watchdog"],
  plan: null,
};

const QUIET: StatusView = {
  bootId: "boot-2",
  loaded: { kind: "nothing" },
  cold: null,
  state: STATE,
  log: foldEvents([]),
  slots: null,
  maxConsecutive: 10,
  enabled: true,
  problems: [],
};

function onlyAttempt(): Attempt {
  const attempt = foldEvents([prepared()]).attempts[0];
  assert.ok(attempt !== undefined);
  return attempt;
}

test("an entry carries its fixed id, its fields and the program's name", () => {
  const entry = bootEntry("arrived", ARRIVED.sentence, onlyAttempt(), ARRIVED);
  assert.deepEqual(entryLines(entry).split("\n"), [
    "MESSAGE=This boot came by kexec: kernel 6.12.103-flatcar (USR-B)",
    "MESSAGE_ID=4c94063345c343f7a00cbdd77d8a471d",
    "PRIORITY=5",
    "SYSLOG_IDENTIFIER=flatcar-kexec",
    "FLATCAR_KEXEC_ATTEMPT=attempt-1",
    "FLATCAR_KEXEC_KERNEL=6.12.103-flatcar",
    "FLATCAR_KEXEC_SLOT=USR-B",
    `FLATCAR_KEXEC_PARTUUID=${USR_B}`,
    "FLATCAR_KEXEC_SECONDS=11.4",
    "FLATCAR_KEXEC_SAVED_SECONDS=96.4",
    "FLATCAR_KEXEC_TRY_GIVEN_BACK=0",
    "",
  ]);
});

test("a boot that fell back is a warning", () => {
  const entry = bootEntry("fell-back", "x", null, { seconds: null, savedSeconds: null, gaveBack: true });
  assert.equal(entry.priority, 4);
  assert.match(entryLines(entry), /^FLATCAR_KEXEC_TRY_GIVEN_BACK=1$/m);
});

test("a value with line ends cannot add fields of its own", () => {
  const event: SkippedEvent = {
    event: "skipped",
    id: null,
    at: AT,
    bootId: "b",
    stage: "load",
    checks: ["plugin-veto"],
    reason: "bad\nPRIORITY=0\r\n\0MESSAGE_ID=x",
  };
  const lines = entryLines(skippedEntry(event)).split("\n");
  assert.equal(lines.filter((line) => line.startsWith("PRIORITY=")).length, 1);
  assert.equal(lines.filter((line) => line.startsWith("MESSAGE_ID=")).length, 1);
});

test("message ids are 128 bits, and each stands for one thing", () => {
  const ids = Object.values(MESSAGE_IDS);
  for (const id of ids) assert.match(id, /^[0-9a-f]{32}$/);
  assert.equal(new Set(ids).size, ids.length);
});

test("a journal that is away is said, and stops nothing", () => {
  const said: string[] = [];
  const entry: JournalEntry = { kind: "ordinary", message: "m", priority: 5, fields: {} };
  const inputs: (string | undefined)[] = [];
  journaldSink((sentence) => said.push(sentence), (argv, _, input) => {
    assert.deepEqual(argv, ["logger", "--journald"]);
    inputs.push(input);
    return { status: 1, stdout: "", stderr: "logger: no journal\n", failure: null };
  }).send(entry);
  assert.equal(inputs[0], entryLines(entry));
  assert.deepEqual(said, ["Cannot write to the journal: 'logger --journald' failed: logger: no journal"]);
});

test("the metrics are in the text format, with help and type before each name", () => {
  const text = renderMetrics(STATE);
  const names = new Set<string>();
  for (const line of text.trimEnd().split("\n")) {
    const help = /^# (?:HELP|TYPE) (\w+) .+$/.exec(line);
    if (help?.[1] !== undefined) names.add(help[1]);
    else {
      const sample = /^(\w+)(?:\{\w+="[^"\\\n]*"(?:,\w+="[^"\\\n]*")*\})? -?\d+(?:\.\d+)?$/.exec(line);
      assert.ok(sample?.[1] !== undefined, line);
      assert.ok(names.has(sample[1]), line);
    }
  }
  assert.match(text, /^flatcar_kexec_boots_total\{verdict="fell-back"\} 1$/m);
  assert.match(text, /^flatcar_kexec_last_boot_info\{verdict="arrived",boot_id="boot-2"\} 1$/m);
  assert.match(text, /^flatcar_kexec_last_boot_seconds 11\.4$/m);
});

test("what is not known is left out of the metrics, never 0", () => {
  const text = renderMetrics(EMPTY_STATE);
  for (const name of ["last_boot_info", "last_boot_seconds", "firmware_seconds"]) {
    assert.equal(text.includes(name), false, name);
  }
});

test("metrics are written only where the collector's folder is", () => {
  withTempFolder((folder) => {
    const path = join(folder, "collector", "flatcar_kexec.prom");
    assert.equal(writeMetrics(path, STATE), false);
    assert.equal(existsSync(join(folder, "collector")), false);
    mkdirSync(join(folder, "collector"));
    assert.equal(writeMetrics(path, STATE), true);
    assert.equal(readFileSync(path, "utf8"), renderMetrics(STATE));
    assert.deepEqual(readdirSync(join(folder, "collector")), ["flatcar_kexec.prom"]);
    assert.equal(writeMetrics("", STATE), false);
  });
});

test("status says in one screen what is loaded, how this boot came and what was tried", () => {
  const events = [prepared(), { event: "committed", id: "attempt-1", at: AT } as const, ARRIVED];
  const text = statusText({
    ...QUIET,
    loaded: { kind: "ours", record: RECORD },
    log: foldEvents(events),
    slots: [
      { ...slotA({ priority: 1 }), running: true, next: false },
      { ...slotB({ tries: 1 }), running: false, next: true },
    ],
  });
  assert.equal(
    text,
    `Kernel 6.12.103-flatcar (USR-B) is loaded: the next reboot is a kexec
  loaded 2026-11-23 10:00 UTC, attempt attempt-2, it takes the slot's only try
  warning: no hardware watchdog
This boot came by kexec: kernel 6.12.103-flatcar (USR-B), 11.4 s, about 96 s saved

Slots
  USR-A  priority 1  tries 0  good, running
  USR-B  priority 2  tries 1  unproven, next

Last kexecs
  2026-11-23 09:58 UTC  6.12.103-flatcar (USR-B)  arrived, 11.4 s
`,
  );
});

test("status without a loaded kernel says why", () => {
  const skip: SkippedEvent = {
    event: "skipped",
    id: null,
    at: AT,
    bootId: "boot-2",
    stage: "load",
    checks: ["secure-boot"],
    reason: "Secure Boot is on",
  };
  const view = {
    ...QUIET,
    log: foldEvents([{ ...skip, bootId: "boot-1", reason: "an older one" }, skip]),
    state: { ...STATE, consecutive: 10 },
    enabled: false,
  };
  const lines = statusText(view).split("\n");
  assert.deepEqual(lines.slice(0, 4), [
    "No kernel is loaded: the next reboot is an ordinary one",
    "  skipped: Secure Boot is on (2026-11-23 10:00 UTC)",
    "  10 kexecs in a row, the limit is 10: a boot through the firmware is due",
    "  the systemd integration is not installed: see 'flatcar-kexec enable --dry-run'",
  ]);
  const cold = statusText({ ...view, cold: { at: AT, reason: "asked for by 'reboot --cold'" } });
  assert.match(cold, /^The next reboot is an ordinary one: asked for by 'reboot --cold' \(2026/);
  assert.match(
    statusText({ ...view, loaded: { kind: "damaged" } }),
    /^A kernel is loaded whose record cannot be read: the next reboot drops it/,
  );
  assert.match(statusText({ ...view, loaded: { kind: "foreign" } }), /^A kernel is loaded that is not ours/);
});

test("status shows failures, quarantine and damaged state", () => {
  const entry = {
    kernelVersion: NEW_KERNEL,
    usrhash: null,
    partuuid: USR_B,
    reason: "it did not arrive",
    at: AT,
    attempt: "a",
  };
  const log = foldEvents([
    prepared({ id: "a" }),
    { ...ARRIVED, id: "a", verdict: "fell-back", seconds: null, gaveBack: true },
    prepared({ id: "b" }),
    { event: "abandoned", id: "b", at: AT, reason: "disk full" },
    prepared({ id: "c" }),
    { event: "committed", id: "c", at: AT },
    prepared({ id: "d" }),
  ]);
  const text = statusText({
    ...QUIET,
    bootId: "boot-9",
    log,
    state: { ...STATE, quarantined: [entry] },
    problems: ["state.json is not JSON"],
  });
  assert.match(text, /^This boot is not confirmed yet/m);
  assert.match(text, /fell back, its try was given back$/m);
  assert.match(text, /given up: disk full$/m);
  assert.match(text, /committed, no word of it since$/m);
  assert.match(text, /begun$/m);
  assert.match(text, /^ {2}6\.12\.103-flatcar {2}since 2026-11-23 10:00 UTC: it did not arrive$/m);
  assert.match(text, /^! state\.json is not JSON$/m);
  assert.ok(text.split("\n").length < 24, "one screen");
});

test("status says why a try did not go back, and obeys nothing that a label or a reason holds", () => {
  const reason = "the try stays spent: USR-B is no longer the first choice";
  const fell = { ...ARRIVED, verdict: "fell-back", seconds: null, reason } as const;
  const text = statusText({
    ...QUIET,
    log: foldEvents([prepared(), fell]),
    slots: [
      { ...slotA({ label: "\u001b[31mUSR" }), running: true, next: true },
      { ...slotB({ priority: 0 }), running: false, next: false },
    ],
    problems: ["two\nlines"],
  });
  assert.match(
    text,
    /\(USR-B\) {2}fell back\n {4}the try stays spent: USR-B is no longer the first choice\n/,
  );
  assert.match(text, /^ {2}\\x1b\[31mUSR {2}priority 1 {2}tries 0 {2}good, running, next$/m);
  assert.match(text, /^ {2}USR-B +priority 0 {2}tries 0 {2}not bootable$/m);
  assert.match(text, /^! two\\x0alines$/m);
  assert.doesNotMatch(text, /\u001b/);
});

test("what is loaded is no promise of a kexec while an ordinary reboot is asked for", () => {
  assert.equal(
    loadedSentence(RECORD, null),
    `Kernel ${NEW_KERNEL} (USR-B) is loaded: the next reboot is a kexec`,
  );
  assert.equal(
    loadedSentence(RECORD, { at: AT, reason: "reboot --cold" }, true),
    `Kernel ${NEW_KERNEL} (USR-B) is loaded already, but the next reboot is an ordinary one: reboot --cold ` +
      `(asked for at ${AT}; 'flatcar-kexec reboot' takes it back)`,
  );
});

test("the time from commit to user space is taken from both kernels' clocks", () => {
  const committedAt = "2026-11-23T09:59:30.000Z";
  const clocks = { now: NOW, uptime: 20, userspace: 2_400_000 };
  assert.equal(secondsToUserspace(committedAt, clocks), 12.4);
  assert.equal(secondsToUserspace(committedAt, { ...clocks, userspace: null }), 10);
});

test("clocks that contradict each other give no time", () => {
  const clocks = { now: NOW, uptime: 20, userspace: 0 };
  assert.equal(secondsToUserspace("2026-11-23T10:30:00.000Z", clocks), null);
  assert.equal(secondsToUserspace("2026-11-20T10:00:00.000Z", clocks), null);
  assert.equal(secondsToUserspace("nonsense", clocks), null);
});

test("systemd's 0 for the firmware's time means that it does not know", () => {
  assert.equal(firmwareSeconds(0), null);
  assert.equal(firmwareSeconds(null), null);
  assert.equal(firmwareSeconds(96_400_000), 96.4);
});

test("uptime is the first number of the file", () => {
  assert.equal(parseUptime("350735.47 234388.90\n"), 350735.47);
  assert.equal(parseUptime(""), null);
});

test("staging an update again makes what update-engine leaves, and nothing that is there already", () => {
  withTempFolder((root) => {
    mkdirSync(join(root, "run"));
    assert.deepEqual(stageUpdateAgain(root), [
      "/run/update_engine_autoupdate_completed",
      "/run/reboot-required",
    ]);
    assert.deepEqual(stageUpdateAgain(root), []);
    assert.deepEqual(readdirSync(join(root, "run")).sort(), [
      "reboot-required",
      "update_engine_autoupdate_completed",
    ]);
  });
});
