import assert from "node:assert/strict";
import { appendFileSync, mkdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { DEFAULT_CONFIG } from "../../src/config/config.ts";
import { createHost } from "../../src/host/live.ts";
import { recordHost } from "../../src/host/record.ts";
import { replayHost } from "../../src/host/replay.ts";
import { encodeSnapshot } from "../../src/host/snapshot.ts";
import { decodeSnapshot } from "../../src/host/snapshot_schema.ts";
import { attemptId } from "../../src/plan/boot_line.ts";
import { makePlan, type PlanOptions } from "../../src/plan/make_plan.ts";
import { type Plan, refusals } from "../../src/plan/plan.ts";
import {
  sampleCmdline,
  type SampleHost,
  type SampleHostOptions,
  writeSampleHost,
} from "../support/sample_host.ts";
import { withTempFolder } from "../support/temp_folder.ts";

const OPTIONS: PlanOptions = {
  config: DEFAULT_CONFIG,
  allow: [],
  history: { consecutive: 0, quarantined: [] },
};

function planOf(sample: SampleHost, options: Partial<PlanOptions> = {}): Plan {
  return makePlan(createHost({ root: sample.root, arch: sample.arch }), { ...OPTIONS, ...options }).plan;
}

function withSample(options: SampleHostOptions, use: (sample: SampleHost) => void): void {
  withTempFolder((folder) => use(writeSampleHost(folder, options)));
}

const OEM = { oemId: "qemu", append: "flatcar.autologin" };

test("makePlan() comes to the update's slot, kernel and command line on a host with a staged update", () => {
  withSample({}, (sample) => {
    const plan = planOf(sample);
    assert.equal(plan.decision, "kexec");
    assert.deepEqual(refusals(plan), []);
    assert.equal(plan.slot?.label, "USR-B");
    assert.equal(plan.slot.triesAfter, 0);
    assert.equal(plan.slot.gptWrite, true);
    assert.equal(plan.kernel?.version, "6.12.103-flatcar");
    const byGrub = sampleCmdline({ arch: "x86_64", slot: "b", usrhash: sample.usrhash.b, ...OEM });
    assert.equal(plan.grub.cmdline, byGrub);
    assert.match(plan.cmdline ?? "", /^BOOT_IMAGE=.* flatcar\.kexec=[0-9a-f]{12}$/);
    assert.equal(plan.cmdline?.replace(/ flatcar\.kexec=.*/, ""), byGrub);
    assert.equal(plan.tokens.map((token) => token.text).join(" "), plan.cmdline);
  });
});

test("makePlan() takes the running slot, and writes nothing, where no update waits", () => {
  withSample({ b: [0, 0, 0] }, (sample) => {
    const plan = planOf(sample);
    assert.equal(plan.slot?.label, "USR-A");
    assert.equal(plan.slot.running, true);
    assert.equal(plan.slot.gptWrite, false);
    assert.equal(plan.decision, "kexec");
  });
});

for (const platform of ["pc", "efi"] as const) {
  test(`makePlan() works on an x86-64 host with ${platform} firmware`, () => {
    withSample({ platform }, (sample) => {
      const plan = planOf(sample);
      assert.equal(plan.grub.platform, platform);
      assert.equal(plan.grub.cpu, platform === "pc" ? "i386" : "x86_64");
      assert.equal(plan.decision, "kexec");
    });
  });
}

test("makePlan() works on an arm64 host, with acpi=force as GRUB has it", () => {
  withSample({ arch: "aarch64" }, (sample) => {
    const plan = planOf(sample);
    assert.equal(
      plan.grub.cmdline,
      sampleCmdline({ arch: "aarch64", slot: "b", usrhash: sample.usrhash.b, ...OEM }),
    );
    assert.equal(plan.grub.cpu, "arm64");
    assert.equal(plan.kernel?.format, "Image");
    assert.deepEqual(refusals(plan), []);
  });
});

test("makePlan() asks for a first boot where the flag is, and proves the running boot without it", () => {
  withSample({ firstBoot: true }, (sample) => {
    const plan = planOf(sample);
    assert.equal(plan.firstBoot, true);
    assert.match(plan.cmdline ?? "", / flatcar\.first_boot=detected /);
    assert.deepEqual(refusals(plan), []);
  });
});

test("makePlan() gives the same plan for the same host", () => {
  withSample({}, (sample) => assert.deepEqual(planOf(sample), planOf(sample)));
});

test("makePlan() gives the same JSON, byte for byte, on a recording of the host", () => {
  for (
    const options of [{}, { arch: "aarch64" }, { firstBoot: true }, { platform: "pc", b: [0, 0, 0] }] as const
  ) {
    withSample(options, (sample) => {
      const recorder = recordHost(createHost({ root: sample.root, arch: sample.arch }));
      const live = JSON.stringify(makePlan(recorder.host, OPTIONS).plan);
      const text = encodeSnapshot(recorder.snapshot(true));
      const replayed = makePlan(replayHost(decodeSnapshot(text, "test")), OPTIONS).plan;
      assert.equal(JSON.stringify(replayed), live);
      assert.equal(JSON.stringify(planOf(sample)), live);
      assert.ok(text.length < 400_000, `${text.length} characters`);
    });
  }
});

test("makePlan() recognises a boot that came by its own kexec, marker and all", () => {
  withSample({}, (sample) => {
    const line = sampleCmdline({ arch: "x86_64", slot: "a", usrhash: sample.usrhash.a, ...OEM });
    writeFileSync(
      join(sample.root, "proc/cmdline"),
      `rootflags=rw mount.usrflags=ro ${line} flatcar.kexec=0123456789ab\n`,
    );
    assert.deepEqual(refusals(planOf(sample)), []);
  });
});

test("makePlan() applies the administrator's words after GRUB's, and leaves the marker out when told", () => {
  withSample({}, (sample) => {
    const config = {
      ...DEFAULT_CONFIG,
      marker: false,
      cmdline: { append: ["panic=10"], remove: ["console=tty0", "consoleblank"] },
    };
    const plan = planOf(sample, { config });
    assert.match(plan.cmdline ?? "", /verity\.usrhash=[0-9a-f]{64} panic=10$/);
    assert.doesNotMatch(plan.cmdline ?? "", /tty0|consoleblank/);
    assert.equal(plan.tokens.at(-1)?.origin, "config");
    assert.match(plan.grub.cmdline ?? "", /consoleblank=0 .*console=tty0/);
  });
});

for (
  const [what, cmdline, id] of [
    ["take the root hash off", { append: [], remove: ["verity.usrhash"] }, "usrhash-missing"],
    [
      "give another root hash",
      { append: [`verity.usrhash=${"0".repeat(64)}`], remove: [] },
      "pairing-mismatch",
    ],
    ["take the slot off", { append: [], remove: ["verity.usr"] }, "pairing-mismatch"],
  ] as const
) {
  test(`makePlan() refuses when the administrator's words ${what}`, () => {
    withSample({}, (sample) => {
      const plan = planOf(sample, { config: { ...DEFAULT_CONFIG, cmdline }, allow: [id] });
      assert.deepEqual(refusals(plan), [id]);
    });
  });
}

test("makePlan() refuses when a word is taken off that is half of a value in double quotes", () => {
  const oemConfig = 'set linux_append="dyndbg=\\"file ec.c +p\\""\n';
  withSample({ oemConfig }, (sample) => {
    const torn = (remove: readonly string[]): boolean =>
      planOf(sample, { config: { ...DEFAULT_CONFIG, cmdline: { append: [], remove } } }).findings.some((
        { id },
      ) => id === "config-not-understood");
    assert.equal(torn(["dyndbg"]), true);
    assert.equal(torn(["dyndbg", "ec.c", '+p\\"']), false);
    assert.equal(torn([]), false);
  });
});

test("makePlan() honours an entry that names its slot by label and counts nothing", () => {
  withSample(
    { oemConfig: 'set oem_id="qemu"\nset default="flatcar-b"\n', oemId: "qemu", b: [0, 0, 0] },
    (sample) => {
      const plan = planOf(sample);
      assert.equal(plan.grub.entry, "flatcar-b");
      assert.equal(plan.slot?.label, "USR-B");
      assert.equal(plan.slot.gptWrite, false);
      assert.match(plan.cmdline ?? "", /verity\.usr=PARTLABEL=USR-B/);
    },
  );
});

test("attemptId() changes with the boot, the slot and every word", () => {
  const tokens = [{ text: "a", origin: "x" }];
  const ids = [
    attemptId("1", "p", tokens),
    attemptId("2", "p", tokens),
    attemptId("1", "q", tokens),
    attemptId("1", "p", [{ text: "b", origin: "x" }]),
  ];
  assert.equal(new Set(ids).size, 4);
  assert.equal(attemptId("1", "p", tokens), ids[0]);
});

interface Damage {
  readonly options?: SampleHostOptions;
  readonly damage?: (sample: SampleHost) => void;
  readonly id: string;
  readonly message: RegExp;
}

/** What is done to a good host, and the first check that must then refuse. */
const DAMAGES: Readonly<Record<string, Damage>> = {
  "no grub.cfg.tar": {
    damage: ({ root }) => rmSync(join(root, "boot/flatcar/grub/grub.cfg.tar")),
    id: "config-not-understood",
    message: /grub\.cfg\.tar: no such file/,
  },
  "a binary file where the archive should be": {
    damage: ({ root }) =>
      writeFileSync(join(root, "boot/flatcar/grub/grub.cfg.tar"), Buffer.alloc(2000, 0xfe)),
    id: "config-not-understood",
    message: /grub\.cfg\.tar.*not a tar archive/,
  },
  "a truncated kernel": {
    damage: ({ root }) => truncateSync(join(root, "boot/flatcar/vmlinuz-b"), 5000),
    id: "kernel-format",
    message: /vmlinuz-b.*truncated: 5000 bytes/,
  },
  "no kernel": {
    damage: ({ root }) => rmSync(join(root, "boot/flatcar/vmlinuz-b")),
    id: "kernel-missing",
    message: /vmlinuz-b: no such file/,
  },
  "a folder where the kernel should be": {
    damage: ({ root }) => {
      rmSync(join(root, "boot/flatcar/vmlinuz-b"));
      mkdirSync(join(root, "boot/flatcar/vmlinuz-b"));
    },
    id: "kernel-missing",
    message: /vmlinuz-b: is not a regular file/,
  },
  "a disk of zeros": {
    damage: ({ disk }) => writeFileSync(disk, Buffer.alloc(1 << 20)),
    id: "gpt-invalid",
    message: /dev\/vda.*invalid GPT signature/,
  },
  "a disk that is cut short": {
    damage: ({ disk }) => truncateSync(disk, 700),
    id: "gpt-invalid",
    message: /dev\/vda/,
  },
  "no bootable slot": {
    options: { a: [1, 0, 0], b: [0, 0, 0] },
    id: "no-slot",
    message: /USR-A.*priority 1, tries 0, successful 0/,
  },
  "the last try of the last bootable slot": {
    options: { a: [1, 0, 0], b: [2, 1, 0] },
    id: "no-slot",
    message: /USR-B.*last try of the last bootable slot/,
  },
  "one word added to the OEM's file since the boot": {
    damage: ({ root }) =>
      appendFileSync(join(root, "oem/grub.cfg"), 'set linux_append="$linux_append quiet"\n'),
    id: "parity-mismatch",
    message: /missing 'quiet'/,
  },
  "a kernel that belongs to another /usr": {
    damage: ({ root }) =>
      writeFileSync(
        join(root, "boot/flatcar/vmlinuz-b"),
        readFileSync(join(root, "boot/flatcar/vmlinuz-a")),
      ),
    id: "pairing-mismatch",
    message: /USR-B/,
  },
  "an OEM file that runs for ever": {
    damage: ({ root }) => writeFileSync(join(root, "oem/grub.cfg"), "while [ 1 ]; do set a=$a; done\n"),
    id: "config-not-understood",
    message: /oem\/grub\.cfg:1/,
  },
  "a foreign kernel loaded": {
    damage: ({ root }) => writeFileSync(join(root, "sys/kernel/kexec_loaded"), "1\n"),
    id: "foreign-kernel-loaded",
    message: /kexec_loaded/,
  },
  "no kexec program": {
    damage: ({ root }) => rmSync(join(root, "usr/sbin/kexec")),
    id: "kexec-tools-missing",
    message: /usr\/sbin\/kexec/,
  },
};

for (const [what, { options = {}, damage, id, message }] of Object.entries(DAMAGES)) {
  test(`makePlan() refuses on ${what}, by ${id}`, () => {
    withSample(options, (sample) => {
      damage?.(sample);
      const plan = planOf(sample);
      assert.equal(plan.decision, "refuse");
      const finding = plan.findings.find((candidate) => candidate.id === id);
      assert.equal(finding?.level, "refuse", JSON.stringify(plan.findings));
      assert.match(finding.message, message);
    });
  });
}

test("makePlan() lets a refusing check pass that the user allows, but none that protects data", () => {
  withSample({}, (sample) => {
    appendFileSync(join(sample.root, "oem/grub.cfg"), 'set linux_append="$linux_append quiet"\n');
    assert.equal(planOf(sample, { allow: ["parity-mismatch"] }).decision, "kexec");
    writeFileSync(sample.disk, Buffer.alloc(1 << 20));
    assert.equal(planOf(sample, { allow: ["parity-mismatch", "gpt-invalid"] }).decision, "refuse");
  });
});
