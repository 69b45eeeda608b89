import assert from "node:assert/strict";
import { mkdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { COMMANDS } from "../../src/cli/commands.ts";
import { VERSION } from "../../src/lib/version.ts";
import { runCaptured } from "../support/captured_terminal.ts";
import { type SampleHost, writeSampleHost } from "../support/sample_host.ts";
import { withTempFolderAsync } from "../support/temp_folder.ts";

async function withSample(use: (sample: SampleHost, folder: string) => Promise<void>): Promise<void> {
  await withTempFolderAsync(async (folder) => await use(writeSampleHost(join(folder, "host")), folder));
}

function parse(text: string): Readonly<Record<string, unknown>> {
  const value: unknown = JSON.parse(text);
  assert.ok(typeof value === "object" && value !== null && !Array.isArray(value));
  return Object.fromEntries(Object.entries(value));
}

test("help and version go to standard output and succeed", async () => {
  for (const args of [["--help"], ["help"], ["plan", "--help"], ["grub", "--help"], ["grub", "run", "-h"]]) {
    const { exit, out, err } = await runCaptured(args);
    assert.equal(exit, 0);
    assert.equal(err, "");
    assert.doesNotMatch(out, /\u001b/);
    assert.match(out, /flatcar-kexec/);
  }
  assert.equal((await runCaptured(["--version"])).out, `flatcar-kexec ${VERSION}\n`);
});

test("every command has a help page that names its options", async () => {
  for (const [name, entry] of Object.entries(COMMANDS)) {
    const names = "load" in entry ? [[name]] : Object.keys(entry.commands).map((inner) => [name, inner]);
    for (const words of names) {
      const { exit, out } = await runCaptured([...words, "--help"]);
      assert.equal(exit, 0, words.join(" "));
      assert.match(out, /OPTIONS/, words.join(" "));
    }
  }
});

test("a mistyped command or option ends in exit code 2, with what was meant", async () => {
  const cases: readonly (readonly [readonly string[], RegExp])[] = [
    [["pln"], /did you mean 'plan'/],
    [["grub", "chek"], /did you mean 'grub check'/],
    [["plan", "--jsn"], /did you mean '--json'/],
    [["plan", "--allow", "pairty-mismatch"], /did you mean 'parity-mismatch'/],
    [["plan", "--arch", "mips"], /arch/],
    [["plan", "extra"], /unexpected argument 'extra'/],
    [["slots", "--sector-size", "1024"], /sector-size/],
  ];
  for (const [args, message] of cases) {
    const { exit, out, err } = await runCaptured(args);
    assert.equal(exit, 2, args.join(" "));
    assert.equal(out, "");
    assert.match(err, message);
    assert.doesNotMatch(err, /^\s+at /m);
  }
});

test("a usage error points to the help of the command that was called", async () => {
  for (
    const [args, hint] of [
      [["grub", "check"], "flatcar-kexec grub check --help"],
      [["plugin", "new"], "flatcar-kexec plugin new --help"],
      [["plugin", "foo"], "flatcar-kexec plugin --help"],
      [["zzzzzzzz"], "flatcar-kexec --help"],
    ] as const
  ) {
    const { exit, err } = await runCaptured(args);
    assert.equal(exit, 2);
    assert.ok(err.includes(`see '${hint}'`), err);
    const words = hint.split(" ").slice(1);
    assert.equal((await runCaptured(words)).exit, 0, hint);
  }
});

test("help names 'complete', has a page for it, and leaves no blanks at the ends of lines", async () => {
  assert.match((await runCaptured(["--help"])).out, /^ {2}complete +print a script/m);
  assert.match((await runCaptured(["complete", "--help"])).out, /bash\|zsh\|fish/);
  assert.doesNotMatch((await runCaptured(["plan", "--help"])).out, /[ \t]$/m);
});

test("an error is one JSON document where one was asked for", async () => {
  for (const args of [["plan", "--json", "--snapshot", "/nowhere"], ["plan", "--json", "--jsn"]]) {
    const { exit, out, err } = await runCaptured(args);
    const { version, error } = parse(out);
    assert.equal(version, 1);
    assert.ok(typeof error === "object" && error !== null && "code" in error && "message" in error);
    assert.equal(error.code, exit === 2 ? "usage" : "unreadable");
    assert.ok(err.includes(String(error.message)));
  }
  assert.equal((await runCaptured(["plan", "--snapshot", "/nowhere", "--", "--json"])).out, "");
});

test("a folder that an option names has to be one", async () => {
  await withTempFolderAsync(async (folder) => {
    writeFileSync(join(folder, "file"), "");
    for (const option of ["--root", "--boot", "--oem"]) {
      for (const path of [join(folder, "missing"), join(folder, "file")]) {
        const { exit, out, err } = await runCaptured(["plan", option, path]);
        assert.deepEqual([exit, out], [2, ""]);
        assert.ok(err.includes(`Cannot use ${option}: ${path}: `), err);
      }
    }
  });
});

test("--config names a file of this machine, whatever host the command looks at", async () => {
  await withSample(async (sample, folder) => {
    const config = join(folder, "mine.toml");
    const snapshot = join(folder, "host.json");
    writeFileSync(config, 'marker = false\n[checks]\n"kexec-tools-2.0.31" = "off"\ngpt-invalid = "off"\n');
    assert.equal((await runCaptured(["snapshot", "-o", snapshot, ...sample.args])).exit, 0);
    for (const host of [sample.args, ["--snapshot", snapshot]]) {
      const { exit, out } = await runCaptured(["plan", "--config", config, ...host]);
      assert.equal(exit, 0);
      assert.doesNotMatch(out, /flatcar\.kexec=/);
      const shown = await runCaptured(["config", "--config", config, ...host]);
      assert.ok(shown.out.includes("marker = false"));
      assert.match(shown.out, /^checks\."kexec-tools-2\.0\.31" = "off" +# .*mine\.toml$/m);
      assert.match(
        shown.out,
        /^checks\.gpt-invalid = "off" +# .*mine\.toml; ignored: the check protects data$/m,
      );
    }
  });
});

test("--allow takes no check that protects data", async () => {
  const { exit, err } = await runCaptured(["plan", "--allow", "parity-unknown,gpt-invalid"]);
  assert.equal(exit, 2);
  assert.match(err, /Cannot allow 'gpt-invalid': the check protects data/);
});

test("slots gives exactly one JSON document, with the next slot in it", async () => {
  await withSample(async (sample) => {
    const { exit, out, err } = await runCaptured(["slots", "--json", ...sample.args]);
    assert.equal(exit, 0);
    assert.equal(err, "");
    const { version, primary, backup, sectorSize, next } = parse(out);
    assert.deepEqual({ version, primary, backup, sectorSize }, {
      version: 1,
      primary: "valid",
      backup: "valid",
      sectorSize: 512,
    });
    assert.deepEqual(next, {
      partition: 4,
      partuuid: "e03dd35c-7c2d-4a47-b3fe-27f15780a57c",
      label: "USR-B",
      priority: 2,
      tries: 1,
      successful: false,
      triesAfter: 0,
      gptWrite: true,
      running: false,
    });
  });
});

test("slots --spend writes to the tree's disk, never to the disk of that name on this machine", async () => {
  await withSample(async (sample) => {
    const { exit } = await runCaptured(["slots", "--spend", "--root", sample.root]);
    assert.equal(exit, 0);
    const { out } = await runCaptured(["slots", "--json", "--disk", sample.disk]);
    assert.match(out, /"label":"USR-B","priority":2,"tries":0/);
  });
});

test("slots --spend takes the try, and the next one to look finds the other slot", async () => {
  await withSample(async (sample) => {
    const spent = await runCaptured(["slots", "--spend", ...sample.args]);
    assert.match(
      spent.out,
      /Took one of the tries of USR-B \(partition 4\).*: 0 left\nGRUB takes USR-A \(partition 3\) next\n$/,
    );
    const after = await runCaptured(["slots", "--spend", ...sample.args]);
    assert.match(after.out, /GRUB takes USR-A \(partition 3\) next/);
    assert.match(after.out, /nothing was written/);
  });
});

test("a disk that is not Flatcar's, or unreadable, ends in exit code 4 and a sentence, and stays as it was", async () => {
  await withTempFolderAsync(async (folder) => {
    const text = join(folder, "text");
    writeFileSync(text, "not a disk\n".repeat(1000));
    const before = readFileSync(text);
    const empty = join(folder, "empty");
    writeFileSync(empty, "");
    for (const disk of [text, empty, join(folder, "missing"), folder]) {
      for (
        const command of [["slots"], ["slots", "--spend"], ["slots", "--json"], ["plan", "--root", folder]]
      ) {
        const { exit, out, err } = await runCaptured([...command, "--disk", disk]);
        assert.equal(exit, 4, `${command.join(" ")} ${disk}: ${out}${err}`);
        assert.match(
          `${out}${err}`.replaceAll(/\s+/g, " "),
          new RegExp(disk.slice(disk.lastIndexOf("/") + 1)),
        );
        assert.doesNotMatch(err, /^\s+at /m);
      }
    }
    assert.deepEqual(readFileSync(text), before);
  });
});

test("plan --json is one document, also when it refuses, and --quiet says nothing", async () => {
  await withSample(async (sample) => {
    assert.equal(parse((await runCaptured(["plan", "--json", ...sample.args])).out)["decision"], "kexec");
    truncateSync(join(sample.root, "boot/flatcar/vmlinuz-b"), 3000);
    const { exit, out } = await runCaptured(["plan", "--json", ...sample.args]);
    assert.equal(exit, 3);
    assert.equal(parse(out)["decision"], "refuse");
    assert.deepEqual(await runCaptured(["plan", "--quiet", ...sample.args]), { exit: 3, out: "", err: "" });
  });
});

test("plan stays within 80 columns, but for words of the command line that are longer", async () => {
  await withSample(async (sample) => {
    const { out } = await runCaptured(["plan", ...sample.args]);
    for (const line of out.split("\n").filter((line) => !line.includes("verity.usrhash="))) {
      assert.ok(line.length <= 80, line);
    }
  });
});

test("plan gives a kernel's size in a unit that fits it", async () => {
  await withSample(async (sample) => {
    assert.match((await runCaptured(["plan", ...sample.args])).out, /bzImage, [1-9]\d*\.\d kB\)/);
    truncateSync(join(sample.root, "boot/flatcar/vmlinuz-b"), 34_245_760);
    assert.match((await runCaptured(["plan", ...sample.args])).out, /bzImage, 34\.2 MB\)/);
  });
});

test("plan in colour says the same as without", async () => {
  await withSample(async (sample) => {
    const plain = await runCaptured(["plan", ...sample.args]);
    const coloured = await runCaptured(["plan", ...sample.args], { color: true });
    assert.match(coloured.out, /\u001b\[/);
    // deno-lint-ignore no-control-regex
    assert.equal(coloured.out.replace(/\u001b\[[0-9;]*m/g, ""), plain.out);
  });
});

test("check tells every check's verdict, and plan --snapshot repeats what plan said", async () => {
  await withSample(async (sample, folder) => {
    const checked = parse((await runCaptured(["check", "--json", ...sample.args])).out);
    assert.ok(Array.isArray(checked["checks"]) && checked["checks"].length > 30);
    const file = join(folder, "host.json");
    assert.equal((await runCaptured(["snapshot", "-o", file, ...sample.args])).exit, 0);
    const live = await runCaptured(["plan", "--json", ...sample.args]);
    const replayed = await runCaptured(["plan", "--json", "--snapshot", file]);
    assert.equal(replayed.out, live.out);
  });
});

test("check says 'ok' only of what it looked at", async () => {
  await withSample(async (sample, folder) => {
    const verdicts = async (args: readonly string[]): Promise<ReadonlyMap<unknown, unknown>> => {
      const { checks } = parse((await runCaptured(["check", "--json", ...args])).out);
      assert.ok(Array.isArray(checks));
      return new Map(checks.map(({ id, verdict }) => [id, verdict]));
    };
    rmSync(join(sample.root, "boot/flatcar/vmlinuz-b"));
    const without = await verdicts(sample.args);
    assert.equal(without.get("kernel-missing"), "refuse");
    assert.equal(without.get("gpt-invalid"), "ok");
    for (const id of ["kernel-format", "memory-low", "pairing-mismatch", "slot-changed"]) {
      assert.equal(without.get(id), "skipped", id);
    }
    const config = join(folder, "off.toml");
    writeFileSync(config, '[checks]\nsecure-boot = "off"\n');
    assert.equal((await verdicts(["--config", config, ...sample.args])).get("secure-boot"), "off");
    const text = (await runCaptured(["check", "--config", config, ...sample.args])).out;
    assert.match(text, /skipped {2}memory-low +there is no kernel that can be\n? *used/);
    assert.match(text, /off {6}secure-boot +switched off by the configuration/);
    const { out } = await runCaptured(["check", ...sample.args], { width: 40 });
    const [table = ""] = out.split("\n\n");
    assert.ok(table.split("\n").every((line) => line.length <= 40 || !line.trim().includes(" ")), table);
  });
});

test("plan warns where another slot is due than the one loaded, and a snapshot tells the same", async () => {
  await withSample(async (sample, folder) => {
    writeFileSync(join(sample.root, "sys/kernel/kexec_loaded"), "1\n");
    const { slots, kernel, decision } = parse((await runCaptured(["plan", "--json", ...sample.args])).out);
    assert.equal(decision, "refuse");
    assert.ok(Array.isArray(slots));
    const record = {
      version: 1,
      id: "0123456789ab",
      bootId: "ef0aec68-085f-4260-bae7-184998b4e851",
      loadedAt: "2026-01-01T00:00:00.000Z",
      toolVersion: VERSION,
      tries: "spend",
      slot: slots.find(({ label }) => label === "USR-A"),
      slots,
      kernel,
      cmdline: "",
      firstBoot: false,
      disk: "/dev/vda",
      tableDigest: "",
      kexec: { program: "/usr/sbin/kexec", syscall: "file" },
      firmwareRequests: [],
      watched: [],
      quiesce: [],
      watchdogBefore: null,
      warnings: [],
      plan: null,
    };
    mkdirSync(join(sample.root, "run/flatcar-kexec"), { recursive: true });
    writeFileSync(join(sample.root, "run/flatcar-kexec/loaded.json"), JSON.stringify(record));
    const { exit, out } = await runCaptured(["plan", "--json", ...sample.args]);
    assert.equal(exit, 0, out);
    assert.match(out, /The kernel of USR-A is loaded, but GRUB would boot USR-B now/);
    const file = join(folder, "host.json");
    assert.equal((await runCaptured(["snapshot", "-o", file, ...sample.args])).exit, 0);
    assert.equal((await runCaptured(["plan", "--json", "--snapshot", file])).out, out);
  });
});

test("a snapshot that is none ends in a sentence that names it", async () => {
  await withTempFolderAsync(async (folder) => {
    const file = join(folder, "bad.json");
    for (const text of ["", "{", "[]", '{"version":99}', "\u0000\u0001"]) {
      writeFileSync(file, text);
      const { exit, err } = await runCaptured(["plan", "--snapshot", file]);
      assert.equal(exit, 1);
      assert.match(err, /bad\.json/);
      assert.doesNotMatch(err, /^\s+at /m);
    }
  });
});

test("grub run prints what echo prints, and diagnostics with file and line to standard error", async () => {
  await withTempFolderAsync(async (folder) => {
    const file = join(folder, "x.cfg");
    writeFileSync(file, 'set a="$name"\necho "hello $a"\nif [ x ] || [ y ]; then\necho body\nfi\n');
    const { exit, out, err } = await runCaptured(["grub", "run", file, "--var", "name=b,c=d"]);
    assert.equal(exit, 0);
    assert.equal(out, "hello b,c=d\nbody\n");
    assert.match(err, /x\.cfg:3: /);
    const checked = await runCaptured(["grub", "check", file]);
    assert.equal(checked.exit, 3);
    assert.equal(checked.out, "");
  });
});

test("plan --explain tells the lines that made a word, and what was overwritten", async () => {
  await withSample(async (sample) => {
    writeFileSync(
      join(sample.root, "oem/grub.cfg"),
      'set linux_append="lost"\nset linux_append="kept=1"\nset linux_append="$linux_append more"\n',
    );
    const { exit, out } = await runCaptured(["plan", "--explain", "kept", ...sample.args]);
    assert.equal(exit, 0);
    assert.match(out, /oem\/grub\.cfg:3 {2}adds to \$linux_append/);
    assert.match(
      out,
      /oem\/grub\.cfg:2 {2}sets \$linux_append: "kept=1"\n.*oem\/grub\.cfg:1.*overwritten: "lost"/,
    );
    const variable = await runCaptured(["plan", "--explain", "linux_append", ...sample.args]);
    assert.match(variable.out, /every value it had/);
    const absent = await runCaptured(["plan", "--explain", "lost", ...sample.args]);
    assert.match(absent.out, /Nothing on the command line/);
    assert.match(
      (await runCaptured(["plan", "--explain", "verity.usrhash", ...sample.args])).out,
      /root hash/,
    );
  });
});

test("plan points at lines of GRUB's files that do not do what they seem to, and --verbose explains them", async () => {
  await withSample(async (sample) => {
    writeFileSync(join(sample.root, "oem/grub.cfg"), "set oem_id=qemu\nset linux_append=$linux_append a b\n");
    assert.match((await runCaptured(["plan", ...sample.args])).out, /oem\/grub\.cfg:2: see plan --verbose/);
    assert.match(
      (await runCaptured(["plan", "--verbose", ...sample.args])).out,
      /oem\/grub\.cfg:2: warn: words-lost/,
    );
  });
});

test("status tells what is loaded, how this boot came about, and the slots, of a tree as well", async () => {
  await withSample(async (sample) => {
    const { exit, out } = await runCaptured(["status", ...sample.args]);
    assert.equal(exit, 0);
    assert.match(out, /No kernel is loaded: the next reboot is an ordinary one/);
    assert.match(out, /USR-A .*running[^]*USR-B .*next/);
    writeFileSync(join(sample.root, "sys/kernel/kexec_loaded"), "1\n");
    assert.match((await runCaptured(["status", ...sample.args])).out, /A kernel is loaded that is not ours/);
    const json = parse((await runCaptured(["status", "--json", ...sample.args])).out);
    assert.deepEqual(json["loaded"], { kind: "foreign" });
    assert.equal((await runCaptured(["status", "--snapshot", "x"])).exit, 2);
  });
});

test("commands that change this machine refuse to look at another", async () => {
  for (const command of ["load", "reboot"]) {
    const { exit, err } = await runCaptured([command, "--root", "/nowhere"]);
    assert.equal(exit, 2);
    assert.match(err, /unknown option '--root'/);
  }
});
