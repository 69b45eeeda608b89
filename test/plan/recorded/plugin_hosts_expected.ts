/**
 * What GRUB boots on the hosts of plugin_hosts.ts, and what the plugins make of it.
 *
 * @module
 */
import type { Expected } from "./expected.ts";
import { B } from "./host_parts.ts";
import type { PluginHostName } from "./plugin_hosts.ts";

/** On each of them B is booted, with the first of its tries unless it has proven itself. */
const UPDATE = { slot: "USR-B", takesTry: true, diagnostics: [] } as const;

export const PLUGIN_HOSTS_EXPECTED: Readonly<Record<PluginHostName, Expected>> = {
  "equinix-x86": {
    ...UPDATE,
    decision: "kexec",
    line: "BOOT_IMAGE=/flatcar/vmlinuz-b mount.usr=/dev/mapper/usr " +
      "verity.usr=PARTUUID=e03dd35c-7c2d-4a47-b3fe-27f15780a57c " +
      "rootflags=rw mount.usrflags=ro consoleblank=0 root=LABEL=ROOT " +
      "console=ttyS0,115200n8 console=tty0 flatcar.oem.id=packet flatcar.autologin " +
      `verity.usrhash=${B}`,
    passed: "BOOT_IMAGE=/flatcar/vmlinuz-b mount.usr=/dev/mapper/usr " +
      "verity.usr=PARTUUID=e03dd35c-7c2d-4a47-b3fe-27f15780a57c " +
      "rootflags=rw mount.usrflags=ro consoleblank=0 root=LABEL=ROOT " +
      "flatcar.oem.id=packet flatcar.autologin " +
      `verity.usrhash=${B} console=tty0 console=ttyS1,115200n8`,
    findings: ["watchdog-missing info"],
    plugins: ["equinix-metal"],
    edits: [
      "equinix-metal: remove console",
      "equinix-metal: append console=tty0",
      "equinix-metal: append console=ttyS1,115200n8",
    ],
    oem: "packet",
  },
  "gce": {
    ...UPDATE,
    decision: "kexec",
    line: "BOOT_IMAGE=/flatcar/vmlinuz-b mount.usr=/dev/mapper/usr " +
      "verity.usr=PARTUUID=e03dd35c-7c2d-4a47-b3fe-27f15780a57c " +
      "rootflags=rw mount.usrflags=ro consoleblank=0 root=LABEL=ROOT " +
      `console=tty0 flatcar.oem.id=gce verity.usrhash=${B}`,
    findings: ["platform-gce warn", "plugin-note warn", "watchdog-missing warn"],
    plugins: ["gce"],
    oem: "gce",
  },
  "hetzner": {
    ...UPDATE,
    decision: "kexec",
    line: "BOOT_IMAGE=/flatcar/vmlinuz-b mount.usr=/dev/mapper/usr " +
      "verity.usr=PARTUUID=e03dd35c-7c2d-4a47-b3fe-27f15780a57c " +
      "rootflags=rw mount.usrflags=ro consoleblank=0 root=LABEL=ROOT " +
      `console=ttyS0,115200n8 console=tty0 flatcar.oem.id=hetzner verity.usrhash=${B}`,
    findings: ["watchdog-missing warn"],
    plugins: ["hetzner"],
    oem: "hetzner",
  },
  "hetzner-arm64": {
    ...UPDATE,
    decision: "refuse",
    line: "BOOT_IMAGE=/flatcar/vmlinuz-b mount.usr=/dev/mapper/usr " +
      "verity.usr=PARTUUID=e03dd35c-7c2d-4a47-b3fe-27f15780a57c " +
      "rootflags=rw mount.usrflags=ro consoleblank=0 root=LABEL=ROOT " +
      `console=ttyAMA0,115200n8 console=tty0 acpi=force flatcar.oem.id=hetzner verity.usrhash=${B}`,
    findings: ["syscall-unavailable refuse", "plugin-note warn", "watchdog-missing warn"],
    plugins: ["hetzner", "arm64-dtb"],
    oem: "hetzner",
  },
  "kubevirt-arm64": {
    ...UPDATE,
    decision: "kexec",
    line: "BOOT_IMAGE=/flatcar/vmlinuz-b mount.usr=/dev/mapper/usr " +
      "verity.usr=PARTUUID=e03dd35c-7c2d-4a47-b3fe-27f15780a57c " +
      "rootflags=rw mount.usrflags=ro consoleblank=0 root=LABEL=ROOT " +
      `console=ttyAMA0,115200n8 console=tty0 acpi=force flatcar.oem.id=kubevirt verity.usrhash=${B}`,
    findings: ["plugin-note warn", "watchdog-missing warn"],
    plugins: ["kubevirt", "arm64-dtb"],
    oem: "kubevirt",
  },
  "oracle-iscsi": {
    ...UPDATE,
    decision: "kexec",
    line: "BOOT_IMAGE=/flatcar/vmlinuz-b mount.usr=/dev/mapper/usr " +
      "verity.usr=PARTUUID=e03dd35c-7c2d-4a47-b3fe-27f15780a57c " +
      "rootflags=rw mount.usrflags=ro consoleblank=0 root=LABEL=ROOT " +
      "console=ttyS0,115200n8 console=tty0 flatcar.oem.id=oraclecloud " +
      "ip=dhcp rd.iscsi.initiator=iqn.2015-02.oracle.boot:node1 " +
      `netroot=iscsi:169.254.0.2::::iqn.2015-02.oracle.boot:uefi verity.usrhash=${B}`,
    findings: ["plugin-note warn", "watchdog-missing info"],
    plugins: ["oracle"],
    oem: "oraclecloud",
  },
  "vmware": {
    ...UPDATE,
    decision: "kexec",
    line: "BOOT_IMAGE=/flatcar/vmlinuz-b mount.usr=/dev/mapper/usr " +
      "verity.usr=PARTUUID=e03dd35c-7c2d-4a47-b3fe-27f15780a57c " +
      "rootflags=rw mount.usrflags=ro consoleblank=0 root=LABEL=ROOT " +
      "console=ttyS0,115200n8 console=tty0 flatcar.oem.id=vmware flatcar.autologin " +
      `verity.usrhash=${B}`,
    findings: ["watchdog-missing warn"],
    plugins: ["vmware"],
    oem: "vmware",
  },
  "vmware-arm64": {
    ...UPDATE,
    decision: "refuse",
    line: "BOOT_IMAGE=/flatcar/vmlinuz-b mount.usr=/dev/mapper/usr " +
      "verity.usr=PARTUUID=e03dd35c-7c2d-4a47-b3fe-27f15780a57c " +
      "rootflags=rw mount.usrflags=ro consoleblank=0 root=LABEL=ROOT " +
      "console=ttyAMA0,115200n8 console=tty0 acpi=force flatcar.oem.id=vmware flatcar.autologin " +
      `verity.usrhash=${B}`,
    findings: ["plugin-veto refuse", "watchdog-missing warn"],
    plugins: ["vmware", "arm64-dtb"],
    oem: "vmware",
  },
  "xen-hvm": {
    ...UPDATE,
    decision: "refuse",
    line: "BOOT_IMAGE=/flatcar/vmlinuz-b mount.usr=/dev/mapper/usr " +
      "verity.usr=PARTUUID=e03dd35c-7c2d-4a47-b3fe-27f15780a57c " +
      "rootflags=rw mount.usrflags=ro consoleblank=0 root=LABEL=ROOT " +
      "console=ttyS0,115200n8 flatcar.oem.id=ec2 modprobe.blacklist=xen_fbfront net.ifnames=0 " +
      `nvme_core.io_timeout=4294967295 verity.usrhash=${B}`,
    findings: ["platform-xen refuse", "plugin-note info", "watchdog-missing warn"],
    plugins: ["ec2", "xen"],
    oem: "ec2",
  },
  "raspberry-pi": {
    ...UPDATE,
    decision: "kexec",
    line: "BOOT_IMAGE=/flatcar/vmlinuz-b mount.usr=/dev/mapper/usr " +
      "verity.usr=PARTUUID=e03dd35c-7c2d-4a47-b3fe-27f15780a57c " +
      "rootflags=rw mount.usrflags=ro consoleblank=0 root=LABEL=ROOT " +
      `console=ttyAMA0,115200n8 console=tty0 acpi=force acpi=off verity.usrhash=${B}`,
    findings: ["plugin-note info", "plugin-note warn", "watchdog-missing info"],
    plugins: ["arm64-dtb"],
    oem: null,
  },
  "gpu": {
    ...UPDATE,
    decision: "kexec",
    line: "BOOT_IMAGE=/flatcar/vmlinuz-b mount.usr=/dev/mapper/usr " +
      "verity.usr=PARTUUID=e03dd35c-7c2d-4a47-b3fe-27f15780a57c " +
      "rootflags=rw mount.usrflags=ro consoleblank=0 root=LABEL=ROOT " +
      `console=ttyS0,115200n8 console=tty0 verity.usrhash=${B}`,
    findings: ["gpu-driver warn", "plugin-note info", "watchdog-missing info"],
    plugins: ["gpu"],
    quiesce: [
      "gpu: stop nvidia-persistenced.service",
      "gpu: stop nvidia-fabricmanager.service",
      "gpu: unload module nvidia_uvm",
      "gpu: unload module nvidia_drm",
      "gpu: unload module nvidia_modeset",
      "gpu: unload module nvidia",
    ],
    oem: null,
  },
  "mellanox": {
    ...UPDATE,
    takesTry: false,
    decision: "kexec",
    line: "BOOT_IMAGE=/flatcar/vmlinuz-b mount.usr=/dev/mapper/usr " +
      "verity.usr=PARTUUID=e03dd35c-7c2d-4a47-b3fe-27f15780a57c " +
      "rootflags=rw mount.usrflags=ro consoleblank=0 root=LABEL=ROOT " +
      `console=ttyS0,115200n8 console=tty0 verity.usrhash=${B}`,
    findings: ["watchdog-missing info"],
    plugins: ["mellanox"],
    quiesce: [
      "mellanox: unload module mlx5_vdpa",
      "mellanox: unload module mlx5_ib",
      "mellanox: unload module mlx5_core",
    ],
    oem: null,
  },
};
