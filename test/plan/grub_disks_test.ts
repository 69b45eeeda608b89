import assert from "node:assert/strict";
import { appendFileSync, mkdirSync, renameSync, symlinkSync } from "node:fs";
import { dirname, join } from "node:path";
import { test } from "node:test";
import { DEFAULT_CONFIG } from "../../src/config/config.ts";
import { readGpt } from "../../src/gpt/read.ts";
import { createHost } from "../../src/host/live.ts";
import { grubDisks } from "../../src/plan/grub_disks.ts";
import { makePlan } from "../../src/plan/make_plan.ts";
import type { Plan } from "../../src/plan/plan.ts";
import { memoryHost } from "../support/memory_host.ts";
import { type SampleHost, type SampleHostOptions, writeSampleHost } from "../support/sample_host.ts";
import { withTempFolder } from "../support/temp_folder.ts";

/** The plan of a good host with more lines in its OEM file, or other things done to it. */
function planWith(
  oemLines: string,
  options: SampleHostOptions = {},
  change: (sample: SampleHost) => void = () => {},
): Plan {
  return withTempFolder((folder) => {
    const sample = writeSampleHost(folder, options);
    appendFileSync(join(sample.root, "oem/grub.cfg"), oemLines);
    change(sample);
    return makePlan(createHost({ root: sample.root, arch: sample.arch }), {
      config: DEFAULT_CONFIG,
      allow: [],
      history: { consecutive: 0, quarantined: [] },
    }).plan;
  });
}

/** Whether the script cannot be followed, and why. */
function doubt(plan: Plan): string {
  return plan.findings.filter(({ id }) => id === "config-not-understood").map(({ message }) => message).join(
    "\n",
  );
}

test("a file on a partition that nobody looks at here refuses, and is not taken for missing", () => {
  const search = "search --no-floppy --set=r --part-label ROOT\n";
  assert.equal(planWith(search).decision, "kexec");
  const plan = planWith(`${search}if [ -f ($r)/etc/x.cfg ]; then source ($r)/etc/x.cfg; fi\n`);
  assert.match(doubt(plan), /looks at \(hd0,gpt9\)\/etc\/x\.cfg here.*neither the EFI system partition nor/);
});

test("a file on another disk, or on a partition that is not there, is told apart", () => {
  assert.match(doubt(planWith("if [ -f (hd1,gpt1)/x ]; then a=1; fi\n")), /\(hd1,gpt1\)/);
  assert.equal(planWith("if [ -f (hd0,gpt5)/x ]; then a=1; fi\n").decision, "kexec");
});

test("a partition is the same with and without the kind of its table before its number", () => {
  const plan = planWith("if [ -f (hd0,6)/grub.cfg -a -f (hd0,gpt6)/grub.cfg ]; then oem_id=found; fi\n");
  assert.match(plan.grub.cmdline ?? "", /flatcar\.oem\.id=found/);
  assert.equal(doubt(plan), "");
});

for (
  const by of [
    "--fs-uuid 1234-5678",
    "--label data",
    "--file /flatcar/vmlinuz-b",
    "--part-label data",
    "--part-uuid 00000000-1111-2222-3333-444444444444",
    "--disk-uuid 00000000-1111-2222-3333-444444444444",
  ]
) {
  test(`a search ${by} that only GRUB can answer refuses where it decides or its device is used`, () => {
    assert.match(
      doubt(planWith(`if search --no-floppy --set=d ${by}; then a=1; fi\n`)),
      /outcome of `search` decides here.*only GRUB sees/,
    );
    assert.match(
      doubt(planWith(`search --no-floppy --set=d ${by}\nif [ -n "$d" ]; then a=1; fi\n`)),
      /`\$d` is used here.*it comes of `search` in oem\/grub\.cfg/,
    );
    assert.equal(planWith(`search --no-floppy --set=d ${by}\nset d=known\na=$d\n`).decision, "kexec");
  });
}

test("searches that the boot disk answers are answered", () => {
  const plan = planWith([
    "search --set=a --part-label EFI-SYSTEM",
    "search --set=b --label OEM",
    "search --set=c --part-uuid 7130C94A-213A-4E5A-8E26-6CCE9662F132",
    'search --set=d --file /flatcar/vmlinuz-b --hint "$root"',
    'set oem_id="$a/$b/$c/$d"\n',
  ].join("\n"));
  assert.match(plan.grub.cmdline ?? "", /oem\.id=hd0,gpt1\/hd0,gpt6\/hd0,gpt3\/hd0,gpt1 /);
  assert.equal(doubt(plan), "");
});

test("the search for a disk fresh from its image is answered, unless there is a second such disk", () => {
  const fresh = "00000000-0000-0000-0000-000000000001";
  const lines = `if search --set=f --disk-uuid ${fresh}; then a=1; fi\n`;
  assert.equal(planWith(lines).decision, "kexec");
  const second = { files: { [`dev/disk/by-diskuuid/${fresh}`]: "" } };
  assert.match(doubt(planWith(lines, second)), /search.*decides/);
});

test("what SMBIOS tells refuses on BIOS where it is used", () => {
  const bios = { platform: "pc" } as const;
  const lines = "smbios --type 1 --get-string 4 --set vendor\n";
  assert.equal(planWith(lines, bios).decision, "kexec");
  const plan = planWith(`${lines}if [ "$vendor" = "Acme" ]; then set linux_append=nosmt; fi\n`, bios);
  assert.match(doubt(plan), /`\$vendor` is used here.*comes of `smbios` in oem\/grub\.cfg:4/);
});

test("an environment block refuses on BIOS where what it sets is used", () => {
  const bios = { platform: "pc" } as const;
  const load = "load_env -f ($oem)/grubenv extra\n";
  assert.equal(planWith(load, bios).decision, "kexec");
  assert.match(
    doubt(planWith(`${load}set linux_append="$linux_append $extra"\n`, bios)),
    /`\$extra` is used here/,
  );
  assert.match(doubt(planWith("load_env\n", bios)), /`load_env` may set any variable/);
});

test("a slot of another disk than the boot disk is not asked for here", () => {
  assert.equal(planWith("set root=hd1,gpt1\n").decision, "refuse");
});

test("a kernel is read from the EFI system partition, or it is not Flatcar's", () => {
  const plan = planWith('set root="$oem"\n');
  assert.match(doubt(plan), /would boot '\(hd0,gpt6\)\/flatcar\/vmlinuz-b', expected a kernel in/);
  assert.equal(plan.kernel, null);
  assert.equal(planWith('set root="hd0,1"\n').kernel?.file, "/boot/flatcar/vmlinuz-b");
});

/** The OEM's own file stands elsewhere, and a link in its place. */
function planWithLink(target: string, place: string): Plan {
  return planWith("", {}, ({ root }) => {
    mkdirSync(dirname(join(root, place)), { recursive: true });
    renameSync(join(root, "oem/grub.cfg"), join(root, place));
    symlinkSync(target, join(root, "oem/grub.cfg"));
  });
}

test("an OEM file that is a link out of its partition refuses, absolute or relative", () => {
  assert.match(
    doubt(planWithLink("/etc/flatcar/oem.cfg", "etc/flatcar/oem.cfg")),
    /\/oem\/grub\.cfg is a link to '\/etc\/flatcar\/oem\.cfg', which GRUB looks for on the same partition/,
  );
  assert.match(doubt(planWithLink("/oem/real.cfg", "oem/real.cfg")), /link to '\/oem\/real\.cfg'/);
  assert.match(doubt(planWithLink("../etc/oem.cfg", "etc/oem.cfg")), /leads out of \/oem/);
});

test("an OEM file that is a link on its own partition is followed", () => {
  const plan = planWithLink("files/../files/real.cfg", "oem/files/real.cfg");
  assert.equal(plan.decision, "kexec", doubt(plan));
});

test("a folder on the way that is a link, or another file system, refuses as well", () => {
  const source = "source ($oem)/more/x.cfg\n";
  const linked = planWith(source, {
    links: { "oem/more": "/etc/more" },
    files: { "etc/more/x.cfg": "a=1\n" },
  });
  assert.match(doubt(linked), /\/oem\/more is a link to '\/etc\/more'/);
  assert.match(doubt(planWith("if [ -f ($oem)/../etc/os-release ]; then a=1; fi\n")), /leads out of \/oem/);
});

test("grubDisks() follows as many links as GRUB does", () => {
  const links = Object.fromEntries(
    Array.from({ length: 8 }, (_, index) => [`/oem/${index}`, `${index + 1}`]),
  );
  const host = memoryHost({ files: { "/oem/8": "a=1" }, links });
  const { environment } = grubDisks(host, null, { slot: null, firstBoot: null });
  assert.equal(environment.file("hd0,gpt6", "/1").kind, "file");
  assert.equal(environment.file("hd0,gpt6", "/0").kind, "unreadable");
});

test("grubDisks() takes nothing that is mounted below for GRUB's", () => {
  const host = memoryHost({ files: { "/oem/x": "a=1" }, statuses: { "/oem/x": { device: "0:99" } } });
  const { environment } = grubDisks(host, null, { slot: null, firstBoot: null });
  assert.deepEqual(environment.file("hd0,gpt6", "/x"), {
    kind: "unreadable",
    reason: "/oem/x lies on another file system than /oem",
  });
});

test("grubDisks() does not choose between two partitions of a name", () => {
  withTempFolder((folder) => {
    const sample = writeSampleHost(folder);
    const host = createHost({ root: sample.root, arch: sample.arch });
    const disk = host.block("/dev/vda");
    assert.ok(disk.ok);
    const gpt = readGpt(disk.value);
    assert.ok(gpt.ok);
    const entries = gpt.entries.map((entry) => entry.partition === 9 ? { ...entry, name: "OEM" } : entry);
    const { environment } = grubDisks(host, { ...gpt, entries }, { slot: null, firstBoot: null });
    assert.deepEqual(environment.search("part-label", "OEM", null), {
      kind: "unknown",
      reason: "more than one partition is named 'OEM'",
    });
    assert.equal(environment.file("hd0,gpt6", "/grub.cfg").kind, "unreadable");
  });
});

test("grubDisks() does not choose between the boot disk's partition and another disk's of that name", () => {
  const uevent = (name: string) => `DEVNAME=${name}\nDEVTYPE=partition\nPARTN=9\nPARTNAME=ROOT\nPARTUUID=9\n`;
  const plan = planWith("if search --set=r --part-label ROOT; then a=1; fi\n", {
    files: { "sys/class/block/sdz9/uevent": uevent("sdz9"), "sys/class/block/sdz9/partition": "9\n" },
  });
  assert.match(doubt(plan), /more than one partition is named 'ROOT'/);
});
