import assert from "node:assert/strict";
import {
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { KexecError } from "../../src/lib/errors.ts";
import type { SystemdControl } from "../../src/systemd/control.ts";
import { showChanges, type UnitFiles, unitFiles } from "../../src/systemd/files.ts";
import {
  applyPlan,
  ETC_UNITS,
  type InstallPlan,
  planDisable,
  planDropInRemoval,
  planEnable,
  planHandover,
  planHandoverRemoval,
  RUN_UNITS,
  showAction,
} from "../../src/systemd/install.ts";
import { REBOOT_DROP_IN, rebootDropIn } from "../../src/systemd/units.ts";
import { withTempFolder, writeTree } from "../support/temp_folder.ts";

const SETTINGS = { binary: "/opt/bin/flatcar-kexec", kexecProgram: "/usr/sbin/kexec" };

/** A systemd that notes what it is asked. */
function noteTaker(): SystemdControl & { readonly calls: string[] } {
  const calls: string[] = [];
  return {
    calls,
    daemonReload: () => void calls.push("reload"),
    start: (unit, wait) => void calls.push(`start ${unit}${wait ? "" : " (no wait)"}`),
    stop: (unit) => void calls.push(`stop ${unit}`),
    version: () => 257,
    numberProperty: () => null,
    setKexecWatchdog: (microseconds) => void calls.push(`watchdog ${microseconds}`),
    isStopping: () => false,
    reboot: (kind) => void calls.push(`reboot ${kind}`),
  };
}

/** Every file and link below a folder: `path` or `path -> target`. */
function tree(folder: string, below = ""): readonly string[] {
  return readdirSync(join(folder, below)).sort().flatMap((name) => {
    const path = join(below, name);
    const status = lstatSync(join(folder, path));
    if (status.isSymbolicLink()) return [`/${path} -> ${readlinkSync(join(folder, path))}`];
    return status.isDirectory() ? [...tree(folder, path)] : [`/${path}`];
  });
}

function withRoot(action: (root: string, files: UnitFiles) => void): void {
  withTempFolder((root) => action(root, unitFiles(root)));
}

const ENABLED = [
  "/etc/systemd/system/flatcar-kexec-commit.service",
  "/etc/systemd/system/flatcar-kexec-confirm.service",
  "/etc/systemd/system/flatcar-kexec-load.path",
  "/etc/systemd/system/flatcar-kexec-load.service",
  "/etc/systemd/system/kexec.target.wants/flatcar-kexec-commit.service -> " +
  "/etc/systemd/system/flatcar-kexec-commit.service",
  "/etc/systemd/system/multi-user.target.wants/flatcar-kexec-confirm.service -> " +
  "/etc/systemd/system/flatcar-kexec-confirm.service",
  "/etc/systemd/system/multi-user.target.wants/flatcar-kexec-load.path -> " +
  "/etc/systemd/system/flatcar-kexec-load.path",
  "/etc/systemd/system/reboot.target.wants/flatcar-kexec-commit.service -> " +
  "/etc/systemd/system/flatcar-kexec-commit.service",
];

const nothingToDo = (plan: InstallPlan) => plan.changes.length === 0 && plan.before.length === 0;

test("enable writes the units with the program's own path, and a second run changes nothing", () => {
  withRoot((root, files) => {
    const control = noteTaker();
    applyPlan(planEnable(files, SETTINGS), files, control);
    assert.deepEqual(tree(root), ENABLED);
    assert.deepEqual(control.calls, [
      "reload",
      "start flatcar-kexec-load.path",
      "start flatcar-kexec-confirm.service (no wait)",
    ]);
    const again = planEnable(files, SETTINGS);
    assert.ok(nothingToDo(again));
    assert.deepEqual(again.after.map(showAction), [
      "systemctl start flatcar-kexec-load.path",
      "systemctl start --no-block flatcar-kexec-confirm.service",
    ]);
  });
});

test("enable waits for no unit that takes the command lock, since it holds the lock itself", () => {
  withRoot((root, files) => {
    writeTree(root, { "run/reboot-required": "" });
    for (const action of planEnable(files, SETTINGS).after) {
      if (action.kind === "start" && action.unit.endsWith(".service")) assert.equal(action.wait, false);
    }
  });
});

test("enable loads at once when an update is ready already, without waiting for it", () => {
  withRoot((root, files) => {
    writeTree(root, { "run/reboot-required": "" });
    const control = noteTaker();
    applyPlan(planEnable(files, SETTINGS), files, control);
    assert.equal(control.calls.at(-1), "start flatcar-kexec-load.service (no wait)");
  });
});

test("disable removes all that enable made and nothing else", () => {
  withRoot((root, files) => {
    writeTree(root, {
      "etc/systemd/system/other.service": "[Service]\n",
      "etc/systemd/system/multi-user.target.wants/other.service": {
        link: "/etc/systemd/system/other.service",
      },
      "etc/systemd/system/flatcar-kexec-load.service.d/mine.conf": "[Service]\nNice=5\n",
    });
    const before = tree(root);
    applyPlan(planEnable(files, SETTINGS), files, noteTaker());
    const control = noteTaker();
    applyPlan(planDisable(files), files, control);
    assert.deepEqual(tree(root), before);
    assert.deepEqual(control.calls, ["stop flatcar-kexec-load.path", "reload"]);
    assert.equal(existsSync(join(root, "etc/systemd/system/reboot.target.wants")), false);
    assert.ok(nothingToDo(planDisable(files)));
  });
});

test("links go before the units that they lead to", () => {
  withRoot((_, files) => {
    applyPlan(planEnable(files, SETTINGS), files, noteTaker());
    const kinds = planDisable(files).changes.map((change) => change.path.includes(".wants/"));
    assert.deepEqual(kinds, [true, true, true, true, false, false, false, false]);
  });
});

test("a program that moved is put into the units again", () => {
  withRoot((root, files) => {
    applyPlan(planEnable(files, SETTINGS), files, noteTaker());
    const plan = planEnable(files, { ...SETTINGS, binary: "/opt/flatcar kexec/bin" });
    assert.equal(plan.changes.length, 3);
    const control = noteTaker();
    applyPlan(plan, files, control);
    assert.equal(control.calls[0], "reload");
    const text = readFileSync(join(root, ETC_UNITS, "flatcar-kexec-commit.service"), "utf8");
    assert.match(text, /^ExecStart=.* "\/opt\/flatcar kexec\/bin" commit$/m);
  });
});

test("somebody else's file of our name stops enable before anything is written, and disable leaves it", () => {
  withRoot((root, files) => {
    writeTree(root, {
      "etc/systemd/system/flatcar-kexec-confirm.service": "[Service]\nExecStart=/bin/true\n",
    });
    assert.throws(
      () => applyPlan(planEnable(files, SETTINGS), files, noteTaker()),
      (error) =>
        error instanceof KexecError && error.code === "write-failed" &&
        error.message.includes("flatcar-kexec-confirm.service: something that is not ours is there"),
    );
    assert.equal(tree(root).length, 1);
    const plan = planDisable(files);
    assert.ok(nothingToDo(plan));
    assert.match(plan.notes[0] ?? "", /flatcar-kexec-confirm\.service is not ours and stays/);
  });
});

test("a unit that the administrator masked stays masked", () => {
  withRoot((root, files) => {
    writeTree(root, { "etc/systemd/system/flatcar-kexec-load.path": { link: "/dev/null" } });
    const plan = planEnable(files, SETTINGS);
    applyPlan(plan, files, noteTaker());
    assert.match(plan.notes[0] ?? "", /flatcar-kexec-load\.path is masked/);
    assert.deepEqual(plan.after.map(showAction), [
      "systemctl daemon-reload",
      "systemctl start --no-block flatcar-kexec-confirm.service",
    ]);
    applyPlan(planDisable(files), files, noteTaker());
    assert.deepEqual(tree(root), ["/etc/systemd/system/flatcar-kexec-load.path -> /dev/null"]);
  });
});

test("the hand-over needs no enable: the commit unit and the drop-in lie in /run, and go without a trace", () => {
  withRoot((root, files) => {
    mkdirSync(join(root, "run/systemd/system"), { recursive: true });
    const control = noteTaker();
    applyPlan(planHandover(files, SETTINGS, 257), files, control);
    assert.deepEqual(tree(root), [
      "/run/systemd/system/flatcar-kexec-commit.service",
      "/run/systemd/system/kexec.target.wants/flatcar-kexec-commit.service -> " +
      "/run/systemd/system/flatcar-kexec-commit.service",
      "/run/systemd/system/reboot.target.wants/flatcar-kexec-commit.service -> " +
      "/run/systemd/system/flatcar-kexec-commit.service",
      "/run/systemd/system/systemd-reboot.service.d/50-flatcar-kexec.conf",
    ]);
    assert.ok(nothingToDo(planHandover(files, SETTINGS, 257)));
    applyPlan(planHandoverRemoval(files), files, control);
    assert.deepEqual(readdirSync(join(root, "run/systemd/system")), []);
    assert.deepEqual(control.calls, ["reload", "reload"]);
    applyPlan(planHandoverRemoval(files), files, control);
    assert.equal(control.calls.length, 2, "nothing removed, nothing reloaded");
  });
});

test("the hand-over's drop-in is of the form that the running systemd knows, and is replaced when that changes", () => {
  withRoot((root, files) => {
    const dropIn = () => readFileSync(join(root, RUN_UNITS, REBOOT_DROP_IN), "utf8");
    applyPlan(planHandover(files, SETTINGS, 252), files, noteTaker());
    assert.equal(dropIn(), rebootDropIn(252));
    const changes = planHandover(files, SETTINGS, 254).changes;
    assert.deepEqual(changes.map((change) => change.path), [`${RUN_UNITS}/${REBOOT_DROP_IN}`]);
    applyPlan(planHandover(files, SETTINGS, 254), files, noteTaker());
    assert.equal(dropIn(), rebootDropIn(254));
    applyPlan(planHandover(files, SETTINGS, 252), files, noteTaker());
    applyPlan(planHandoverRemoval(files), files, noteTaker());
    assert.deepEqual(tree(root), []);
  });
});

test("there is no hand-over while the commit unit is masked, by a link or by an empty file", () => {
  const masks: Readonly<Record<string, Parameters<typeof writeTree>[1]>> = {
    "etc/systemd/system/flatcar-kexec-commit.service is a link": {
      "etc/systemd/system/flatcar-kexec-commit.service": { link: "/dev/null" },
    },
    "run/systemd/system/flatcar-kexec-commit.service is a link": {
      "run/systemd/system/flatcar-kexec-commit.service": { link: "../../../dev/null" },
    },
    "etc/systemd/system/flatcar-kexec-commit.service is an empty file": {
      "etc/systemd/system/flatcar-kexec-commit.service": "",
    },
  };
  for (const [what, entries] of Object.entries(masks)) {
    withRoot((root, files) => {
      writeTree(root, entries);
      assert.throws(
        () => planHandover(files, SETTINGS, 257),
        (error) => error instanceof KexecError && error.message.includes(what),
      );
    });
  }
});

test("without the drop-in alone no reboot ends in a kexec by itself, and commit still runs", () => {
  withRoot((root, files) => {
    const control = noteTaker();
    applyPlan(planHandover(files, SETTINGS, 257), files, noteTaker());
    applyPlan(planDropInRemoval(files), files, control);
    assert.deepEqual(readdirSync(join(root, "run/systemd/system")).sort(), [
      "flatcar-kexec-commit.service",
      "kexec.target.wants",
      "reboot.target.wants",
    ]);
    applyPlan(planDropInRemoval(files), files, control);
    assert.deepEqual(control.calls, ["reload", "reload"], "an earlier reload may have failed");
  });
});

test("a relative program path is refused", () => {
  withRoot((_, files) => {
    assert.throws(
      () => planEnable(files, { ...SETTINGS, binary: "flatcar-kexec" }),
      (error) => error instanceof KexecError && error.message.includes("expected an absolute path"),
    );
  });
});

test("the diff shows new files, changed lines, links and removals", () => {
  withRoot((root, files) => {
    applyPlan(planEnable(files, SETTINGS), files, noteTaker());
    const path = join(root, ETC_UNITS, "flatcar-kexec-load.path");
    const text = readFileSync(path, "utf8");
    writeFileSync(path, text.replace("WantedBy=multi-user.target", "WantedBy=nothing.target"));
    const shown = showChanges(planEnable(files, SETTINGS).changes);
    assert.match(shown, /^--- \/etc\/systemd\/system\/flatcar-kexec-load\.path\n\+\+\+ \/etc.*\n # Written/);
    assert.match(shown, /^ \[Install\]\n-WantedBy=nothing\.target\n\+WantedBy=multi-user\.target\n$/m);
    const removal = showChanges(planDisable(files).changes);
    assert.match(removal, /^--- \/etc.*commit\.service\n\+\+\+ \/dev\/null\n--> \/etc/m);
    const fresh = showChanges(planEnable(unitFiles(join(root, "empty")), SETTINGS).changes);
    assert.match(fresh, /^--- \/dev\/null\n\+\+\+ \/etc.*load\.service\n\+# Written/);
  });
});
