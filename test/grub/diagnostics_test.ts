import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { test } from "node:test";
import { MISSING } from "../../src/grub/environment.ts";
import { boot, check, complaints, run } from "./script.ts";

test("a sound OEM file has nothing to complain of", () => {
  assert.deepEqual(
    complaints(check('# sound\nset oem_id="acme"\nset linux_append="$linux_append a b"\nserial --unit=0\n')),
    [],
  );
});

test("a syntax error says which lines are lost and what runs unconditionally", () => {
  const result = check('set a=1\nif [ "$a" = 2 ] || [ "$a" = 3 ]; then\n  set b=1\nfi\n');
  assert.deepEqual(complaints(result), ["syntax-error:2", "syntax-error:4"]);
  const [first, second] = result.diagnostics;
  assert.match(first?.message ?? "", /`\|\|` cannot stand here: line 2 is dropped.*line.* after it/);
  assert.match(first?.hint ?? "", /-o/);
  assert.equal(first?.text, 'if [ "$a" = 2 ] || [ "$a" = 3 ]; then');
  assert.equal(first?.level, "warn");
  assert.match(second?.message ?? "", /`fi` cannot stand here/);
});

test("an error in a body names all the lines that go with it", () => {
  const [first] = check("if true; then\n  a=1\n  b=2 && c=3\nfi\n").diagnostics;
  assert.equal(first?.line, 3);
  assert.match(first?.message ?? "", /lines 1 to 3 are dropped/);
});

test("what is still open at the end is told with its first line", () => {
  const quote = check('set a=1\nset b="2\nset c=3\n');
  assert.deepEqual(complaints(quote), ["unfinished:2"]);
  assert.match(quote.diagnostics[0]?.message ?? "", /quote.*everything from line 2 on is dropped/);
  const condition = check("if true; then\n  a=1\n");
  assert.match(condition.diagnostics[0]?.message ?? "", /`if` is still open/);
});

test("unknown commands are told, and more so where they decide", () => {
  const result = check(
    'loadkeys de\nif [ -x a ]; then b=1; fi\nif ["a" = "b"]; then c=1; fi\nSET d=1\nx =5\n',
  );
  assert.deepEqual(complaints(result), [
    "unknown-command:1",
    "unknown-command-decides:3",
    "unknown-command:4",
    "unknown-command:5",
  ]);
  assert.equal(result.diagnostics[1]?.hint, "put a blank after `[`");
  assert.equal(result.diagnostics[2]?.hint, "write `set`");
  assert.match(result.diagnostics[3]?.hint ?? "", /x=VALUE/);
});

test("false is an unknown command on UEFI only", () => {
  const script = "if false; then a=1; fi\n";
  assert.deepEqual(complaints(run(script)), ["unknown-command-decides:1"]);
  assert.deepEqual(complaints(run(script, { platform: "pc", cpu: "i386" })), []);
});

test("words that an unquoted value loses are told", () => {
  const result = check("set linux_append=$linux_append one two\na=1 b=2\n");
  assert.deepEqual(complaints(result), ["words-lost:1", "words-lost:2"]);
  assert.match(result.diagnostics[0]?.hint ?? "", /double quotes/);
});

test("assignments that the main configuration makes again are told", () => {
  const result = check('set linux_cmdline="quiet"\nset oem="x"\nset extra_options=y\nsuf=16\n');
  assert.deepEqual(complaints(result), ["no-effect:1", "no-effect:2", "no-effect:3", "no-effect:4"]);
  assert.equal(result.diagnostics[0]?.hint, "use `linux_append`");
  assert.equal(result.diagnostics[1]?.hint, "use `oem_id`");
});

test("the main configuration may set what it likes", () => {
  assert.deepEqual(complaints(boot(null)), []);
});

test("set without an assignment is told", () => {
  const result = check("set linux_append = x\nset oem_id acme\nexport a=1\n");
  assert.deepEqual(complaints(result), ["not-an-assignment:1", "not-an-assignment:2", "not-an-assignment:3"]);
  assert.match(result.diagnostics[0]?.hint ?? "", /without blanks/);
});

test("conditions that are always true are told", () => {
  const script = [
    "if [ $nosuch = yes ]; then a=1; fi",
    "if [ -z $nosuch ]; then a=1; fi",
    "if [ a==b ]; then a=1; fi",
    "if [ ]; then a=1; fi",
    'if [ "$nosuch" = "" ]; then a=1; fi',
    'if [ -n "x" ]; then a=1; fi',
  ].join("\n");
  assert.deepEqual(complaints(check(script)), [
    "test-always-true:1",
    "test-always-true:2",
    "test-always-true:3",
    "test-always-true:4",
  ]);
});

test("a default that bypasses the slot counters is told, alone and with its main configuration", () => {
  assert.deepEqual(complaints(check('set default="flatcar-b"\n')), ["default-bypasses-counters:1"]);
  assert.deepEqual(complaints(check('set default="flatcar"\n')), []);
  const result = boot('set default="flatcar-b"\n');
  assert.equal(result.entry?.id, "flatcar-b");
  assert.deepEqual(result.gptprio, []);
  const [complaint] = result.diagnostics;
  assert.equal(complaint?.id, "default-bypasses-counters");
  assert.equal(`${complaint?.file}:${complaint?.line}`, "oem/grub.cfg:1");
  assert.deepEqual(complaints(boot('set default="flatcar"\n')), []);
});

test("a default that is not in the menu is told, and the first entry is booted", () => {
  const result = boot("set default=nosuch\n");
  assert.deepEqual(complaints(result), ["default-unknown:1"]);
  assert.equal(result.entry?.id, "flatcar");
});

test("an entry of the OEM file's own is told", () => {
  const result = boot('menuentry "Rescue" {\n  linux /flatcar/vmlinuz-a rescue\n}\n');
  assert.deepEqual(complaints(result), ["menu-entry:1"]);
  assert.equal(result.diagnostics[0]?.level, "info");
  assert.equal(result.entries[0]?.title, "Rescue");
});

test("an entry that loads no Linux refuses", () => {
  const xen =
    'menuentry "Xen" --id=xen {\n  multiboot /xen\n  module /k\n}\nset default=xen\nset fallback=\n';
  const bios = boot(xen, { platform: "pc", cpu: "i386", main: `timeout=1\n${xen}` });
  assert.ok(complaints(bios).includes("other-loader:3"));
  assert.equal(bios.linux, null);
  const refusals = bios.diagnostics.filter(({ level }) => level === "refuse").map(({ id }) => id);
  assert.deepEqual(refusals, ["other-loader", "entry-without-linux"]);
});

test("an initrd refuses", () => {
  const result = boot('menuentry "X" {\n  linux /flatcar/vmlinuz-a\n  initrd /x\n}\nset default=0\n');
  assert.deepEqual(result.initrds.map(({ files }) => files), [["/x"]]);
  assert.ok(result.diagnostics.some(({ id, level }) => id === "initrd-command" && level === "refuse"));
});

test("commands that stop for somebody or leave GRUB refuse", () => {
  for (
    const [command, end, id] of [["read x", "waits", "waits-for-key"], [
      "exit",
      "exit",
      "leaves-grub",
    ]] as const
  ) {
    const result = boot(`${command}\nset oem_id=x\n`);
    assert.equal(result.end, end);
    assert.equal(result.linux, null);
    assert.deepEqual(result.diagnostics.map((one) => `${one.id} ${one.level}`), [`${id} refuse`]);
  }
});

test("a slot that cannot be had ends at the question for a key", () => {
  const result = boot(null, {
    environment: {
      bootDevice: "hd0,gpt1",
      file: () => ({ kind: "missing" }),
      search: () => MISSING,
      gptprioNext: () => null,
      shortName: (_device, path) => path,
      firmware: () => MISSING,
    },
  });
  assert.equal(result.end, "waits");
  assert.equal(result.gptprio[0]?.slot, null);
});

test("assignments to root and prefix are told", () => {
  assert.deepEqual(complaints(check("set root=hd1,gpt1\nprefix=(hd1)/x\n")), [
    "lookup-changed:1",
    "lookup-changed:2",
  ]);
});

test("a byte order mark and a binary file are told", () => {
  assert.deepEqual(complaints(check("\ufeffset a=1\nset b=1\n")), ["byte-order-mark:1", "unknown-command:1"]);
  const binary = check("set a=1\nx\0y\n");
  assert.deepEqual(binary.diagnostics.map(({ id, level, line }) => `${id} ${level} ${line}`), [
    "binary-file refuse 2",
    "unknown-command warn 2",
  ]);
});

test("what is wrong on another kind of machine is told with its name", () => {
  const result = check('if [ "$grub_cpu" = arm64 ]; then\n  nosuch\nfi\n');
  assert.deepEqual(complaints(result), ["unknown-command:2"]);
  assert.match(result.diagnostics[0]?.message ?? "", /\(on UEFI, arm64\)$/);
});

test("a menu without a timeout is told", () => {
  assert.deepEqual(complaints(boot("set timeout=-1\n")), ["menu-waits:1"]);
});

test("a command that cannot be reproduced refuses where it decides", () => {
  const script = "probe --set=x -u hd0\nif regexp a b; then c=1; fi\n";
  const result = run(script, { platform: "pc", cpu: "i386" });
  assert.deepEqual(result.diagnostics.map(({ id, level, line }) => `${id} ${level} ${line}`), [
    "command-not-modelled warn 1",
    "command-not-modelled refuse 2",
  ]);
});

test("an unreadable file that something depends on refuses", () => {
  const result = boot(null, {
    environment: {
      bootDevice: "hd0,gpt1",
      file: (_device, path) =>
        path === "/flatcar/first_boot"
          ? { kind: "unreadable", reason: "no permission" }
          : { kind: "missing" },
      search: () => MISSING,
      gptprioNext: () => ({ device: "hd0,gpt3", uuid: "x" }),
      shortName: (_device, path) => path,
      firmware: () => MISSING,
    },
  });
  assert.ok(result.diagnostics.some(({ id, level }) => id === "unreadable-file" && level === "refuse"));
});

test("the same complaint is made once, however often the line runs", () => {
  assert.deepEqual(complaints(check("for i in a b c; do nosuch; done\n")), ["unknown-command:1"]);
});

test("a variable that a command may have set refuses where it is used, until it has another value", () => {
  const bios = { platform: "pc", cpu: "i386" } as const;
  const refused = (script: string): readonly string[] =>
    run(script, bios).diagnostics.filter(({ level }) => level === "refuse").map(({ id, line }) =>
      `${id}:${line}`
    );
  const set = [
    "probe --set=x -u hd0",
    "probe --set x -u hd0",
    "probe -sx -u hd0",
    "read_byte -v x 0x10",
    "tr -s x -U abc",
    "net_get_dhcp_option x eth0 1 string",
  ];
  for (const command of set) {
    assert.deepEqual(refused(`${command}\na="b$x"\n`), ["unknown-value:2"], command);
    assert.deepEqual(refused(`${command}\nfor i in $x; do b=1; done\n`), ["unknown-value:2"], command);
    assert.deepEqual(refused(`${command}\nset x=1\na=$x\n`), [], command);
    assert.deepEqual(refused(`${command}\nunset x\na=$x\n`), [], command);
  }
  assert.deepEqual(refused('hwmatch ($root)/list 3\nif [ "$match" = 1 ]; then a=1; fi\n'), [
    "unknown-value:2",
  ]);
});

test("the outcome of a command that cannot be reproduced refuses where `$?` asks for it", () => {
  const bios = { platform: "pc", cpu: "i386" } as const;
  const refused = (script: string): readonly string[] =>
    run(script, bios).diagnostics.filter(({ level }) => level === "refuse").map(({ id, line }) =>
      `${id}:${line}`
    );
  assert.deepEqual(refused("probe -u hd0\nif [ $? = 0 ]; then a=1; fi\n"), ["unknown-value:2"]);
  assert.deepEqual(refused("function f {\nprobe -u hd0\nreturn\n}\nf\na=$?\n"), ["unknown-value:6"]);
  assert.deepEqual(refused("probe -u hd0\necho\na=$?\n"), []);
  assert.deepEqual(refused("if insmod nosuch; then a=1; fi\n"), ["command-not-modelled:1"]);
});

test("a command that may run or set anything refuses wherever it stands", () => {
  for (
    const command of ["load_env", "time a=b", "legacy_source /x", "net_dhcp", "normal", "regexp --set x a b"]
  ) {
    const { diagnostics } = run(`${command}\n`, { platform: "pc", cpu: "i386" });
    assert.deepEqual(diagnostics.map(({ id, level }) => `${id} ${level}`), ["command-not-modelled refuse"]);
  }
});

test("a default entry that a command may have changed refuses", () => {
  const result = boot("probe --set=default -u hd0\n", { platform: "pc", cpu: "i386" });
  assert.ok(result.diagnostics.some(({ id, level }) => id === "unknown-value" && level === "refuse"));
});

test("a word for the kernel that is not text refuses, with the line that wrote it", () => {
  const refused = (value: string): readonly string[] =>
    boot(Buffer.from(`set oem_id=x\nset linux_append="${value}"\n`, "latin1")).diagnostics.map((
      { id, level, line },
    ) => `${id} ${level} ${line}`);
  assert.deepEqual(refused("foo=m\xfcller"), ["not-text refuse 2"]);
  assert.deepEqual(refused("foo=\x1bc"), ["not-text refuse 2"]);
  assert.deepEqual(refused("\xef\xbb\xbffoo"), ["not-text refuse 2"]);
  assert.deepEqual(refused("foo=m\xc3\xbcller"), []);
  assert.deepEqual(refused("foo\tbar"), []);
});

test("a name that is not text refuses where GRUB looks for it", () => {
  const refused = (script: string): readonly string[] =>
    run(Buffer.from(script, "latin1")).diagnostics.filter(({ level }) => level === "refuse").map(({ id }) =>
      id
    );
  assert.deepEqual(refused("if [ -f /m\xfcller ]; then a=1; fi\n"), ["unreadable-file"]);
  assert.deepEqual(refused("if search --part-label m\xfcller; then a=1; fi\n"), ["command-not-modelled"]);
  assert.deepEqual(refused("if [ -f /m\xc3\xbcller ]; then a=1; fi\n"), []);
});
