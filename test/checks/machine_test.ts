/** The machine: firmware, kernel, platform, what else runs on it. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { gzipSync } from "node:zlib";
import { DEFAULT_CONFIG } from "../../src/config/config.ts";
import { FACTS, facts, findingsOf, goodInput, hostWith, SLOT_A, verdict } from "../support/check_input.ts";
import { memoryHost } from "../support/memory_host.ts";

const efi = (name: string, ...data: readonly number[]): Record<string, Uint8Array> => ({
  [`/sys/firmware/efi/efivars/${name}-8be4df61-93ca-11d2-aa0d-00e098032b8c`]: new Uint8Array([
    7,
    0,
    0,
    0,
    ...data,
  ]),
});

/** An EFI boot entry with the device path given. */
const bootEntry = (...path: readonly number[]): readonly number[] => [
  ...[1, 0, 0, 0],
  ...[path.length, 0],
  ...[0x50, 0, 0x58, 0, 0, 0],
  ...path,
];
const MAC_NODE = [3, 11, 37, 0, ...new Array<number>(33).fill(0)];
const DISK_NODE = [4, 1, 42, 0, ...new Array<number>(38).fill(0)];
const END_NODE = [0x7f, 0xff, 4, 0];

test("netboot-config: a network boot entry, where the running line is not the files'", () => {
  const parity = { verdict: "mismatch", differences: [], cause: "c" } as const;
  const from = (...path: readonly number[]): ReturnType<typeof hostWith> =>
    hostWith({ files: { ...efi("BootCurrent", 3, 0), ...efi("Boot0003", ...bootEntry(...path)) } });
  const network = from(...DISK_NODE, ...MAC_NODE, ...END_NODE);
  assert.match(verdict("netboot-config", { host: network, parity }), /from the network \(Boot0003\)/);
  assert.equal(verdict("netboot-config", { host: network }), "");
  assert.equal(verdict("netboot-config", { host: from(...DISK_NODE, ...END_NODE), parity }), "");
  assert.equal(verdict("netboot-config", { host: from(3, 11, 0, 0), parity }).startsWith("refuse"), true);
  assert.equal(verdict("netboot-config", { parity }), "");
  assert.equal(verdict("netboot-config", { parity, host: network, running: null }), "");
  const bios = facts({ firmware: { ...FACTS.firmware, efi: false } });
  assert.equal(verdict("netboot-config", { parity, host: network, facts: bios }), "");
  const dangling = hostWith({ files: efi("BootCurrent", 3, 0) });
  assert.equal(verdict("netboot-config", { parity, host: dangling }), "");
});

test("firmware-request-pending: setup, a waiting capsule, another entry", () => {
  const pending = (files: Record<string, Uint8Array>): string =>
    verdict("firmware-request-pending", { host: hostWith({ files }) });
  assert.match(
    pending(efi("OsIndications", 1, 0, 0, 0, 0, 0, 0, 0)),
    /firmware's setup is asked for .*bit 0/,
  );
  assert.match(pending(efi("OsIndications", 4, 0, 0, 0, 0, 0, 0, 0)), /firmware update waits .*bit 2/);
  assert.equal(pending(efi("OsIndications", 2, 0, 0, 0, 0, 0, 0, 0)), "");
  assert.match(pending(efi("BootNext", 0x0a, 0)), /BootNext is 000A/);
});

test("secure-boot: without the variable there is none, but without any variable it cannot be told", () => {
  const unknown = facts({ firmware: { ...FACTS.firmware, secureBoot: null } });
  const folder = "/sys/firmware/efi/efivars";
  const others = hostWith({ files: { [`${folder}/BootOrder-8be4df61-93ca-11d2-aa0d-00e098032b8c`]: "x" } });
  assert.equal(verdict("secure-boot", { facts: unknown, host: others }), "");
  assert.match(
    verdict("secure-boot", { facts: unknown }),
    /^refuse: It cannot be told whether Secure Boot is on/,
  );
  const bios = facts({ firmware: { ...FACTS.firmware, efi: false, secureBoot: null } });
  assert.equal(verdict("secure-boot", { facts: bios }), "");
});

test("secure-boot, lockdown and kexec-disabled: by their facts, silent where nothing is known", () => {
  const firmware = FACTS.firmware;
  assert.match(
    verdict("secure-boot", { facts: facts({ firmware: { ...firmware, secureBoot: true } }) }),
    /SecureBoot=1/,
  );
  assert.match(
    verdict("lockdown", { facts: facts({ lockdown: "integrity" }) }),
    /locked down \(integrity, expected none\)/,
  );
  assert.equal(verdict("lockdown", { facts: facts({ lockdown: null }) }), "");
  assert.match(
    verdict("kexec-disabled", { facts: facts({ kexec: { loaded: false, loadDisabled: true } }) }),
    /kexec_load_disabled=1/,
  );
});

test("kexec-tools-missing: absent, or not to be executed", () => {
  const config = { ...DEFAULT_CONFIG, kexec: { ...DEFAULT_CONFIG.kexec, program: "/opt/kexec" } };
  assert.match(verdict("kexec-tools-missing", { config }), /\/opt\/kexec: no such file/);
  const host = hostWith({ statuses: { "/usr/sbin/kexec": { mode: 0o644 } } });
  assert.match(verdict("kexec-tools-missing", { host }), /not an executable file \(its mode is 0644\)/);
});

test("kexec-tools-2.0.31: asked only for kexec_load on x86 with UEFI", () => {
  const version = (text: string): ReturnType<typeof hostWith> =>
    hostWith({ commands: { "/usr/sbin/kexec --version": { stdout: text } } });
  const load = { syscall: "load" } as const;
  const broken = version("kexec-tools 2.0.31\n");
  assert.match(verdict("kexec-tools-2.0.31", { ...load, host: broken }), /^refuse: .*is version 2\.0\.31/);
  assert.equal(verdict("kexec-tools-2.0.31", { ...load, host: version("kexec-tools 2.0.32\n") }), "");
  assert.match(verdict("kexec-tools-2.0.31", load), /^warn: .* cannot be told/);
  const asked = version("kexec-tools 2.0.31\n");
  assert.equal(verdict("kexec-tools-2.0.31", { host: asked }), "");
  assert.equal(
    verdict("kexec-tools-2.0.31", { ...load, host: asked, facts: facts({ arch: "aarch64" }) }),
    "",
  );
  assert.deepEqual(asked.asked, []);
});

test("syscall-unavailable: no kexec at all, or no kexec_file_load on arm64", () => {
  assert.match(
    verdict("syscall-unavailable", { facts: facts({ kexec: { loaded: null, loadDisabled: null } }) }),
    /built without kexec/,
  );
  const arm = facts({ arch: "aarch64" });
  const config = (text: string): ReturnType<typeof hostWith> =>
    hostWith({ files: { "/proc/config.gz": gzipSync(text) } });
  assert.match(
    verdict("syscall-unavailable", {
      facts: arm,
      host: config("# CONFIG_KEXEC_FILE is not set\nCONFIG_KEXEC=y\n"),
    }),
    /^refuse: kexec_file_load is chosen/,
  );
  assert.equal(verdict("syscall-unavailable", { facts: arm, host: config("CONFIG_KEXEC_FILE=y\n") }), "");
  assert.match(verdict("syscall-unavailable", { facts: arm }), /^warn: .*config\.gz: no such file/);
  assert.match(
    verdict("syscall-unavailable", { facts: arm, host: hostWith({ files: { "/proc/config.gz": "junk" } }) }),
    /^warn: /,
  );
  assert.equal(verdict("syscall-unavailable", { facts: arm, syscall: "load" }), "");
});

test("foreign-kernel-loaded: a loaded kernel without a record of ours", () => {
  const loaded = facts({ kexec: { loaded: true, loadDisabled: false } });
  assert.match(verdict("foreign-kernel-loaded", { facts: loaded }), /^refuse: A kernel is loaded already/);
  const host = hostWith({ files: { "/run/flatcar-kexec/loaded.json": "{}" } });
  assert.equal(verdict("foreign-kernel-loaded", { facts: loaded, host }), "");
});

test("update-engine-busy: refuses what would boot what is being written, warns of the rest", () => {
  const running = {
    files: { "/run/dbus/system_bus_socket": "" },
    directories: ["/sys/fs/cgroup/system.slice/update-engine.service"],
  };
  const command = "busctl --system --auto-start=no --timeout=2 call com.coreos.update1 /com/coreos/update1 " +
    "com.coreos.update1.Manager GetStatus";
  const status = (operation: string): ReturnType<typeof hostWith> =>
    hostWith({
      ...running,
      commands: { [command]: { stdout: `xdssx 1 0.5 "${operation}" "4593.1.0" 1234\n` } },
    });
  const same = { slot: { ...SLOT_A, gptWrite: false } };
  assert.match(
    verdict("update-engine-busy", { host: status("UPDATE_STATUS_FINALIZING"), ...same }),
    /^refuse: /,
  );
  assert.match(
    verdict("update-engine-busy", { host: status("UPDATE_STATUS_DOWNLOADING"), ...same }),
    /^warn: /,
  );
  assert.match(verdict("update-engine-busy", { host: status("UPDATE_STATUS_DOWNLOADING") }), /^refuse: /);
  for (const operation of ["UPDATE_STATUS_IDLE", "UPDATE_STATUS_UPDATED_NEED_REBOOT"]) {
    assert.equal(verdict("update-engine-busy", { host: status(operation) }), "");
  }
  const broken = hostWith({
    ...running,
    commands: { [command]: { status: 1, stderr: "Call failed: timeout\n" } },
  });
  assert.match(
    verdict("update-engine-busy", { host: broken }),
    /^warn: .*does not say what it is doing: Call failed/,
  );
  const stopped = hostWith({ files: running.files });
  assert.equal(verdict("update-engine-busy", { host: stopped }), "");
  assert.ok(!stopped.asked.some((question) => question.startsWith("command")));
});

test("memory-low: at the byte where it no longer fits, with the numbers", () => {
  const { kernel } = goodInput();
  assert.ok(kernel?.ok);
  const needed = (kernel.kernel.size + kernel.kernel.memorySize + (64 << 20)) / 1024;
  const available = (kib: number): string =>
    verdict("memory-low", { facts: facts({ memory: { total: null, available: kib } }) });
  assert.equal(available(needed), "");
  assert.equal(
    available(needed - 1),
    "refuse: 187 MiB of memory are available, but loading the kernel takes 188 MiB: its file 34 MiB, " +
      "its place in memory 90 MiB, and 64 MiB for the running system",
  );
});

test("platforms: Xen, Azure, Hyper-V, Google, confidential machines", () => {
  assert.match(verdict("platform-xen", { facts: facts({ virtualization: "xen" }) }), /^refuse: /);
  assert.match(verdict("platform-xen", { facts: facts({ platform: "xen" }) }), /paravirtualized/);
  assert.match(
    verdict("platform-azure", { facts: facts({ oem: { id: "azure", release: {} } }) }),
    /^refuse: .*Azure/,
  );
  assert.match(
    verdict("platform-azure", {
      facts: facts({
        virtualization: "microsoft",
        dmi: { chassis_asset_tag: "7783-7084-3265-9085-8269-3286-77" },
      }),
    }),
    /^refuse: /,
  );
  assert.match(
    verdict("platform-azure", { facts: facts({ virtualization: "microsoft" }) }),
    /^warn: .*Hyper-V/,
  );
  assert.match(verdict("platform-gce", { facts: facts({ virtualization: "google" }) }), /^refuse: /);
  assert.match(verdict("confidential-vm", { facts: facts({ confidentialVm: "sev-snp" }) }), /AMD SEV-SNP/);
  for (const virtualization of ["kvm", "qemu", "vmware", "amazon", "none"] as const) {
    for (const id of ["platform-xen", "platform-azure", "platform-gce"] as const) {
      assert.equal(verdict(id, { facts: facts({ virtualization }) }), "");
    }
  }
});

test("tpm-unlock: by crypttab, by the command line, by Flatcar's own way with an encrypted root", () => {
  const crypttab = (text: string): string =>
    verdict("tpm-unlock", { host: hostWith({ files: { "/etc/crypttab": text } }) });
  assert.match(crypttab("data UUID=1 none luks,tpm2-device=auto\n"), /crypttab unlocks 'data' by the TPM/);
  assert.equal(crypttab("# data UUID=1 none tpm2-device=auto\nroot UUID=2 /key luks\n"), "");
  assert.match(
    verdict("tpm-unlock", { cmdline: "rd.luks.options=tpm2-device=auto root=/dev/x" }),
    /The command line unlocks/,
  );
  const files = {
    "/sys/class/tpm/tpm0/uevent": "",
    "/sys/class/block/dm-1/dm/uuid": "CRYPT-LUKS2-abc-rootencrypted\n",
    "/sys/class/block/dm-1/dm/name": "rootencrypted\n",
    "/sys/class/block/dm-0/dm/uuid": "CRYPT-VERITY-usr\n",
  };
  assert.match(verdict("tpm-unlock", { host: hostWith({ files }) }), /LUKS2 volume 'rootencrypted'/);
  assert.equal(
    verdict("tpm-unlock", { host: hostWith({ files }), cmdline: "rd.luks.name=1=rootencrypted" }),
    "",
  );
  const { ["/sys/class/tpm/tpm0/uevent"]: _, ...noTpm } = files;
  assert.equal(verdict("tpm-unlock", { host: hostWith({ files: noTpm }) }), "");
});

test("gpu-driver: a module that holds a device", () => {
  const modules = facts({ modules: ["nvidia", "ext4"] });
  assert.match(
    verdict("gpu-driver", { facts: modules }),
    /The driver nvidia holds an NVIDIA graphics processor,/,
  );
  const held = hostWith({ links: { "/sys/bus/pci/drivers/nvidia/0000:41:00.0": "x" } });
  assert.match(verdict("gpu-driver", { facts: modules, host: held }), /\(0000:41:00\.0\)/);
  const free = hostWith({ files: { "/sys/bus/pci/drivers/nvidia/bind": "" } });
  assert.equal(verdict("gpu-driver", { facts: modules, host: free }), "");
});

test("arm64-no-cpu-hotplug: several processors that cannot be switched off", () => {
  const arm = facts({ arch: "aarch64", cpus: { online: 4, possible: 4 } });
  const cpu = "/sys/devices/system/cpu/cpu1";
  const fixed = hostWith({ files: { [`${cpu}/uevent`]: "" } });
  assert.match(verdict("arm64-no-cpu-hotplug", { facts: arm, host: fixed }), /4 processors run/);
  const free = hostWith({ files: { [`${cpu}/online`]: "1" } });
  assert.equal(verdict("arm64-no-cpu-hotplug", { facts: arm, host: free }), "");
  assert.equal(verdict("arm64-no-cpu-hotplug", { facts: arm }), "");
  const two = facts({ arch: "aarch64", cpus: { online: 2, possible: 4 } });
  assert.match(verdict("arm64-no-cpu-hotplug", { facts: two, host: fixed }), /2 processors run/);
  for (const online of [1, null]) {
    const few = facts({ arch: "aarch64", cpus: { online, possible: 4 } });
    assert.equal(verdict("arm64-no-cpu-hotplug", { facts: few, host: fixed }), "");
  }
  assert.equal(verdict("arm64-no-cpu-hotplug", { host: fixed }), "");
});

test("watchdog-missing: says what a hang and a panic lead to", () => {
  const host = (files: Record<string, string>): ReturnType<typeof hostWith> =>
    hostWith({ files: { "/sys/class/watchdog/watchdog0/identity": "Software Watchdog\n", ...files } });
  assert.match(
    verdict("watchdog-missing", { host: host({}) }),
    /^warn: There is no hardware watchdog: .*\(60 seconds/,
  );
  assert.match(verdict("watchdog-missing", { host: host({}), cmdline: "panic=-1" }), /at once \(panic=-1\)/);
  assert.match(verdict("watchdog-missing", { host: host({}), cmdline: "panic=0" }), /for good/);
  assert.match(
    verdict("watchdog-missing"),
    /^info: The watchdog \(iTCO_wdt\) does not cover a hang .*stop_on_reboot is -1.*watchdog-seconds is 0/,
  );
  const covered = hostWith({ files: { "/sys/module/watchdog/parameters/stop_on_reboot": "0\n" } });
  const config = { ...DEFAULT_CONFIG, watchdogSeconds: 120 };
  assert.match(
    verdict("watchdog-missing", { host: covered, config }),
    /^info: The watchdog \(iTCO_wdt\) is left running for 120 seconds at the jump/,
  );
  assert.match(verdict("watchdog-missing", { config }), /does not cover a hang .*stop_on_reboot is -1/);
  const ipmi = facts({ modules: ["ipmi_watchdog"] });
  assert.match(
    verdict("watchdog-missing", { host: host({}), facts: ipmi, config }),
    /^info: The watchdog \(ipmi_watchdog\) is left running/,
  );
  const nameless = memoryHost({ files: { "/sys/class/watchdog/watchdog0/device/uevent": "" } });
  assert.match(
    verdict("watchdog-missing", { host: nameless }),
    /^info: The watchdog \(watchdog0\).*is not known/,
  );
  const soft = memoryHost({ files: { "/sys/class/watchdog/watchdog0/uevent": "" } });
  assert.match(verdict("watchdog-missing", { host: soft }), /^warn: /);
});

test("too-many-kexecs: at the limit, and never where there is none", () => {
  const history = { consecutive: 10, quarantined: [] };
  assert.match(verdict("too-many-kexecs", { history }), /10 times in a row, at most 10/);
  assert.equal(verdict("too-many-kexecs", { history: { ...history, consecutive: 9 } }), "");
  assert.equal(verdict("too-many-kexecs", { history, config: { ...DEFAULT_CONFIG, maxConsecutive: 0 } }), "");
});

test("quarantined: the version decides, then the /usr, then the partition", () => {
  const { kernel, slot } = goodInput();
  assert.ok(kernel?.ok && slot !== null);
  const entry = {
    kernelVersion: kernel.kernel.version,
    usrhash: null,
    partuuid: "x",
    reason: "it hung",
    at: "2026-01-01T00:00:00Z",
  };
  const find = (changes: Partial<typeof entry>): number =>
    findingsOf("quarantined", { history: { consecutive: 0, quarantined: [{ ...entry, ...changes }] } })
      .length;
  assert.equal(find({}), 1);
  assert.equal(find({ kernelVersion: "6.6.0" }), 0);
  assert.equal(find({ kernelVersion: null, partuuid: slot.partuuid }), 1);
  assert.equal(find({ kernelVersion: null }), 0);
  assert.match(
    verdict("quarantined", { history: { consecutive: 0, quarantined: [entry] } }),
    /6\.12\.103-flatcar is in quarantine since 2026-01-01T00:00:00Z: it hung/,
  );
});
