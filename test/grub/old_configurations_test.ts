import assert from "node:assert/strict";
import { test } from "node:test";
import { type FirmwareQuery, type GrubAnswer, MISSING } from "../../src/grub/environment.ts";
import { args, boot, complaints, machine, run } from "./script.ts";

const MENU = `
menuentry "CoreOS default" --id=coreos {
  gptprio.next -d usr_device -u usr_uuid
  linux$suf /coreos/vmlinuz-a mount.usr=PARTUUID=$usr_uuid $first_boot $linux_append
}
set default=coreos
set timeout=1
`;

function found(text: string | null): GrubAnswer {
  return text === null ? MISSING : { kind: "found", text };
}

function secureBoot(values: Readonly<Record<string, string>>) {
  return machine("set linux_append=fromoem\n", {
    firmware: (query: FirmwareQuery) =>
      found(query.kind === "efi-variable" ? values[query.name] ?? null : null),
  });
}

const PROBE = `
set secure_boot="0"
if [ "$grub_platform" = efi ]; then
  getenv -e SecureBoot -g 8be4df61-93ca-11d2-aa0d-00e098032b8c -b sec_boot
  getenv -e SetupMode -g 8be4df61-93ca-11d2-aa0d-00e098032b8c -b setup_mode
  if [ "$sec_boot" = "01" -a "$setup_mode" = "00" ]; then
    set secure_boot="1"
  fi
fi
if [ "$secure_boot" = "0" ]; then
  search --no-floppy --set oem --part-label OEM --hint "$root"
  if [ -n "$oem" -a -f "($oem)/grub.cfg" ]; then
    source "($oem)/grub.cfg"
  fi
fi
${MENU}`;

test("the probe for Secure Boot keeps the OEM file out", () => {
  const on = boot(null, { main: PROBE, environment: secureBoot({ SecureBoot: "01", SetupMode: "00" }) });
  assert.deepEqual(on.files, []);
  const off = boot(null, { main: PROBE, environment: secureBoot({ SecureBoot: "00", SetupMode: "00" }) });
  assert.deepEqual(off.files, ["oem/grub.cfg"]);
  const none = boot(null, { main: PROBE, environment: secureBoot({}) });
  assert.deepEqual(none.files, ["oem/grub.cfg"]);
  assert.match(args(off), /fromoem$/);
});

test("linuxefi and linux16 are linux, where the main configuration calls them", () => {
  const main = `if [ "$grub_platform" = efi ]; then set suf=efi; else set suf=16; fi\n${MENU}`;
  assert.equal(boot(null, { main }).linux?.command, "linuxefi");
  assert.equal(boot(null, { main, platform: "pc", cpu: "i386" }).linux?.command, "linux16");
  assert.equal(boot(null, { main }).linux?.kernel, "/coreos/vmlinuz-a");
});

test("what only the OEM file calls is unknown on UEFI", () => {
  const result = boot("smbios --type 1 --get-uuid 8 --set uuid\ngetenv -e X -g Y -b z\nlinuxefi /x\n");
  assert.deepEqual(complaints(result), ["unknown-command:1", "unknown-command:2", "unknown-command:3"]);
  assert.equal(result.linux?.kernel, "/flatcar/vmlinuz-b");
});

test("smbios asks the firmware, where it is there", () => {
  const environment = machine(null, {
    firmware: (query) => found(query.kind === "smbios" && query.args.includes("7") ? "ABC123" : null),
  });
  const script = "smbios --type 1 --get-string 7 --set serial\necho $serial\nsmbios --type 9\necho $?\n";
  const result = run(script, { platform: "pc", cpu: "i386", environment });
  assert.equal(result.output, "ABC123\n13\n");
  assert.equal(result.errors, 1);
});

test("search finds by every kind, with its hint", () => {
  const asked: string[] = [];
  const environment = machine(null, {
    search: (kind, value, hint) => {
      asked.push(`${kind} ${value} ${hint}`);
      return found(kind === "disk-uuid" ? null : "hd1,gpt9");
    },
  });
  const result = run(
    [
      'search --no-floppy --set randomize --disk-uuid 00000000-0000-0000-0000-000000000001 --hint "$root"',
      "echo $? [$randomize]",
      "search --set=a --fs-uuid F1A7-CA12",
      "search --set b --label ROOT",
      "search --set c --file /flatcar/vmlinuz-a",
      "search --set d --part-uuid 7130c94a-213a-4e5a-8e26-6cce9662f132",
      "search.fs_uuid F1A7-CA12 e hd0,gpt1",
      "echo $a $b $c $d $e",
      "search --fs-uuid X --set",
      "echo $root",
    ].join("\n"),
    { environment },
  );
  assert.deepEqual(asked, [
    "disk-uuid 00000000-0000-0000-0000-000000000001 hd0,gpt1",
    "fs-uuid F1A7-CA12 null",
    "label ROOT null",
    "file /flatcar/vmlinuz-a null",
    "part-uuid 7130c94a-213a-4e5a-8e26-6cce9662f132 null",
    "fs-uuid F1A7-CA12 hd0,gpt1",
    "fs-uuid X null",
  ]);
  assert.equal(result.output, "5 []\nhd1,gpt9 hd1,gpt9 hd1,gpt9 hd1,gpt9 hd1,gpt9\nhd1,gpt9\n");
});

test("gptprio.next wants both variables, and takes the disk from root or from its argument", () => {
  const disks: string[] = [];
  const environment = machine(null, {
    gptprioNext: (disk) => {
      disks.push(disk);
      return { device: `${disk},gpt4`, uuid: "u" };
    },
  });
  const result = run(
    "gptprio.next -d a\necho $?\ngptprio.next -d a -u b\necho $a $b\ngptprio.next --set-device=a --set-uuid=b (hd2)\n",
    { environment },
  );
  assert.deepEqual(disks, ["hd0", "hd2"]);
  assert.equal(result.output, "17\nhd0,gpt4 u\n");
  assert.ok(complaints(result).includes("slot-twice:5"));
});

test("a fallback that runs the default again would take a second try", () => {
  const main = `
menuentry A { gptprio.next -d a -u b; if [ "$once" = "" ]; then once=1; else linux /flatcar/vmlinuz-a; fi; }
set fallback="0"
set timeout=1
`;
  const result = boot(null, { main });
  assert.equal(result.linux?.kernel, "/flatcar/vmlinuz-a");
  assert.equal(result.gptprio.length, 2);
  assert.ok(result.diagnostics.some(({ id, level }) => id === "slot-twice" && level === "refuse"));
});

test("another entry can be asked for", () => {
  const result = boot(null, { entry: "flatcar-a" });
  assert.equal(result.entry?.id, "flatcar-a");
  assert.equal(result.linux?.kernel, "/flatcar/vmlinuz-a");
  assert.deepEqual(complaints(result), []);
  const nested = boot(null, {
    main:
      "submenu S --id s {\n menuentry X --id x { linux /x $1; }\n menuentry Y --id y { linux /y $1; }\n}\ntimeout=1\n",
    entry: "s>y",
  });
  assert.deepEqual(nested.entryPath.map(({ id }) => id), ["s", "y"]);
  assert.equal(nested.linux?.kernel, "/y");
  assert.equal(args(nested), "Y");
});

test("variables can be set beforehand", () => {
  assert.equal(run("echo $a $grub_platform", { variables: { a: "x" } }).output, "x efi\n");
});

test("a kernel on another device says so", () => {
  assert.equal(run("linux (hd1,gpt2)/k a").linux?.device, "hd1,gpt2");
  assert.equal(run("linux /k a").linux?.device, "hd0,gpt1");
});

test("the second kernel of an entry is the one that boots", () => {
  const result = run("linux /a 1\nlinux /b 2\n");
  assert.equal(result.linux?.kernel, "/b");
  assert.deepEqual(complaints(result), ["linux-twice:2"]);
});
