import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { chmodSync, existsSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import {
  COMMIT_UNIT,
  commitUnit,
  CONFIRM_UNIT,
  confirmUnit,
  LOAD_PATH_UNIT,
  LOAD_UNIT,
  loadPathUnit,
  loadUnit,
  OWNER_LINE,
  REBOOT_DROP_IN,
  rebootDropIn,
} from "../../src/systemd/units.ts";
import { withTempFolder, writeTree } from "../support/temp_folder.ts";

const SETTINGS = { binary: "/opt/bin/flatcar-kexec", kexecProgram: "/usr/sbin/kexec" };

const TEXTS = {
  [LOAD_PATH_UNIT]: loadPathUnit(),
  [LOAD_UNIT]: loadUnit(SETTINGS),
  [COMMIT_UNIT]: commitUnit(SETTINGS),
  [CONFIRM_UNIT]: confirmUnit(SETTINGS),
};

/** Values of a key, in order. */
function valuesOf(text: string, key: string): readonly string[] {
  return text.split("\n").flatMap((line) => (line.startsWith(`${key}=`) ? [line.slice(key.length + 1)] : []));
}

const hasAnalyze = spawnSync("systemd-analyze", ["--version"]).status === 0;

test(
  hasAnalyze
    ? "systemd-analyze verify has nothing to say about the units"
    : "systemd-analyze verify has nothing to say about the units (skipped: systemd-analyze is not installed)",
  { skip: !hasAnalyze },
  () => {
    withTempFolder((folder) => {
      // A path that needs quoting, and programs that exist: verify looks for them.
      const binary = join(folder, 'o p"t', "100% $HOME", "flatcar-kexec");
      writeTree(folder, { "kexec": "#!/bin/sh\n" });
      mkdirSync(join(binary, ".."), { recursive: true });
      symlinkSync("/bin/true", binary);
      chmodSync(join(folder, "kexec"), 0o755);
      const settings = { binary, kexecProgram: join(folder, "kexec") };
      const texts = {
        [LOAD_PATH_UNIT]: loadPathUnit(),
        [LOAD_UNIT]: loadUnit(settings),
        [COMMIT_UNIT]: commitUnit(settings),
        [CONFIRM_UNIT]: confirmUnit(settings),
      };
      for (const [name, text] of Object.entries(texts)) writeFileSync(join(folder, name), text);
      // The form for older releases, which every release takes.
      writeTree(folder, {
        "systemd-reboot.service": "[Unit]\nDefaultDependencies=no\nSuccessAction=reboot-force\n",
        [REBOOT_DROP_IN]: rebootDropIn(null),
      });
      const paths = [...Object.keys(texts), "systemd-reboot.service"].map((name) => join(folder, name));
      const child = spawnSync("systemd-analyze", ["verify", "--man=no", "--recursive-errors=no", ...paths], {
        encoding: "utf8",
        env: { PATH: "/usr/sbin:/usr/bin:/sbin:/bin", LC_ALL: "C" },
      });
      const said = child.stderr.split("\n").filter((line) => line.includes("flatcar-kexec"));
      assert.deepEqual(said, []);
      assert.equal(child.status, 0, child.stderr);
    });
  },
);

test("every file says who wrote it in its first line", () => {
  for (const text of [...Object.values(TEXTS), rebootDropIn(252), rebootDropIn(257)]) {
    assert.equal(text.split("\n")[0], OWNER_LINE);
  }
});

test("programs start with an empty environment but for the path and the journal's mark", () => {
  for (
    const [unit, verb] of [[LOAD_UNIT, "load"], [COMMIT_UNIT, "commit"], [CONFIRM_UNIT, "confirm"]] as const
  ) {
    assert.deepEqual(valuesOf(TEXTS[unit], "ExecStart"), [
      "/usr/bin/env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin:/opt/bin JOURNAL_STREAM=${JOURNAL_STREAM} " +
      `/opt/bin/flatcar-kexec ${verb}`,
    ]);
  }
});

test("what the program prints is found in the journal under the unit's name, not under that of env", () => {
  for (const unit of [LOAD_UNIT, COMMIT_UNIT, CONFIRM_UNIT] as const) {
    assert.deepEqual(valuesOf(TEXTS[unit], "SyslogIdentifier"), [unit.replace(".service", "")]);
  }
});

test("commit is ordered and pulled in as it was tried with systemd 257", () => {
  const text = commitUnit(SETTINGS);
  assert.deepEqual(valuesOf(text, "DefaultDependencies"), ["no"]);
  assert.deepEqual(valuesOf(text, "After"), ["shutdown.target umount.target"]);
  assert.deepEqual(valuesOf(text, "Before"), ["final.target systemd-reboot.service systemd-kexec.service"]);
  assert.deepEqual(valuesOf(text, "WantedBy"), ["reboot.target kexec.target"]);
  assert.equal(text.includes("Requires"), false, "a required unit that fails gets the shutdown stuck");
  assert.deepEqual(valuesOf(text, "RefuseManualStart"), ["yes"]);
});

test("after every end but a success commit's unit unloads, then has the program say why", () => {
  withTempFolder((folder) => {
    const calls = join(folder, "calls");
    const program = (name: string, status = 0): string => {
      const path = join(folder, name);
      writeFileSync(path, `#!/bin/sh\necho "${name.at(0)} $*" >> '${calls}'\nexit ${status}\n`);
      chmodSync(path, 0o755);
      return path;
    };
    const binary = program("flatcar-kexec's");
    const run = (kexecProgram: string, result: string, status: string): string => {
      writeFileSync(calls, "");
      const script = shellOf(commitUnit({ binary, kexecProgram }), "ExecStopPost");
      spawnSync("/bin/sh", ["-c", script], { env: { SERVICE_RESULT: result, EXIT_STATUS: status } });
      return readFileSync(calls, "utf8");
    };
    const kexec = program("it's kexec");
    assert.equal(run(kexec, "success", "0"), "");
    for (const result of ["exit-code", "timeout", "signal", "watchdog", "resources", ""]) {
      assert.equal(run(kexec, result, "1"), `i -s -u\nf commit --failed=${result} 1\n`);
    }
    // A kernel without kexec_file_load.
    assert.equal(
      run(program("old", 255), "signal", "KILL"),
      "o -s -u\no -c -u\nf commit --failed=signal KILL\n",
    );
  });
});

test("systemd from 254 on is given an action, an older or unknown one a command", () => {
  for (const version of [254, 257, 262]) {
    assert.deepEqual(valuesOf(rebootDropIn(version), "SuccessAction"), ["kexec-force"]);
    assert.deepEqual(valuesOf(rebootDropIn(version), "ExecStart"), []);
  }
  for (const version of [252, 253, null]) {
    const text = rebootDropIn(version);
    assert.deepEqual(
      valuesOf(text, "SuccessAction"),
      [],
      "the unit's own is the way out with nothing loaded",
    );
    assert.deepEqual(valuesOf(text, "FailureAction"), ["reboot-force"]);
    assert.deepEqual(valuesOf(text, "Type"), ["oneshot"]);
    assert.deepEqual(valuesOf(text, "TimeoutStartSec"), ["1min"], "a oneshot has no limit of its own");
  }
});

test("the drop-in's command asks for the kexec if a kernel is loaded, and else succeeds and does nothing", () => {
  withTempFolder((folder) => {
    const calls = join(folder, "calls");
    writeFileSync(join(folder, "systemctl"), `#!/bin/sh\necho "$*" >> '${calls}'\nexit 7\n`, { mode: 0o755 });
    const loaded = join(folder, "kexec_loaded");
    const script = shellOf(rebootDropIn(252), "ExecStart").replace("/sys/kernel/kexec_loaded", loaded);
    const run = () =>
      spawnSync("/bin/sh", ["-c", script], { env: { PATH: `${folder}:/usr/bin:/bin` } }).status;
    assert.equal(run(), 0, "no such file");
    writeFileSync(loaded, "0\n");
    assert.equal(run(), 0);
    assert.equal(existsSync(calls), false);
    writeFileSync(loaded, "1\n");
    assert.equal(run(), 7);
    assert.equal(readFileSync(calls, "utf8"), "--force kexec\n");
  });
});

/** The script of a line that calls sh. */
function shellOf(unit: string, key: string): string {
  return unquote((valuesOf(unit, key)[0] ?? "").replace("/bin/sh -c ", ""));
}

/** What systemd makes of a quoted word: escapes undone, `$$` and `%%` halved. */
function unquote(word: string): string {
  assert.match(word, /^".*"$/);
  return word.slice(1, -1).replace(/\\(["\\])/g, "$1").replaceAll("$$", "$").replaceAll("%%", "%");
}

test("names are clear of the kexec.service and kexec-load units that images and Debian bring", () => {
  for (const name of Object.keys(TEXTS)) assert.match(name, /^flatcar-kexec-/);
});
