import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { chmodSync, mkdirSync, symlinkSync, writeFileSync } from "node:fs";
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
      const paths = Object.keys(texts).map((name) => join(folder, name));
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
  for (const text of [...Object.values(TEXTS), rebootDropIn()]) assert.equal(text.split("\n")[0], OWNER_LINE);
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

test("commit is ordered and pulled in as it was tried with systemd 257", () => {
  const text = commitUnit(SETTINGS);
  assert.deepEqual(valuesOf(text, "DefaultDependencies"), ["no"]);
  assert.deepEqual(valuesOf(text, "After"), ["shutdown.target umount.target"]);
  assert.deepEqual(valuesOf(text, "Before"), ["final.target systemd-reboot.service systemd-kexec.service"]);
  assert.deepEqual(valuesOf(text, "WantedBy"), ["reboot.target kexec.target"]);
  assert.equal(text.includes("Requires"), false, "a required unit that fails gets the shutdown stuck");
  assert.deepEqual(valuesOf(text, "RefuseManualStart"), ["yes"]);
});

test("the shell of ExecStopPost unloads after every end but a success", () => {
  withTempFolder((folder) => {
    const kexec = join(folder, "it's kexec");
    const marker = join(folder, "unloaded");
    writeFileSync(kexec, `#!/bin/sh\necho "$@" >> '${marker}'\n`);
    chmodSync(kexec, 0o755);
    const line = valuesOf(commitUnit({ ...SETTINGS, kexecProgram: kexec }), "ExecStopPost")[0] ?? "";
    const script = unquote(line.replace("/bin/sh -c ", ""));
    const run = (result: string) =>
      spawnSync("/bin/sh", ["-c", script], { env: { SERVICE_RESULT: result } }).status;
    const calls = () => spawnSync("cat", [marker], { encoding: "utf8" }).stdout;
    assert.equal(run("success"), 0);
    assert.equal(calls(), "");
    for (const result of ["exit-code", "timeout", "signal", "watchdog", "resources", ""]) run(result);
    assert.equal(calls(), "-u\n".repeat(6));
  });
});

/** What systemd makes of a quoted word: escapes undone, `$$` and `%%` halved. */
function unquote(word: string): string {
  assert.match(word, /^".*"$/);
  return word.slice(1, -1).replace(/\\(["\\])/g, "$1").replaceAll("$$", "$").replaceAll("%%", "%");
}

test("names are clear of the kexec.service and kexec-load units that images and Debian bring", () => {
  for (const name of Object.keys(TEXTS)) assert.match(name, /^flatcar-kexec-/);
});
