/**
 * Recorded hosts and what GRUB boots on each. What is expected is written by hand, from Flatcar's own
 * configuration and the command lines of machines that run it; golden plans hold all the rest.
 */
import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import process from "node:process";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { replayHost } from "../../../src/host/replay.ts";
import {
  encodeSnapshot,
  type HostSnapshot,
  storeBytes,
  type StoredBytes,
} from "../../../src/host/snapshot.ts";
import { decodeSnapshot } from "../../../src/host/snapshot_schema.ts";
import { VERSION } from "../../../src/lib/version.ts";
import type { Plan } from "../../../src/plan/plan.ts";
import { BUILT_IN } from "../../../src/plugin/registry.ts";
import { grubArchive } from "../../support/sample_grub_cfg.ts";
import { testUnless } from "../../support/test_needing.ts";
import type { Expected } from "./expected.ts";
import { A, B } from "./host_parts.ts";
import { HOST_NAMES, type HostName, HOSTS, SECRETS } from "./hosts.ts";
import { PLUGIN_HOSTS_EXPECTED } from "./plugin_hosts_expected.ts";
import { encodePlan, pathOf, planOf, record } from "./record.ts";

const KIB = 1024;
const AGAIN = "if that is meant, run test/plan/recorded/record.ts and read the difference";

const EXPECTED: Readonly<Record<HostName, Expected>> = {
  ...PLUGIN_HOSTS_EXPECTED,
  "pc": {
    decision: "kexec",
    slot: "USR-B",
    takesTry: true,
    line: "BOOT_IMAGE=/flatcar/vmlinuz-b mount.usr=/dev/mapper/usr " +
      "verity.usr=PARTUUID=e03dd35c-7c2d-4a47-b3fe-27f15780a57c " +
      "rootflags=rw mount.usrflags=ro consoleblank=0 root=LABEL=ROOT " +
      `console=ttyS0,115200n8 console=tty0 verity.usrhash=${B}`,
    findings: ["watchdog-missing info"],
    diagnostics: [],
    plugins: [],
    oem: null,
  },
  "efi": {
    decision: "kexec",
    slot: "USR-B",
    takesTry: false,
    line: "BOOT_IMAGE=/flatcar/vmlinuz-b mount.usr=/dev/mapper/usr " +
      "verity.usr=PARTUUID=e03dd35c-7c2d-4a47-b3fe-27f15780a57c " +
      "rootflags=rw mount.usrflags=ro consoleblank=0 root=LABEL=ROOT " +
      `console=ttyS0,115200n8 console=tty0 verity.usrhash=${B}`,
    findings: ["plugin-note info", "watchdog-missing info"],
    diagnostics: [],
    plugins: ["mellanox"],
    oem: null,
  },
  "arm64": {
    decision: "kexec",
    slot: "USR-A",
    takesTry: false,
    line: "BOOT_IMAGE=/flatcar/vmlinuz-a mount.usr=/dev/mapper/usr " +
      "verity.usr=PARTUUID=7130c94a-213a-4e5a-8e26-6cce9662f132 " +
      "rootflags=rw mount.usrflags=ro consoleblank=0 root=LABEL=ROOT " +
      `console=ttyAMA0,115200n8 console=tty0 acpi=force verity.usrhash=${A}`,
    findings: ["watchdog-missing info"],
    diagnostics: [],
    plugins: ["arm64-dtb"],
    oem: null,
  },
  "first-boot": {
    decision: "kexec",
    slot: "USR-B",
    takesTry: true,
    line: "BOOT_IMAGE=/flatcar/vmlinuz-b mount.usr=/dev/mapper/usr " +
      "verity.usr=PARTUUID=e03dd35c-7c2d-4a47-b3fe-27f15780a57c " +
      "rootflags=rw mount.usrflags=ro consoleblank=0 root=LABEL=ROOT " +
      "console=ttyS0,115200n8 console=tty0 flatcar.first_boot=detected flatcar.oem.id=qemu flatcar.autologin " +
      `verity.usrhash=${B}`,
    findings: ["watchdog-missing warn"],
    diagnostics: [],
    plugins: [],
    oem: "qemu",
  },
  "equinix-arm64": {
    decision: "kexec",
    slot: "USR-B",
    takesTry: true,
    line: "BOOT_IMAGE=/flatcar/vmlinuz-b mount.usr=/dev/mapper/usr " +
      "verity.usr=PARTUUID=e03dd35c-7c2d-4a47-b3fe-27f15780a57c " +
      "rootflags=rw mount.usrflags=ro consoleblank=0 root=LABEL=ROOT " +
      "console=tty0 console=ttyS1,115200n8 acpi=force flatcar.oem.id=packet flatcar.autologin " +
      `verity.usrhash=${B}`,
    findings: ["config-not-understood info", "plugin-note info", "watchdog-missing warn"],
    diagnostics: ["syntax-error oem/grub.cfg:5", "syntax-error oem/grub.cfg:8"],
    plugins: ["equinix-metal", "arm64-dtb", "mellanox"],
    oem: "packet",
  },
  "ec2": {
    decision: "kexec",
    slot: "USR-B",
    takesTry: true,
    line: "BOOT_IMAGE=/flatcar/vmlinuz-b mount.usr=/dev/mapper/usr " +
      "verity.usr=PARTUUID=e03dd35c-7c2d-4a47-b3fe-27f15780a57c " +
      "rootflags=rw mount.usrflags=ro consoleblank=0 root=LABEL=ROOT " +
      "console=ttyS0,115200n8 flatcar.oem.id=ec2 modprobe.blacklist=xen_fbfront net.ifnames=0 " +
      `nvme_core.io_timeout=4294967295 verity.usrhash=${B}`,
    findings: ["plugin-note info", "watchdog-missing warn"],
    diagnostics: [],
    plugins: ["ec2"],
    oem: "ec2",
  },
  "azure-arm64": {
    decision: "refuse",
    slot: "USR-B",
    takesTry: true,
    line: "BOOT_IMAGE=/flatcar/vmlinuz-b mount.usr=/dev/mapper/usr " +
      "verity.usr=PARTUUID=e03dd35c-7c2d-4a47-b3fe-27f15780a57c " +
      "rootflags=rw mount.usrflags=ro consoleblank=0 root=LABEL=ROOT " +
      "console=tty1 console=ttyAMA0,115200n8 earlycon=pl011,0xeffec000 acpi=force " +
      `flatcar.oem.id=azure flatcar.autologin verity.usrhash=${B}`,
    findings: ["platform-azure refuse", "watchdog-missing warn"],
    diagnostics: [],
    plugins: ["azure", "arm64-dtb"],
    oem: "azure",
  },
  "customised": {
    decision: "kexec",
    slot: "USR-B",
    takesTry: true,
    line: "BOOT_IMAGE=/flatcar/vmlinuz-b mount.usr=/dev/mapper/usr " +
      "verity.usr=PARTUUID=e03dd35c-7c2d-4a47-b3fe-27f15780a57c " +
      "rootflags=rw mount.usrflags=ro consoleblank=0 root=LABEL=ROOT " +
      "console=ttyS1,57600n8 console=tty0 flatcar.oem.id=openstack flatcar.autologin " +
      "systemd.unified_cgroup_hierarchy=0 systemd.legacy_systemd_cgroup_controller " +
      "mitigations=auto,nosmt tsx=auto " +
      "ignition.config.url=https://masked-00000000000000000001@config.example.com/node.ign " +
      `acme.enroll_token=masked-000000002 dyndbg=\\"file drivers/net/* +p\\" verity.usrhash=${B}`,
    findings: ["watchdog-missing warn"],
    diagnostics: ["no-effect oem/grub.cfg:12", "not-an-assignment oem/grub.cfg:13"],
    plugins: [],
    oem: "openstack",
  },
  "coreos-era": {
    decision: "kexec",
    slot: "USR-B",
    takesTry: true,
    line: "BOOT_IMAGE=/coreos/vmlinuz-b mount.usr=/dev/mapper/usr " +
      "verity.usr=PARTUUID=e03dd35c-7c2d-4a47-b3fe-27f15780a57c " +
      "rootflags=rw mount.usrflags=ro consoleblank=0 root=LABEL=ROOT " +
      "console=ttyS4,115200n8 8250.nr_uarts=5 coreos.oem.id=rackspace-onmetal " +
      `modprobe.blacklist=mei_me net.ifnames=0 verity.usrhash=${B}`,
    findings: ["watchdog-missing info"],
    diagnostics: [],
    plugins: [],
    oem: "rackspace-onmetal",
  },
  "raid-luks": {
    decision: "refuse",
    slot: "USR-B",
    takesTry: true,
    line: "BOOT_IMAGE=/flatcar/vmlinuz-b mount.usr=/dev/mapper/usr " +
      "verity.usr=PARTUUID=e03dd35c-7c2d-4a47-b3fe-27f15780a57c " +
      "rootflags=rw mount.usrflags=ro consoleblank=0 root=/dev/mapper/rootencrypted " +
      "console=ttyS0,115200n8 console=tty0 rd.md.uuid=3e1f3c54:9a0d1c5e:5b8de1f1:66a6d1a2 " +
      "rd.luks.name=0d6bdeac-3c3b-4b1a-9a6e-5c1f0f1d2b34=rootencrypted " +
      `rd.luks.options=tpm2-device=auto verity.usrhash=${B}`,
    findings: ["tpm-unlock refuse", "watchdog-missing info"],
    diagnostics: [],
    plugins: [],
    oem: null,
  },
};

function textOf(name: HostName, kind: "host" | "plan"): string {
  return readFileSync(pathOf(name, kind), "utf8");
}

function snapshotOf(name: HostName): HostSnapshot {
  return decodeSnapshot(textOf(name, "host"), name);
}

/** A recording with other content in some of its files. */
function withFiles(snapshot: HostSnapshot, files: Readonly<Record<string, StoredBytes>>): HostSnapshot {
  const others = Object.fromEntries(Object.entries(files).map(([path, value]) => [path, { value }]));
  for (const path of Object.keys(others)) assert.ok(path in snapshot.files, `${path} is not recorded`);
  return { ...snapshot, files: { ...snapshot.files, ...others } };
}

function replayed(name: HostName): Promise<Plan> {
  return planOf(replayHost(snapshotOf(name)));
}

/** A golden plan with the version of the program that reads it, which is the one thing that a release changes. */
function goldenText(name: HostName): string {
  return textOf(name, "plan").replace(/("version": )"[^"]+"/, `$1${JSON.stringify(VERSION)}`);
}

for (const name of HOST_NAMES) {
  const expected = EXPECTED[name];

  test(`the recorded host ${name} boots what GRUB boots there, word by word`, async () => {
    const plan = await replayed(name);
    assert.equal(plan.grub.cmdline, expected.line);
    assert.equal(plan.slot?.label, expected.slot);
    assert.equal(plan.slot.gptWrite, expected.takesTry);
    assert.equal(plan.kernel?.usrhash, expected.slot === "USR-A" ? A : B);
    assert.equal(plan.oem.id, expected.oem);
    assert.equal(plan.firstBoot, name === "first-boot");
    // No plugin changes a word unless it is told to; what is added is our own marker.
    const passed = expected.passed ?? expected.line;
    assert.match(plan.cmdline?.slice(passed.length) ?? "", /^ flatcar\.kexec=[0-9a-f]{12}$/);
    assert.equal(plan.cmdline?.slice(0, passed.length), passed);
  });

  test(`the recorded host ${name} is decided on for the right reasons`, async () => {
    const plan = await replayed(name);
    assert.deepEqual(plan.findings.map(({ id, level }) => `${id} ${level}`), expected.findings);
    assert.equal(plan.decision, expected.decision);
    assert.deepEqual(
      plan.grub.diagnostics.map(({ id, file, line }) => `${id} ${file}:${line}`),
      expected.diagnostics,
    );
    assert.deepEqual(plan.plugins.map((plugin) => plugin.name), expected.plugins);
    assert.deepEqual(
      plan.plugins.flatMap(({ name: plugin, edits }) =>
        edits.map(({ kind, target, text, applied }) =>
          `${plugin}: ${kind} ${text ?? target}${applied ? "" : ", in vain"}`
        )
      ),
      expected.edits ?? [],
    );
    assert.deepEqual(
      plan.quiesce.map(({ plugin, summary }) => `${plugin}: ${summary}`),
      expected.quiesce ?? [],
    );
  });

  test(`the recorded host ${name} gives its golden plan, byte for byte`, async () => {
    assert.equal(encodePlan(await replayed(name)), goldenText(name), AGAIN);
  });

  test(`the recording of ${name} is small, and holds no secret`, () => {
    for (const kind of ["host", "plan"] as const) {
      const text = textOf(name, kind);
      assert.ok(text.length < 60 * KIB, `${text.length} bytes`);
      for (const secret of [...SECRETS.userinfo.split(":"), SECRETS.userinfo, SECRETS.token]) {
        // The user's name alone is a common word, but nothing here has another use for it.
        assert.ok(!text.includes(secret), `${kind} holds ${secret}`);
      }
    }
  });

  test(`one word changed on the running command line of ${name} is refused, and nothing else is new`, async () => {
    const snapshot = snapshotOf(name);
    const running = snapshot.files["/proc/cmdline"];
    assert.ok(running !== undefined && "value" in running && typeof running.value === "string");
    const changed = running.value.replace(" consoleblank=0 ", " consoleblank=600 ");
    assert.notEqual(changed, running.value);
    const { findings, decision, ...rest } = await planOf(
      replayHost(withFiles(snapshot, { "/proc/cmdline": changed })),
    );
    const golden = await replayed(name);
    assert.equal(decision, "refuse");
    const parity = findings.filter((finding) => finding.id === "parity-mismatch");
    assert.equal(parity.length, 1);
    assert.equal(parity[0]?.level, "refuse");
    assert.match(
      parity[0].message,
      /differs in 2 words .*\(missing 'consoleblank=0', unexpected 'consoleblank=600'\)/,
    );
    assert.deepEqual(findings.filter((finding) => finding.id !== "parity-mismatch"), golden.findings);
    const { findings: _findings, decision: _decision, ...goldenRest } = golden;
    assert.deepEqual(rest, goldenRest);
  });

  test(`the host ${name} itself gives what its recording gives`, async () => {
    const live = await record(HOSTS[name]);
    const again = await planOf(replayHost(decodeSnapshot(encodeSnapshot(live.snapshot), name)));
    assert.equal(encodePlan(again), goldenText(name), AGAIN);
    // With its credentials the host has another marker, since other words are hashed for it; all else is the same.
    const masked = (text: string): string =>
      text.replaceAll(SECRETS.userinfo, "masked-00000000000000000001")
        .replaceAll(SECRETS.token, "masked-000000002");
    const unmarked = (text: string): string =>
      name === "customised" ? text.replaceAll(/flatcar\.kexec=[0-9a-f]{12}/g, "flatcar.kexec=") : text;
    assert.equal(unmarked(masked(encodePlan(live.plan))), unmarked(goldenText(name)));
  });
}

test("each plugin that is built in speaks, or could have, on a recorded host", () => {
  const asked = new Set(HOST_NAMES.flatMap((name) => EXPECTED[name].plugins));
  assert.deepEqual(BUILT_IN.map((plugin) => plugin.name).filter((name) => !asked.has(name)), []);
});

test("a host is recorded the same each time", async () => {
  const name = "raid-luks";
  assert.equal(
    encodeSnapshot((await record(HOSTS[name])).snapshot),
    encodeSnapshot((await record(HOSTS[name])).snapshot),
  );
});

test("the customised host's own plan holds the credentials that its recording masks", async () => {
  const { plan } = await record(HOSTS.customised);
  assert.ok(
    plan.grub.cmdline?.includes(
      `https://${SECRETS.userinfo}@config.example.com/node.ign acme.enroll_token=${SECRETS.token}`,
    ),
  );
});

test("the CoreOS-era host passes its OEM's file by under Secure Boot, as its GRUB does", async () => {
  const flag = (value: number): StoredBytes => storeBytes(Uint8Array.of(6, 0, 0, 0, value));
  const guid = "8be4df61-93ca-11d2-aa0d-00e098032b8c";
  const lineWith = async (secureBoot: number, setupMode: number): Promise<string | null> =>
    (await planOf(replayHost(withFiles(snapshotOf("coreos-era"), {
      [`/sys/firmware/efi/efivars/SecureBoot-${guid}`]: flag(secureBoot),
      [`/sys/firmware/efi/efivars/SetupMode-${guid}`]: flag(setupMode),
    })))).grub.cmdline;
  assert.equal(
    await lineWith(1, 0),
    "BOOT_IMAGE=/coreos/vmlinuz-b mount.usr=/dev/mapper/usr " +
      "verity.usr=PARTUUID=e03dd35c-7c2d-4a47-b3fe-27f15780a57c " +
      "rootflags=rw mount.usrflags=ro consoleblank=0 root=LABEL=ROOT " +
      `console=ttyS0,115200n8 console=tty0 verity.usrhash=${B}`,
  );
  // In setup mode nothing is verified.
  assert.equal(await lineWith(1, 1), EXPECTED["coreos-era"].line);
});

test("the CoreOS-era host asks for a new disk GUID where the disk still has the image's", async () => {
  const { plan } = await record({
    ...HOSTS["coreos-era"],
    diskGuid: "00000000-0000-0000-0000-000000000001",
    firstBoot: true,
  });
  assert.equal(
    plan.grub.cmdline,
    "BOOT_IMAGE=/coreos/vmlinuz-b mount.usr=/dev/mapper/usr " +
      "verity.usr=PARTUUID=e03dd35c-7c2d-4a47-b3fe-27f15780a57c " +
      "rootflags=rw mount.usrflags=ro consoleblank=0 root=LABEL=ROOT " +
      "console=ttyS4,115200n8 8250.nr_uarts=5 coreos.first_boot=detected " +
      "coreos.randomize_disk_guid=00000000-0000-0000-0000-000000000001 " +
      "coreos.oem.id=rackspace-onmetal modprobe.blacklist=mei_me net.ifnames=0 " +
      `verity.usrhash=${B}`,
  );
  assert.equal(plan.firstBoot, true);
});

const released = `${
  process.env["FLATCAR_KEXEC_SHARED"] ?? fileURLToPath(new URL("../../../../shared", import.meta.url))
}/flatcar/grub.cfg`;
const absent = existsSync(released) ? null : "there is no copy of Flatcar's grub.cfg";

for (const name of HOST_NAMES.filter((candidate) => candidate !== "coreos-era")) {
  testUnless(
    absent,
    `the recorded host ${name} boots the same by the grub.cfg of a Flatcar release`,
    async () => {
      const text = readFileSync(released, "utf8").replaceAll(
        "@@MOUNTUSR@@",
        "mount.usr=/dev/mapper/usr verity.usr",
      );
      const plan = await planOf(replayHost(withFiles(snapshotOf(name), {
        "/boot/flatcar/grub/grub.cfg.tar": storeBytes(grubArchive(text)),
      })));
      assert.equal(plan.grub.cmdline, EXPECTED[name].line);
      assert.deepEqual(plan.findings.map(({ id, level }) => `${id} ${level}`), EXPECTED[name].findings);
      assert.equal(plan.decision, EXPECTED[name].decision);
    },
  );
}
