import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { DEFAULT_CONFIG } from "../../src/config/config.ts";
import { loadConfig } from "../../src/config/load.ts";
import { KexecError } from "../../src/lib/errors.ts";
import { memoryHost, type MemoryHostOptions } from "../support/memory_host.ts";

const ETC = "/etc/flatcar-kexec/config.toml";

const load = (files: Record<string, string>, more: MemoryHostOptions = {}) =>
  loadConfig(memoryHost({ files, ...more }));

async function refusal(action: Promise<unknown>): Promise<KexecError> {
  try {
    await action;
  } catch (error) {
    assert.ok(error instanceof KexecError, String(error));
    assert.equal(error.code, "config-invalid");
    return error;
  }
  assert.fail("nothing was refused");
}

test("a host without configuration files has the defaults", async () => {
  const effective = await load({});
  assert.deepEqual(effective, { config: DEFAULT_CONFIG, origins: {}, files: [] });
});

test("an empty file changes nothing", async () => {
  const effective = await load({ [ETC]: "# nothing yet\n" });
  assert.deepEqual(effective.config, DEFAULT_CONFIG);
  assert.deepEqual(effective.files, [ETC]);
});

test("every setting can be set", async () => {
  const { config } = await load({
    [ETC]: `
tries = "keep"
marker = false
max-consecutive = 3
watchdog-seconds = 120
[kexec]
syscall = "load"
program = "/opt/bin/kexec"
options = ["--debug", "--mem-min=0x1000000"]
initrds = ["/opt/initrd.cpio"]
[cmdline]
append = ["mitigations=off", 'dyndbg="file ec.c +p"']
remove = ["quiet"]
[checks]
platform-gce = "warn"
"kexec-tools-2.0.31" = "off"
[plugins]
disabled = ["azure"]
time-limit = 500
on-failure = "warn"
may-edit-protected = ["vendor"]
[plugins.digests]
"vendor.ts" = "${"0a".repeat(32)}"
[plugins.equinix-metal]
console = "ttyS1"
nested = { a = [1, 2] }
[metrics]
textfile = ""
`,
  });
  assert.deepEqual(config, {
    tries: "keep",
    marker: false,
    maxConsecutive: 3,
    watchdogSeconds: 120,
    kexec: {
      syscall: "load",
      program: "/opt/bin/kexec",
      options: ["--debug", "--mem-min=0x1000000"],
      initrds: ["/opt/initrd.cpio"],
    },
    cmdline: { append: ["mitigations=off", 'dyndbg="file ec.c +p"'], remove: ["quiet"] },
    checks: { "platform-gce": "warn", "kexec-tools-2.0.31": "off" },
    plugins: {
      disabled: ["azure"],
      timeLimit: 500,
      onFailure: "warn",
      digests: { "vendor.ts": "0a".repeat(32) },
      mayEditProtected: ["vendor"],
      options: { "equinix-metal": { console: "ttyS1", nested: { a: [1, 2] } } },
    },
    metrics: { textfile: "" },
  });
});

test("later folders win key by key, drop-ins come after the file of their folder, and origins say who won", async () => {
  const { config, origins, files } = await load({
    "/usr/share/flatcar-kexec/config.toml": 'tries = "keep"\nmax-consecutive = 1\n[kexec]\nsyscall = "file"',
    "/oem/flatcar-kexec/config.toml.d/20-oem.toml": "max-consecutive = 2\nwatchdog-seconds = 60",
    "/oem/flatcar-kexec/config.toml.d/10-oem.toml": "max-consecutive = 99",
    [ETC]: "max-consecutive = 3\n[kexec]\noptions = ['--debug']",
    "/run/flatcar-kexec/config.toml.d/now.toml": "marker = false",
  });
  assert.equal(config.maxConsecutive, 3);
  assert.equal(config.tries, "keep");
  assert.equal(config.watchdogSeconds, 60);
  assert.deepEqual(config.kexec, {
    syscall: "file",
    program: "/usr/sbin/kexec",
    options: ["--debug"],
    initrds: [],
  });
  assert.deepEqual(origins, {
    "tries": "/usr/share/flatcar-kexec/config.toml",
    "max-consecutive": ETC,
    "kexec.syscall": "/usr/share/flatcar-kexec/config.toml",
    "kexec.options": ETC,
    "watchdog-seconds": "/oem/flatcar-kexec/config.toml.d/20-oem.toml",
    "marker": "/run/flatcar-kexec/config.toml.d/now.toml",
  });
  assert.deepEqual(files, [
    "/usr/share/flatcar-kexec/config.toml",
    "/oem/flatcar-kexec/config.toml.d/10-oem.toml",
    "/oem/flatcar-kexec/config.toml.d/20-oem.toml",
    ETC,
    "/run/flatcar-kexec/config.toml.d/now.toml",
  ]);
});

test("a drop-in stands in for the one of the same name in an earlier folder", async () => {
  const { config, files } = await load({
    "/oem/flatcar-kexec/config.toml.d/50-site.toml": "max-consecutive = 2\nmarker = false",
    "/etc/flatcar-kexec/config.toml.d/50-site.toml": "watchdog-seconds = 5",
  });
  assert.deepEqual(files, ["/etc/flatcar-kexec/config.toml.d/50-site.toml"]);
  assert.deepEqual(config, { ...DEFAULT_CONFIG, watchdogSeconds: 5 });
});

test("a link to /dev/null masks a file of an earlier folder", async () => {
  const { config, files } = await load(
    { "/oem/flatcar-kexec/config.toml.d/50-site.toml": "marker = false" },
    {
      devices: ["/dev/null"],
      links: { "/etc/flatcar-kexec/config.toml.d/50-site.toml": "/dev/null" },
    },
  );
  assert.deepEqual(files, []);
  assert.deepEqual(config, DEFAULT_CONFIG);
});

test("other names in the drop-in folder are not read", async () => {
  const { files } = await load({
    "/etc/flatcar-kexec/config.toml.d/50-site.toml.bak": "nonsense",
    "/etc/flatcar-kexec/config.toml.d/.50-site.toml": "nonsense",
    "/etc/flatcar-kexec/README": "nonsense",
  });
  assert.deepEqual(files, []);
});

test("--config takes the place of the search", async () => {
  const host = memoryHost({ files: { [ETC]: "marker = false", "/tmp/mine.toml": 'tries = "keep"' } });
  const { config, files } = await loadConfig(host, { file: "/tmp/mine.toml" });
  assert.deepEqual(config, { ...DEFAULT_CONFIG, tries: "keep" });
  assert.deepEqual(files, ["/tmp/mine.toml"]);
});

test("a file named by --config has to be there", async () => {
  const error = await refusal(loadConfig(memoryHost(), { file: "/tmp/mine.toml" }));
  assert.match(error.message, /\/tmp\/mine\.toml: no such file/);
});

for (
  const [why, text, message, hint] of [
    [
      "an unknown key",
      "\nmax-consecutve = 3",
      ":2: there is no setting max-consecutve",
      "did you mean max-consecutive?",
    ],
    ["an unknown table", "[kexc]\nsyscall = 'file'", ":1: there is no setting kexc", "did you mean kexec?"],
    [
      "an unknown key of a table",
      "[kexec]\n\nprogramm = '/x'",
      ":3: there is no setting kexec.programm",
      "did you mean kexec.program?",
    ],
    [
      "an unknown check",
      "[checks]\nsecureboot = 'warn'",
      ":2: there is no setting checks.secureboot",
      "did you mean checks.secure-boot?",
    ],
    [
      "a setting of plugins with a typo",
      "[plugins]\ndisable = ['x']",
      ":2: there is no setting plugins.disable",
      "did you mean plugins.disabled?",
    ],
    [
      "a plugin section that means digests",
      "[plugins.digest]\n'x.ts' = 'y'",
      ":1: there is no setting plugins.digest",
      "did you mean plugins.digests?",
    ],
    [
      "a wrong choice",
      'marker = true\ntries = "spent"',
      ':2: tries is "spent", expected "spend" or "keep"',
      null,
    ],
    [
      "a wrong level",
      '[checks]\nlockdown = "ignore"',
      ':2: checks.lockdown is "ignore", expected "refuse" or "warn" or "info" or "off"',
      null,
    ],
    ["a wrong type", 'marker = "yes"', ':1: marker is "yes", expected boolean', null],
    ["a negative number", "max-consecutive = -1", ":1: max-consecutive is -1, expected at least 0", null],
    ["a fraction", "watchdog-seconds = 1.5", ":1: watchdog-seconds is 1.5, expected a whole number", null],
    [
      "a relative program",
      '[kexec]\nprogram = "kexec"',
      ':2: kexec.program is "kexec", expected an absolute path',
      null,
    ],
    [
      "an option that is ours to give",
      "[kexec]\noptions = ['-e']",
      ':2: kexec.options.0 is "-e", expected an option that flatcar-kexec does not give',
      null,
    ],
    [
      "two words in one",
      "[cmdline]\nappend = ['quiet splash']",
      ':2: cmdline.append.0 is "quiet splash", expected one word',
      null,
    ],
    [
      "a string for a list",
      "[cmdline]\nremove = 'quiet'",
      ':2: cmdline.remove is "quiet", expected Array',
      null,
    ],
    [
      "a short digest",
      "[plugins.digests]\n'x.ts' = 'abc'",
      ':2: plugins.digests."x.ts" is "abc", expected 64',
      null,
    ],
    ["broken TOML", "marker = true\ntries = ", ":2:", null],
    ["a key set twice", "marker = true\nmarker = true", ":2:", null],
    ["a key that would reach a prototype", "[plugins.x.__proto__]\na = 1", ":1:", null],
  ] as const
) {
  test(`${why} is refused, with its place`, async () => {
    const error = await refusal(load({ [ETC]: text }));
    assert.ok(error.message.startsWith(`Cannot use the configuration: ${ETC}${message}`), error.message);
    if (hint !== null) assert.equal(error.hint, hint);
  });
}

test("text that is not UTF-8 is refused", async () => {
  const host = memoryHost({ files: { [ETC]: new Uint8Array([0x61, 0xff, 0xfe]) } });
  assert.match((await refusal(loadConfig(host))).message, /config\.toml is not UTF-8 text/);
});

test("a file that others can write, or that is not root's, is refused on a live host only", async () => {
  for (
    const [path, status, message] of [
      [ETC, { uid: 500 }, /config\.toml belongs to user 500, expected root/],
      [ETC, { mode: 0o664 }, /config\.toml can be written by others: mode 664/],
      ["/etc/flatcar-kexec", { mode: 0o777 }, /\/etc\/flatcar-kexec can be written by others: mode 777/],
    ] as const
  ) {
    const host = memoryHost({ files: { [ETC]: "marker = false" }, statuses: { [path]: status } });
    assert.match((await refusal(loadConfig(host, { requireRoot: true }))).message, message);
    assert.equal((await loadConfig(host)).config.marker, false);
  }
});

test("whatever a file holds, the answer is a configuration or one sentence", async () => {
  const line = fc.oneof(
    fc.constantFrom(
      "[kexec]",
      "[checks]",
      "[plugins]",
      "[plugins.x]",
      "[[plugins.x]]",
      "tries = 'keep'",
      "marker = 1979-05-27",
      "plugins = 1",
      "checks = []",
      "kexec.options = [[]]",
      "a.b.c = {}",
      "append = [",
      "]",
    ),
    fc.string(),
  );
  await fc.assert(
    fc.asyncProperty(fc.array(line, { maxLength: 6 }), async (lines) => {
      try {
        await load({ [ETC]: lines.join("\n") });
      } catch (error) {
        assert.ok(error instanceof KexecError, String(error));
        assert.equal(error.code, "config-invalid");
        assert.ok(!error.message.includes("\n"), error.message);
      }
    }),
    { seed: 20261123, numRuns: 300 },
  );
});
