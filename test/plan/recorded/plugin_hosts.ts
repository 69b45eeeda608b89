/**
 * Recorded hosts for what the built-in plugins know: each on its platform or with its hardware, some with a
 * configuration that tells a plugin to act.
 *
 * @module
 */
import { gzipSync } from "node:zlib";
import type { SampleHostOptions } from "../../support/sample_host.ts";
import {
  A,
  ARM_CPU,
  ARM_SERVER,
  B,
  BARE_METAL_CPU,
  CHIPSET_WATCHDOG,
  dmi,
  EC2_OEM_CONFIG,
  GUEST_CPU,
  modules,
} from "./host_parts.ts";

export const PLUGIN_HOST_NAMES = [
  "equinix-x86",
  "gce",
  "hetzner",
  "hetzner-arm64",
  "kubevirt-arm64",
  "oracle-iscsi",
  "vmware",
  "vmware-arm64",
  "xen-hvm",
  "raspberry-pi",
  "gpu",
  "mellanox",
] as const;

export type PluginHostName = typeof PLUGIN_HOST_NAMES[number];

export const PLUGIN_HOSTS: Readonly<Record<PluginHostName, SampleHostOptions>> = {
  /**
   * A machine of Equinix Metal that starts by UEFI, with the file from before 2022: GRUB calls its processor
   * x86_64, and so the console stays where nobody sees it. The file of whoever looks after the fleet mends it.
   */
  "equinix-x86": {
    diskName: "sda",
    oemConfig: `# Settings for machines of the packet
set oem_id="packet"
set linux_append="flatcar.autologin"

if [ "$grub_cpu" = i386 ]; then
    set gfxpayload="1024x768x8,1024x768"
    set linux_console="console=tty0 console=ttyS1,115200n8"
fi
`,
    cmdline: "rootflags=rw mount.usrflags=ro " +
      "BOOT_IMAGE=/flatcar/vmlinuz-a mount.usr=/dev/mapper/usr " +
      "verity.usr=PARTUUID=7130c94a-213a-4e5a-8e26-6cce9662f132 " +
      "rootflags=rw mount.usrflags=ro consoleblank=0 root=LABEL=ROOT " +
      "console=ttyS0,115200n8 console=tty0 flatcar.oem.id=packet flatcar.autologin " +
      `verity.usrhash=${A}`,
    files: {
      ...BARE_METAL_CPU,
      ...CHIPSET_WATCHDOG,
      ...dmi({ sys_vendor: "Supermicro", product_name: "PIO-519C-MR-PH004", board_vendor: "Supermicro" }),
      ...modules("ahci", "i40e", "iTCO_wdt"),
      "oem/flatcar-kexec/config.toml": '[plugins.equinix-metal]\nconsole = "hardware"\n',
    },
  },
  /**
   * A machine on Google's Compute Engine, where kexec is allowed after all. A later line of its OEM file took the
   * console away from the serial port, which is the only one that can be looked at there.
   */
  gce: {
    diskName: "sda",
    oemConfig: `# Settings for machines on Compute Engine
set oem_id="gce"

# The serial port is all there is.
set linux_console="console=ttyS0,115200n8"
serial com0 --speed=115200 --word=8 --parity=no
terminal_input serial_com0
terminal_output serial_com0

# Ours, as on all our machines
set linux_console="console=tty0"
`,
    cmdline: "rootflags=rw mount.usrflags=ro " +
      "BOOT_IMAGE=/flatcar/vmlinuz-a mount.usr=/dev/mapper/usr " +
      "verity.usr=PARTUUID=7130c94a-213a-4e5a-8e26-6cce9662f132 " +
      "rootflags=rw mount.usrflags=ro consoleblank=0 root=LABEL=ROOT " +
      `console=tty0 flatcar.oem.id=gce verity.usrhash=${A}`,
    files: {
      ...GUEST_CPU,
      ...dmi({
        sys_vendor: "Google",
        product_name: "Google Compute Engine",
        board_vendor: "Google",
        bios_vendor: "Google",
      }),
      ...modules("gve", "virtio_scsi"),
      "etc/flatcar-kexec/config.toml": '[checks]\nplatform-gce = "warn"\n',
    },
  },
  /** A shared x86 machine of Hetzner's cloud, with a BIOS, as it was installed; an update waits. */
  hetzner: {
    platform: "pc",
    diskName: "sda",
    oemConfig: '# Settings for Hetzner\nset oem_id="hetzner"\n',
    cmdline: "rootflags=rw mount.usrflags=ro " +
      "BOOT_IMAGE=/flatcar/vmlinuz-a mount.usr=/dev/mapper/usr " +
      "verity.usr=PARTUUID=7130c94a-213a-4e5a-8e26-6cce9662f132 " +
      "rootflags=rw mount.usrflags=ro consoleblank=0 root=LABEL=ROOT " +
      `console=ttyS0,115200n8 console=tty0 flatcar.oem.id=hetzner verity.usrhash=${A}`,
    files: {
      ...GUEST_CPU,
      ...dmi({ sys_vendor: "Hetzner", product_name: "vServer", board_vendor: "", bios_vendor: "Hetzner" }),
      ...modules("virtio_net", "virtio_scsi"),
    },
  },
  /** An arm64 machine of the same cloud, told to use a system call that Flatcar's arm64 kernels do not have. */
  "hetzner-arm64": {
    arch: "aarch64",
    diskName: "sda",
    oemConfig: '# Settings for Hetzner\nset oem_id="hetzner"\n',
    cmdline: "BOOT_IMAGE=/flatcar/vmlinuz-a mount.usr=/dev/mapper/usr " +
      "verity.usr=PARTUUID=7130c94a-213a-4e5a-8e26-6cce9662f132 " +
      "rootflags=rw mount.usrflags=ro consoleblank=0 root=LABEL=ROOT " +
      `console=ttyAMA0,115200n8 console=tty0 acpi=force flatcar.oem.id=hetzner verity.usrhash=${A}`,
    files: {
      ...ARM_SERVER,
      ...dmi({ sys_vendor: "Hetzner", product_name: "vServer", bios_vendor: "Hetzner" }),
      ...modules("virtio_net", "virtio_scsi"),
      "proc/config.gz": gzipSync("CONFIG_KEXEC=y\n# CONFIG_KEXEC_FILE is not set\n"),
      "etc/flatcar-kexec/config.toml": '[kexec]\nsyscall = "file"\n',
    },
  },
  /** An arm64 virtual machine in Kubernetes with four processors; an update waits. */
  "kubevirt-arm64": {
    arch: "aarch64",
    oemConfig: '# Settings for KubeVirt\nset oem_id="kubevirt"\n',
    cmdline: "BOOT_IMAGE=/flatcar/vmlinuz-a mount.usr=/dev/mapper/usr " +
      "verity.usr=PARTUUID=7130c94a-213a-4e5a-8e26-6cce9662f132 " +
      "rootflags=rw mount.usrflags=ro consoleblank=0 root=LABEL=ROOT " +
      `console=ttyAMA0,115200n8 console=tty0 acpi=force flatcar.oem.id=kubevirt verity.usrhash=${A}`,
    files: {
      ...ARM_SERVER,
      ...dmi({ sys_vendor: "KubeVirt", product_name: "None", bios_vendor: "EDK II" }),
      ...modules("virtio_blk", "virtio_net"),
    },
  },
  /**
   * A bare-metal machine of Oracle's cloud: its boot volume comes by iSCSI, as the administrator's words in the OEM
   * file say; an update waits.
   */
  "oracle-iscsi": {
    diskName: "sda",
    oemConfig: `# Settings for Oracle Cloud
set oem_id="oraclecloud"

# Bare metal
set linux_append="$linux_append ip=dhcp rd.iscsi.initiator=iqn.2015-02.oracle.boot:node1 netroot=iscsi:169.254.0.2::::iqn.2015-02.oracle.boot:uefi"
`,
    cmdline: "rootflags=rw mount.usrflags=ro " +
      "BOOT_IMAGE=/flatcar/vmlinuz-a mount.usr=/dev/mapper/usr " +
      "verity.usr=PARTUUID=7130c94a-213a-4e5a-8e26-6cce9662f132 " +
      "rootflags=rw mount.usrflags=ro consoleblank=0 root=LABEL=ROOT " +
      "console=ttyS0,115200n8 console=tty0 flatcar.oem.id=oraclecloud " +
      "ip=dhcp rd.iscsi.initiator=iqn.2015-02.oracle.boot:node1 " +
      `netroot=iscsi:169.254.0.2::::iqn.2015-02.oracle.boot:uefi verity.usrhash=${A}`,
    files: {
      ...BARE_METAL_CPU,
      ...dmi({
        sys_vendor: "Oracle Corporation",
        product_name: "ORACLE SERVER E4-2c",
        board_vendor: "Oracle Corporation",
      }),
      ...modules("bnxt_en", "ipmi_watchdog", "iscsi_tcp"),
    },
  },
  /** A virtual machine on ESXi; an update waits. */
  vmware: {
    platform: "pc",
    diskName: "sda",
    oemConfig: '# Settings for VMware\nset oem_id="vmware"\nset linux_append="flatcar.autologin"\n',
    cmdline: "rootflags=rw mount.usrflags=ro " +
      "BOOT_IMAGE=/flatcar/vmlinuz-a mount.usr=/dev/mapper/usr " +
      "verity.usr=PARTUUID=7130c94a-213a-4e5a-8e26-6cce9662f132 " +
      "rootflags=rw mount.usrflags=ro consoleblank=0 root=LABEL=ROOT " +
      "console=ttyS0,115200n8 console=tty0 flatcar.oem.id=vmware flatcar.autologin " +
      `verity.usrhash=${A}`,
    files: {
      ...GUEST_CPU,
      ...dmi({
        sys_vendor: "VMware, Inc.",
        product_name: "VMware Virtual Platform",
        board_vendor: "Intel Corporation",
        bios_vendor: "Phoenix Technologies LTD",
      }),
      ...modules("vmw_pvscsi", "vmw_vmci", "vmxnet3"),
    },
  },
  /** A virtual machine in Fusion on a Mac; an update waits. */
  "vmware-arm64": {
    arch: "aarch64",
    diskName: "nvme0n1",
    oemConfig: '# Settings for VMware\nset oem_id="vmware"\nset linux_append="flatcar.autologin"\n',
    cmdline: "BOOT_IMAGE=/flatcar/vmlinuz-a mount.usr=/dev/mapper/usr " +
      "verity.usr=PARTUUID=7130c94a-213a-4e5a-8e26-6cce9662f132 " +
      "rootflags=rw mount.usrflags=ro consoleblank=0 root=LABEL=ROOT " +
      "console=ttyAMA0,115200n8 console=tty0 acpi=force flatcar.oem.id=vmware flatcar.autologin " +
      `verity.usrhash=${A}`,
    files: {
      ...ARM_SERVER,
      ...dmi({ sys_vendor: "VMware, Inc.", product_name: "VMware20,1", board_vendor: "VMware, Inc." }),
      ...modules("nvme", "vmxnet3"),
    },
  },
  /** An instance on EC2 of a type that runs on Xen, as an HVM guest; an update waits. */
  "xen-hvm": {
    platform: "pc",
    diskName: "xvda",
    oemConfig: EC2_OEM_CONFIG,
    cmdline: "rootflags=rw mount.usrflags=ro " +
      "BOOT_IMAGE=/flatcar/vmlinuz-a mount.usr=/dev/mapper/usr " +
      "verity.usr=PARTUUID=7130c94a-213a-4e5a-8e26-6cce9662f132 " +
      "rootflags=rw mount.usrflags=ro consoleblank=0 root=LABEL=ROOT " +
      "console=ttyS0,115200n8 flatcar.oem.id=ec2 modprobe.blacklist=xen_fbfront net.ifnames=0 " +
      `nvme_core.io_timeout=4294967295 verity.usrhash=${A}`,
    files: {
      ...GUEST_CPU,
      ...dmi({ sys_vendor: "Xen", product_name: "HVM domU", bios_vendor: "Xen" }),
      ...modules("ixgbevf", "xen_blkfront", "xen_netfront"),
      "sys/hypervisor/type": "xen\n",
      "sys/hypervisor/guest_type": "HVM\n",
      "sys/hypervisor/version/major": "4\n",
      "sys/hypervisor/version/minor": "11\n",
      "oem/oem-release": 'ID=ami\nNAME="Amazon EC2"\nHOME_URL="https://aws.amazon.com/ec2/"\n',
    },
  },
  /**
   * A Raspberry Pi 4 with UEFI firmware in device tree mode, and the acpi=off that Flatcar needs there
   * (flatcar/Flatcar#634); an update waits.
   */
  "raspberry-pi": {
    arch: "aarch64",
    diskName: "mmcblk0",
    oemConfig: '# Described by its device tree\nset linux_append="$linux_append acpi=off"\n',
    cmdline: "BOOT_IMAGE=/flatcar/vmlinuz-a mount.usr=/dev/mapper/usr " +
      "verity.usr=PARTUUID=7130c94a-213a-4e5a-8e26-6cce9662f132 " +
      "rootflags=rw mount.usrflags=ro consoleblank=0 root=LABEL=ROOT " +
      `console=ttyAMA0,115200n8 console=tty0 acpi=force acpi=off verity.usrhash=${A}`,
    files: {
      ...ARM_CPU,
      ...dmi({ sys_vendor: "Raspberry Pi Foundation", product_name: "Raspberry Pi 4 Model B" }),
      ...modules("bcm2835_wdt", "genet", "sdhci_iproc", "vc4"),
      "sys/firmware/acpi": null,
      "sys/firmware/fdt": "",
      "proc/device-tree/model": "Raspberry Pi 4 Model B Rev 1.4\0",
      "proc/device-tree/chosen/kaslr-seed": new Uint8Array(8),
      "sys/devices/system/cpu/cpu1/online": "1\n",
      "sys/class/watchdog/watchdog0/identity": "Broadcom BCM2835 Watchdog timer\n",
      "sys/module/watchdog/parameters/stop_on_reboot": "1\n",
    },
  },
  /** A server with an NVIDIA graphics processor, whose drivers are to be taken out before the jump. */
  gpu: {
    diskName: "nvme0n1",
    oemConfig: null,
    cmdline: "rootflags=rw mount.usrflags=ro " +
      "BOOT_IMAGE=/flatcar/vmlinuz-a mount.usr=/dev/mapper/usr " +
      "verity.usr=PARTUUID=7130c94a-213a-4e5a-8e26-6cce9662f132 " +
      "rootflags=rw mount.usrflags=ro consoleblank=0 root=LABEL=ROOT " +
      `console=ttyS0,115200n8 console=tty0 verity.usrhash=${A}`,
    files: {
      ...BARE_METAL_CPU,
      ...dmi({ sys_vendor: "Supermicro", product_name: "SYS-420GP-TNR", board_vendor: "Supermicro" }),
      ...modules("ice", "ipmi_watchdog", "nvidia", "nvidia_drm", "nvidia_modeset", "nvidia_uvm", "nvme"),
      "sys/bus/pci/drivers/nvidia/0000:65:00.0": "",
      "etc/flatcar-kexec/config.toml": '[checks]\ngpu-driver = "warn"\n\n[plugins.gpu]\nunload = true\n',
    },
  },
  /** A server with a ConnectX card that runs from B, whose drivers are to be taken out before the jump. */
  mellanox: {
    diskName: "nvme0n1",
    running: "b",
    b: [2, 0, 1],
    oemConfig: null,
    cmdline: "rootflags=rw mount.usrflags=ro " +
      "BOOT_IMAGE=/flatcar/vmlinuz-b mount.usr=/dev/mapper/usr " +
      "verity.usr=PARTUUID=e03dd35c-7c2d-4a47-b3fe-27f15780a57c " +
      "rootflags=rw mount.usrflags=ro consoleblank=0 root=LABEL=ROOT " +
      `console=ttyS0,115200n8 console=tty0 verity.usrhash=${B}`,
    files: {
      ...BARE_METAL_CPU,
      ...dmi({ sys_vendor: "HPE", product_name: "ProLiant DL360 Gen10", bios_vendor: "HPE" }),
      ...modules("mlx5_core", "mlx5_ib", "mlx5_vdpa", "nvme", "ipmi_watchdog"),
      "etc/flatcar-kexec/config.toml.d/50-network-card.toml": "[plugins.mellanox]\nunload = true\n",
    },
  },
};
