import assert from "node:assert/strict";
import { test } from "node:test";
import { parseOsRelease } from "../../src/host/os_release.ts";
import { countCpus, readFacts } from "../../src/host/read_facts.ts";
import type { HostFacts } from "../../src/host/facts.ts";
import { memoryHost, type MemoryHostOptions } from "../support/memory_host.ts";

const dmi = (values: Record<string, string>): Record<string, string> =>
  Object.fromEntries(
    Object.entries(values).map(([name, value]) => [`/sys/class/dmi/id/${name}`, `${value}\n`]),
  );

const cpu = (flags: string): Record<string, string> => ({
  "/proc/cpuinfo": `processor\t: 0\nmodel name\t: X\nflags\t\t: fpu ${flags}\nbugs\t:\n\nprocessor\t: 1\n`,
});

const factsOf = (files: MemoryHostOptions["files"], options: MemoryHostOptions = {}): HostFacts =>
  readFacts(memoryHost({ ...options, files: files ?? {} }));

test("an empty tree has facts as well: nothing is guessed", () => {
  assert.deepEqual(readFacts(memoryHost({ arch: "aarch64" })), {
    arch: "aarch64",
    platform: "pc",
    kernelRelease: null,
    cmdline: null,
    bootId: null,
    oem: { id: null, release: {} },
    osRelease: {},
    dmi: {},
    virtualization: "none",
    confidentialVm: null,
    firmware: { efi: false, secureBoot: null, setupMode: null, acpi: false, deviceTree: false, model: null },
    lockdown: null,
    kexec: { loaded: null, loadDisabled: null },
    memory: { total: null, available: null },
    cpus: { online: null, possible: null },
    modules: [],
  });
});

test("a machine's own files give its facts; serial numbers and the owner's tags are left out", () => {
  const facts = factsOf({
    "/proc/cmdline": "BOOT_IMAGE=/flatcar/vmlinuz-a coreos.oem.id=old flatcar.oem.id=packet \n",
    "/oem/oem-release": 'ID=packet\nNAME="Equinix Metal"\n',
    "/usr/lib/os-release": "ID=flatcar\nVERSION_ID=4593.1.0\n",
    "/proc/meminfo": "MemTotal:       16384000 kB\nMemFree: 1 kB\nMemAvailable:    8192000 kB\n",
    "/sys/kernel/security/lockdown": "none [integrity] confidentiality\n",
    "/sys/kernel/kexec_loaded": "1\n",
    "/proc/sys/kernel/kexec_load_disabled": "0\n",
    "/sys/firmware/efi/efivars/SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c": new Uint8Array([
      6,
      0,
      0,
      0,
      1,
    ]),
    "/sys/firmware/efi/efivars/SetupMode-8be4df61-93ca-11d2-aa0d-00e098032b8c": new Uint8Array([
      6,
      0,
      0,
      0,
      0,
    ]),
    "/sys/firmware/acpi/tables/DSDT": "",
    "/sys/devices/system/cpu/online": "0-3,8\n",
    "/proc/modules": "nvme 57344 2 - Live 0x0\next4 1 0 - Live 0x0\n",
    ...dmi({
      sys_vendor: "Supermicro",
      product_serial: "S123",
      chassis_asset_tag: "rack 7",
      board_name: "X12",
    }),
  });
  assert.equal(facts.platform, "efi");
  assert.equal(facts.cmdline, "BOOT_IMAGE=/flatcar/vmlinuz-a coreos.oem.id=old flatcar.oem.id=packet ");
  assert.deepEqual(facts.oem, { id: "packet", release: { ID: "packet", NAME: "Equinix Metal" } });
  assert.equal(facts.osRelease["VERSION_ID"], "4593.1.0");
  assert.deepEqual(facts.memory, { total: 16384000, available: 8192000 });
  assert.equal(facts.lockdown, "integrity");
  assert.deepEqual(facts.kexec, { loaded: true, loadDisabled: false });
  assert.equal(facts.firmware.secureBoot, true);
  assert.equal(facts.firmware.setupMode, false);
  assert.equal(facts.firmware.acpi, true);
  assert.equal(facts.cpus.online, 5);
  assert.deepEqual(facts.modules, ["ext4", "nvme"]);
  assert.deepEqual(facts.dmi, { board_name: "X12", sys_vendor: "Supermicro" });
});

test("what a machine runs on is told by its firmware's tables and the processor's flags", () => {
  const cases: readonly (readonly [string, Record<string, string>, HostFacts["virtualization"]])[] = [
    ["hypervisor", dmi({ sys_vendor: "QEMU", product_name: "Standard PC" }), "qemu"],
    ["hypervisor", dmi({ sys_vendor: "VMware, Inc.", product_name: "VMware7,1" }), "vmware"],
    [
      "hypervisor",
      dmi({ sys_vendor: "Microsoft Corporation", product_name: "Virtual Machine" }),
      "microsoft",
    ],
    ["hypervisor", dmi({ sys_vendor: "Amazon EC2", product_name: "m5.large" }), "amazon"],
    ["hypervisor", dmi({ sys_vendor: "Google", product_name: "Google Compute Engine" }), "google"],
    ["hypervisor", dmi({ sys_vendor: "innotek GmbH", product_name: "VirtualBox" }), "oracle"],
    ["hypervisor", dmi({ sys_vendor: "OpenStack Foundation", product_name: "OpenStack Nova" }), "kvm"],
    ["hypervisor", dmi({ sys_vendor: "Hetzner", product_name: "vServer" }), "other"],
    ["", dmi({ sys_vendor: "Amazon EC2", product_name: "m5.metal" }), "none"],
    ["", dmi({ sys_vendor: "Google", product_name: "Google Compute Engine" }), "none"],
    ["", dmi({ sys_vendor: "Microsoft Corporation", product_name: "Surface" }), "none"],
    ["hypervisor", { "/sys/hypervisor/type": "xen\n" }, "xen"],
  ];
  for (const [flags, files, expected] of cases) {
    assert.equal(factsOf({ ...cpu(flags), ...files }).virtualization, expected, JSON.stringify(files));
  }
  const clocks = { "/sys/devices/system/clocksource/clocksource0/available_clocksource": "kvm-clock tsc\n" };
  const qemu = dmi({ sys_vendor: "QEMU" });
  assert.equal(factsOf({ ...cpu("hypervisor"), ...qemu, ...clocks }).virtualization, "kvm");
});

test("arm64 machines have no such flag: their tables and device tree tell", () => {
  const arm = (files: Record<string, string>): HostFacts["virtualization"] =>
    factsOf(files, { arch: "aarch64" }).virtualization;
  assert.equal(arm(dmi({ sys_vendor: "Amazon EC2", product_name: "m7g.large" })), "amazon");
  assert.equal(arm(dmi({ sys_vendor: "Amazon EC2", product_name: "m7g.metal" })), "none");
  assert.equal(arm(dmi({ sys_vendor: "Ampere", product_name: "Altra" })), "none");
  assert.equal(arm({ "/proc/device-tree/model": "linux,dummy-virt\0" }), "qemu");
  assert.equal(arm({ "/proc/device-tree/hypervisor/compatible": "xen,xen-4.11\0xen,xen\0" }), "xen");
  assert.equal(arm({ "/proc/device-tree/hypervisor/compatible": "linux,kvm\0" }), "kvm");
  assert.equal(arm({ "/proc/device-tree/hypervisor/compatible": "acme,visor\0" }), "other");
  const model = "Raspberry Pi 4 Model B Rev 1.4";
  const facts = factsOf({ "/proc/device-tree/model": `${model}\0`, "/sys/firmware/fdt": "" }, {
    arch: "aarch64",
  });
  assert.equal(facts.firmware.model, model);
  assert.equal(facts.firmware.deviceTree, true);
  assert.equal(facts.virtualization, "none");
});

test("a paravirtualized Xen guest was booted by GRUB's Xen platform", () => {
  const facts = factsOf({ "/sys/hypervisor/type": "xen\n", "/sys/hypervisor/guest_type": "PV\n" });
  assert.equal(facts.platform, "xen");
});

test("confidential machines are told from hosts that could run one", () => {
  assert.equal(factsOf(cpu("hypervisor sev sev_es")).confidentialVm, "sev");
  assert.equal(factsOf(cpu("hypervisor sev")).confidentialVm, "sev");
  assert.equal(factsOf({}, { devices: ["/dev/tdx_guest"] }).confidentialVm, "tdx");
  assert.equal(factsOf(cpu("hypervisor sev_snp")).confidentialVm, "sev-snp");
  assert.equal(factsOf(cpu("sev sev_es sev_snp")).confidentialVm, null);
  assert.equal(factsOf(cpu("hypervisor tdx_guest")).confidentialVm, "tdx");
  assert.equal(factsOf(cpu("hypervisor"), { devices: ["/dev/sev-guest"] }).confidentialVm, "sev-snp");
});

test("processor lists are counted, and nothing else is", () => {
  assert.equal(countCpus("0"), 1);
  assert.equal(countCpus("0-63,128-191"), 128);
  assert.equal(countCpus(""), null);
  assert.equal(countCpus("0-"), null);
});

test("release files are unquoted as a shell would", () => {
  const odd = `A=""\nB=''\nC='\nD=x'\nE="y\n`;
  assert.deepEqual(parseOsRelease(odd), { A: "", B: "", C: "'", D: "x'", E: '"y' });
  const text =
    `# comment\nA=plain\nB="double \\"quoted\\" \\$x"\nC='single \\n'\nD=a\\ b\n  E=indented  \nnot a line\n`;
  assert.deepEqual(parseOsRelease(text), {
    A: "plain",
    B: 'double "quoted" $x',
    C: "single \\n",
    D: "a b",
    E: "indented",
  });
});

test("facts are read without starting a program and without the whole of /proc/cpuinfo", () => {
  const host = memoryHost({ files: cpu("hypervisor") });
  readFacts(host);
  assert.ok(host.asked.every((question) => !question.startsWith("command")));
  assert.ok(host.asked.includes("readRange /proc/cpuinfo 0 4096"));
  assert.ok(host.asked.length < 45, `${host.asked.length} questions`);
});

test("an EFI variable without data is no flag", () => {
  const name = "/sys/firmware/efi/efivars/SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c";
  for (const data of [[6, 0, 0, 0], [6, 0], [6, 0, 0, 0, 2], [6, 0, 0, 0, 1, 1]]) {
    assert.equal(factsOf({ [name]: new Uint8Array(data) }).firmware.secureBoot, null);
  }
});
