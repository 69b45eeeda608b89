import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { test } from "node:test";
import { binaryFor, bunFor, hostArch, ROOT } from "../../tasks/bun.ts";
import { VERSION } from "../../src/lib/version.ts";
import { writeSampleHost } from "../support/sample_host.ts";
import { withTempFolder, writeTree } from "../support/temp_folder.ts";
import { planOf } from "./answers.ts";
import { readBytes } from "./disk.ts";

const BINARY = binaryFor(hostArch());

interface Answer {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

function runBinary(args: readonly string[], cwd = "/", binary = BINARY): Answer {
  const child = spawnSync(binary, args, { cwd, env: {}, encoding: "utf8" });
  return { status: child.status, stdout: child.stdout, stderr: child.stderr };
}

/** A folder that turns a program which trusts where it is run into somebody else's. */
function layTrap(folder: string, trace: string): void {
  const code = `require("node:fs").writeFileSync(${JSON.stringify(trace)}, "ran");\n`;
  writeTree(folder, {
    "bunfig.toml": 'preload = ["./evil.js"]\n[test]\npreload = ["./evil.js"]\n',
    "evil.js": code,
    ".env": "COLUMNS=44\n",
    ".env.local": "COLUMNS=44\n",
    ".env.production": "COLUMNS=44\n",
    "package.json": '{ "type": "commonjs", "main": "./evil.js" }\n',
    "tsconfig.json": '{ "compilerOptions": { "paths": { "*": ["./evil.js"] } } }\n',
    "node_modules/valibot/index.js": code,
    "node_modules/citty/index.js": code,
  });
}

test("the binary takes neither settings nor code from the folder it is run in", () => {
  withTempFolder((folder) => {
    const host = writeSampleHost(mkdtempSync(join(folder, "host-")));
    const trap = mkdtempSync(join(folder, "trap-"));
    const trace = join(folder, "trace");
    layTrap(trap, trace);
    const args = ["plan", ...host.args];
    const safe = runBinary(args, "/");
    assert.equal(safe.status, 0, safe.stderr);
    const trapped = runBinary(args, trap);
    assert.deepEqual(trapped, safe);
    assert.equal(existsSync(trace), false);

    // The same program built as Bun builds by default falls for it, so the trap is a trap.
    const naive = join(folder, "naive");
    const built = spawnSync(bunFor(hostArch()), ["build", "--compile", `--outfile=${naive}`, "src/main.ts"], {
      cwd: ROOT,
      encoding: "utf8",
    });
    assert.equal(built.status, 0, built.stderr);
    const fooled = runBinary(args, trap, naive);
    assert.equal(existsSync(trace), true);
    assert.notEqual(fooled.stdout, safe.stdout);
  });
});

test("the binary tells its version", () => {
  const answer = runBinary(["--version"]);
  assert.equal(answer.status, 0);
  assert.match(answer.stdout, new RegExp(`\\b${VERSION.replaceAll(".", "\\.")}\\b`));
});

for (const arch of ["x86_64", "aarch64"] as const) {
  test(`the binary plans the sample ${arch} host, and a recording of it gives the same plan byte for byte`, () => {
    withTempFolder((folder) => {
      const host = writeSampleHost(folder, { arch });
      const direct = runBinary(["plan", "--json", ...host.args]);
      assert.equal(direct.status, 0, direct.stderr + direct.stdout);
      assert.equal(planOf(direct.stdout).slot?.label, "USR-B");
      const file = join(folder, "host.json");
      const recorded = runBinary(["snapshot", "--output", file, ...host.args]);
      assert.equal(recorded.status, 0, recorded.stderr);
      rmSync(join(folder, "boot"), { recursive: true });
      rmSync(join(folder, "dev"), { recursive: true });
      const replayed = runBinary(["plan", "--json", "--snapshot", file]);
      assert.equal(replayed.stdout, direct.stdout);
      assert.equal(replayed.status, 0);
    });
  });
}

test("spending the sample host's try changes both copies of the table and the next plan", () => {
  withTempFolder((folder) => {
    const host = writeSampleHost(folder);
    const end = statSync(host.disk).size / 512;
    const sectors = [...Array(34).keys(), ...[...Array(33).keys()].map((index) => end - 33 + index)];
    const read = (): readonly string[] =>
      sectors.map((sector) => readBytes(host.disk, sector * 512, 512).toString("hex"));
    const before = read();
    const spent = runBinary(["slots", "--spend", "--json", "--disk", host.disk, ...host.args]);
    assert.equal(spent.status, 0, spent.stderr);
    const after = read();
    const changed = sectors.filter((_, index) => before[index] !== after[index]);
    // Each copy: its header, and the one sector of its table that holds the slot's entry.
    assert.deepEqual(changed, [1, 2, end - 33, end - 1]);
    assert.equal(planOf(runBinary(["plan", "--json", ...host.args]).stdout).slot?.label, "USR-A");
  });
});

test("the demo runs to its end", () => {
  const folder = mkdtempSync(join(tmpdir(), "flatcar-kexec-test-"));
  try {
    const child = spawnSync(bunFor(hostArch()), ["run", "tasks/demo.ts"], {
      cwd: ROOT,
      encoding: "utf8",
      env: { PATH: process.env["PATH"] ?? "", TMPDIR: folder },
    });
    assert.equal(child.status, 0, child.stdout + child.stderr);
    assert.match(child.stdout, /USR-B[^]*USR-A/);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});
