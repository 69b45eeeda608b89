/**
 * The hosts that are recorded: machines such as Flatcar runs on, each with what makes it particular. Running
 * command lines are written out here, never made by the program's own code.
 *
 * @module
 */
import type { SampleHostOptions } from "../../support/sample_host.ts";
import { COREOS_GRUB_CFG } from "./coreos_grub_cfg.ts";
import {
  A,
  ARM_SERVER,
  B,
  BARE_METAL_CPU,
  CHIPSET_WATCHDOG,
  dmi,
  EC2_OEM_CONFIG,
  GUEST_CPU,
  modules,
} from "./host_parts.ts";
import { PLUGIN_HOST_NAMES, PLUGIN_HOSTS } from "./plugin_hosts.ts";

export const HOST_NAMES = [
  "pc",
  "efi",
  "arm64",
  "first-boot",
  "equinix-arm64",
  "ec2",
  "azure-arm64",
  "customised",
  "coreos-era",
  "raid-luks",
  ...PLUGIN_HOST_NAMES,
] as const;

export type HostName = typeof HOST_NAMES[number];

/** What the customised host keeps from others: user and password of a URL, and a token. */
export const SECRETS = { userinfo: "fleet:correct-horse-battery", token: "Zx41-staple-9931" } as const;

export const HOSTS: Readonly<Record<HostName, SampleHostOptions>> = {
  ...PLUGIN_HOSTS,
  /** A rack server with a BIOS, installed from the generic image: no OEM file. An update waits. */
  pc: {
    platform: "pc",
    diskName: "sda",
    oemConfig: null,
    cmdline: "rootflags=rw mount.usrflags=ro " +
      "BOOT_IMAGE=/flatcar/vmlinuz-a mount.usr=/dev/mapper/usr " +
      "verity.usr=PARTUUID=7130c94a-213a-4e5a-8e26-6cce9662f132 " +
      "rootflags=rw mount.usrflags=ro consoleblank=0 root=LABEL=ROOT " +
      `console=ttyS0,115200n8 console=tty0 verity.usrhash=${A}`,
    files: {
      ...BARE_METAL_CPU,
      ...CHIPSET_WATCHDOG,
      ...dmi({ sys_vendor: "Supermicro", product_name: "X10SLM-F", board_vendor: "Supermicro" }),
      ...modules("ahci", "igb", "iTCO_wdt"),
    },
  },
  /** A server with UEFI and a ConnectX card that runs from B, where its last update went. */
  efi: {
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
      ...modules("mlx5_core", "mlx5_ib", "nvme", "ipmi_watchdog"),
    },
  },
  /** An arm64 server that was never updated: there is no kernel for B. */
  arm64: {
    arch: "aarch64",
    diskName: "nvme0n1",
    b: [0, 0, 0],
    oemConfig: null,
    cmdline: "BOOT_IMAGE=/flatcar/vmlinuz-a mount.usr=/dev/mapper/usr " +
      "verity.usr=PARTUUID=7130c94a-213a-4e5a-8e26-6cce9662f132 " +
      "rootflags=rw mount.usrflags=ro consoleblank=0 root=LABEL=ROOT " +
      `console=ttyAMA0,115200n8 console=tty0 acpi=force verity.usrhash=${A}`,
    files: {
      ...ARM_SERVER,
      ...dmi({ sys_vendor: "Ampere", product_name: "Mt. Snow", bios_vendor: "Ampere" }),
      ...modules("nvme", "sbsa_gwdt"),
      "boot/flatcar/vmlinuz-b": null,
      "sys/class/watchdog/watchdog0/identity": "SBSA Generic Watchdog\n",
      "sys/module/watchdog/parameters/stop_on_reboot": "1\n",
    },
  },
  /** A virtual machine that has been told to start over: the flag is there again, an update waits. */
  "first-boot": {
    firstBoot: true,
    oemConfig: '# Settings of a sample\nset oem_id="qemu"\nset linux_append="flatcar.autologin"\n',
    cmdline: "rootflags=rw mount.usrflags=ro " +
      "BOOT_IMAGE=/flatcar/vmlinuz-a mount.usr=/dev/mapper/usr " +
      "verity.usr=PARTUUID=7130c94a-213a-4e5a-8e26-6cce9662f132 " +
      "rootflags=rw mount.usrflags=ro consoleblank=0 root=LABEL=ROOT " +
      "console=ttyS0,115200n8 console=tty0 flatcar.oem.id=qemu flatcar.autologin " +
      `verity.usrhash=${A}`,
    files: { ...GUEST_CPU, ...modules("virtio_blk", "virtio_net") },
  },
  /**
   * An arm64 machine of Equinix Metal with the file that they had from 2022 on: GRUB has no `||`, and so it gets
   * the console of the x86 machines. Still in its first boot (flatcar/Flatcar#861 shows such a line); an update
   * waits.
   */
  "equinix-arm64": {
    arch: "aarch64",
    diskName: "nvme0n1",
    oemConfig: `# Settings for machines of the packet
set oem_id="packet"
set linux_append="flatcar.autologin"

if [ "$grub_cpu" = i386 ] || [ "$grub_cpu" = x86_64 ]; then
    set gfxpayload="1024x768x8,1024x768"
    set linux_console="console=tty0 console=ttyS1,115200n8"
fi
`,
    cmdline: "BOOT_IMAGE=/flatcar/vmlinuz-a mount.usr=/dev/mapper/usr " +
      "verity.usr=PARTUUID=7130c94a-213a-4e5a-8e26-6cce9662f132 " +
      "rootflags=rw mount.usrflags=ro consoleblank=0 root=LABEL=ROOT " +
      "console=tty0 console=ttyS1,115200n8 flatcar.first_boot=detected acpi=force " +
      `flatcar.oem.id=packet flatcar.autologin verity.usrhash=${A}`,
    files: {
      ...ARM_SERVER,
      ...dmi({ sys_vendor: "GIGABYTE", product_name: "R272-P30-JG", board_vendor: "GIGABYTE" }),
      ...modules("mlx5_core", "nvme"),
    },
  },
  /** An instance on EC2's Nitro that boots by its BIOS; an update waits. */
  ec2: {
    platform: "pc",
    diskName: "nvme0n1",
    oemConfig: EC2_OEM_CONFIG,
    cmdline: "rootflags=rw mount.usrflags=ro " +
      "BOOT_IMAGE=/flatcar/vmlinuz-a mount.usr=/dev/mapper/usr " +
      "verity.usr=PARTUUID=7130c94a-213a-4e5a-8e26-6cce9662f132 " +
      "rootflags=rw mount.usrflags=ro consoleblank=0 root=LABEL=ROOT " +
      "console=ttyS0,115200n8 flatcar.oem.id=ec2 modprobe.blacklist=xen_fbfront net.ifnames=0 " +
      `nvme_core.io_timeout=4294967295 verity.usrhash=${A}`,
    files: {
      ...GUEST_CPU,
      ...dmi({
        sys_vendor: "Amazon EC2",
        product_name: "m5.large",
        board_vendor: "Amazon EC2",
        bios_vendor: "Amazon EC2",
      }),
      ...modules("ena", "nvme"),
      "oem/oem-release": 'ID=ami\nNAME="Amazon EC2"\nHOME_URL="https://aws.amazon.com/ec2/"\n',
    },
  },
  /** An arm64 virtual machine on Azure; an update waits. */
  "azure-arm64": {
    arch: "aarch64",
    diskName: "sda",
    oemConfig: `# Settings for virtual machines on Azure
set oem_id="azure"
set linux_append="flatcar.autologin"
serial --unit=0 --speed=115200 --word=8 --parity=no
terminal_input serial
terminal_output serial

if [ "$grub_cpu" = arm64 ]; then
    set linux_console="console=tty1 console=ttyAMA0,115200n8 earlycon=pl011,0xeffec000"
else
    set linux_console="console=tty1 console=ttyS0,115200n8 earlyprintk=ttyS0,115200"
fi
`,
    cmdline: "BOOT_IMAGE=/flatcar/vmlinuz-a mount.usr=/dev/mapper/usr " +
      "verity.usr=PARTUUID=7130c94a-213a-4e5a-8e26-6cce9662f132 " +
      "rootflags=rw mount.usrflags=ro consoleblank=0 root=LABEL=ROOT " +
      "console=tty1 console=ttyAMA0,115200n8 earlycon=pl011,0xeffec000 acpi=force " +
      `flatcar.oem.id=azure flatcar.autologin verity.usrhash=${A}`,
    files: {
      ...ARM_SERVER,
      ...dmi({
        sys_vendor: "Microsoft Corporation",
        product_name: "Virtual Machine",
        board_vendor: "Microsoft Corporation",
        chassis_asset_tag: "7783-7084-3265-9085-8269-3286-77",
      }),
      ...modules("hv_netvsc", "hv_storvsc", "hyperv_drm"),
      "oem/oem-release": 'ID=azure\nNAME="Microsoft Azure"\n',
    },
  },
  /**
   * What administrators add by the documentation, one line after another: with credentials, with quotes that GRUB
   * takes apart, and with two lines that GRUB ignores.
   */
  customised: {
    oemConfig: `# Settings for OpenStack
set oem_id="openstack"
set linux_append="flatcar.autologin"

# Ours
set linux_append="$linux_append systemd.unified_cgroup_hierarchy=0 systemd.legacy_systemd_cgroup_controller"
set linux_append="$linux_append mitigations=auto,nosmt tsx=auto"
set linux_append="$linux_append ignition.config.url=https://${SECRETS.userinfo}@config.example.com/node.ign"
set linux_append="$linux_append acme.enroll_token=${SECRETS.token}"
set linux_append="$linux_append dyndbg=\\"file drivers/net/* +p\\""
set linux_console="console=ttyS1,57600n8 console=tty0"
set extra_options="quiet"
set linux_root = "root=LABEL=OTHER"
`,
    cmdline: "rootflags=rw mount.usrflags=ro " +
      "BOOT_IMAGE=/flatcar/vmlinuz-a mount.usr=/dev/mapper/usr " +
      "verity.usr=PARTUUID=7130c94a-213a-4e5a-8e26-6cce9662f132 " +
      "rootflags=rw mount.usrflags=ro consoleblank=0 root=LABEL=ROOT " +
      "console=ttyS1,57600n8 console=tty0 flatcar.oem.id=openstack flatcar.autologin " +
      "systemd.unified_cgroup_hierarchy=0 systemd.legacy_systemd_cgroup_controller " +
      "mitigations=auto,nosmt tsx=auto " +
      `ignition.config.url=https://${SECRETS.userinfo}@config.example.com/node.ign ` +
      `acme.enroll_token=${SECRETS.token} dyndbg=\\"file drivers/net/* +p\\" verity.usrhash=${A}`,
    files: {
      ...GUEST_CPU,
      ...dmi({ sys_vendor: "OpenStack Foundation", product_name: "OpenStack Nova" }),
      ...modules("virtio_blk", "virtio_net"),
    },
  },
  /**
   * Installed as CoreOS, with UEFI, Secure Boot off; the provider is gone, its OEM file is not. In the first boot
   * after a reset; an update waits.
   */
  "coreos-era": {
    bootFolder: "coreos",
    diskName: "sda",
    grubConfig: COREOS_GRUB_CFG,
    oemConfig: `# Settings for OnMetal
set oem_id="rackspace-onmetal"
set timeout=15
set linux_console="console=ttyS4,115200n8 8250.nr_uarts=5"
set linux_append="modprobe.blacklist=mei_me net.ifnames=0"
`,
    cmdline: "rootflags=rw mount.usrflags=ro " +
      "BOOT_IMAGE=/coreos/vmlinuz-a mount.usr=/dev/mapper/usr " +
      "verity.usr=PARTUUID=7130c94a-213a-4e5a-8e26-6cce9662f132 " +
      "rootflags=rw mount.usrflags=ro consoleblank=0 root=LABEL=ROOT " +
      "console=ttyS4,115200n8 8250.nr_uarts=5 coreos.first_boot=detected " +
      "coreos.oem.id=rackspace-onmetal modprobe.blacklist=mei_me net.ifnames=0 " +
      `verity.usrhash=${A}`,
    files: {
      ...BARE_METAL_CPU,
      ...CHIPSET_WATCHDOG,
      ...dmi({ sys_vendor: "Quanta", product_name: "OCP Server" }),
      ...modules("ahci", "ixgbe", "iTCO_wdt"),
    },
  },
  /** / is encrypted, on two other disks together; the TPM has the key. An update waits. */
  "raid-luks": {
    diskName: "sda",
    oemConfig: `# Settings of ours: / is encrypted and mirrored
set linux_root="root=/dev/mapper/rootencrypted"
set linux_append="rd.md.uuid=3e1f3c54:9a0d1c5e:5b8de1f1:66a6d1a2 rd.luks.name=0d6bdeac-3c3b-4b1a-9a6e-5c1f0f1d2b34=rootencrypted rd.luks.options=tpm2-device=auto"
`,
    cmdline: "rootflags=rw mount.usrflags=ro " +
      "BOOT_IMAGE=/flatcar/vmlinuz-a mount.usr=/dev/mapper/usr " +
      "verity.usr=PARTUUID=7130c94a-213a-4e5a-8e26-6cce9662f132 " +
      "rootflags=rw mount.usrflags=ro consoleblank=0 root=/dev/mapper/rootencrypted " +
      "console=ttyS0,115200n8 console=tty0 rd.md.uuid=3e1f3c54:9a0d1c5e:5b8de1f1:66a6d1a2 " +
      "rd.luks.name=0d6bdeac-3c3b-4b1a-9a6e-5c1f0f1d2b34=rootencrypted " +
      `rd.luks.options=tpm2-device=auto verity.usrhash=${A}`,
    files: {
      ...BARE_METAL_CPU,
      ...CHIPSET_WATCHDOG,
      ...dmi({ sys_vendor: "Dell Inc.", product_name: "PowerEdge R640" }),
      ...modules("ahci", "dm_crypt", "iTCO_wdt", "md_mod", "raid1", "tpm_tis"),
      "etc/crypttab": "# Opened after the boot, with a key that lies on /.\n" +
        "data UUID=9f2d5a80-1c1e-4a2e-8a0b-0d1f4e3c2b1a /etc/luks/data luks\n",
      "proc/self/mountinfo": [
        "21 1 253:1 / / rw,relatime shared:1 - ext4 /dev/mapper/rootencrypted rw",
        "22 21 0:20 / /proc rw - proc proc rw",
        "23 21 0:21 / /sys rw - sysfs sysfs rw",
        "30 21 253:0 / /usr ro,relatime shared:2 - btrfs /dev/mapper/usr ro",
        "31 21 8:1 / /boot rw,relatime shared:3 - vfat /dev/sda1 rw,umask=0077",
        "32 21 8:6 / /oem rw,nodev,relatime shared:4 - btrfs /dev/sda6 rw",
        "",
      ].join("\n"),
      ...memberDisk("sdb", 16, "4d1f8a10-0001-4b7e-9c55-3f0f5d6c7a01"),
      ...memberDisk("sdc", 32, "4d1f8a10-0002-4b7e-9c55-3f0f5d6c7a02"),
      "sys/devices/virtual/block/md127/uevent": "MAJOR=9\nMINOR=127\nDEVNAME=md127\nDEVTYPE=disk\n",
      "sys/devices/virtual/block/md127/md/level": "raid1\n",
      "sys/devices/virtual/block/dm-1/uevent": "MAJOR=253\nMINOR=1\nDEVNAME=dm-1\nDEVTYPE=disk\n",
      "sys/devices/virtual/block/dm-1/dm/name": "rootencrypted\n",
      "sys/devices/virtual/block/dm-1/dm/uuid":
        "CRYPT-LUKS2-0d6bdeac3c3b4b1a9a6e5c1f0f1d2b34-rootencrypted\n",
      "sys/class/tpm/tpm0/tpm_version_major": "2\n",
    },
    links: {
      ...memberLinks("sdb", 16),
      ...memberLinks("sdc", 32),
      "sys/devices/virtual/block/md127/slaves/sdb1": `../../../../${memberBus("sdb")}/sdb1`,
      "sys/devices/virtual/block/md127/slaves/sdc1": `../../../../${memberBus("sdc")}/sdc1`,
      "sys/devices/virtual/block/dm-1/slaves/md127": "../../md127",
      "sys/class/block/md127": "../../devices/virtual/block/md127",
      "sys/class/block/dm-1": "../../devices/virtual/block/dm-1",
      "sys/dev/block/9:127": "../../devices/virtual/block/md127",
      "sys/dev/block/253:1": "../../devices/virtual/block/dm-1",
    },
  },
};

/** Where sysfs keeps a disk that holds nothing but a member of the mirror. */
function memberBus(name: string): string {
  const port = name.charCodeAt(2) - "a".charCodeAt(0);
  return `devices/pci0000:00/0000:00:17.0/ata${
    port + 1
  }/host${port}/target${port}:0:0/${port}:0:0:0/block/${name}`;
}

function memberDisk(name: string, minor: number, partuuid: string): Record<string, string> {
  const bus = `sys/${memberBus(name)}`;
  return {
    [`${bus}/uevent`]: `MAJOR=8\nMINOR=${minor}\nDEVNAME=${name}\nDEVTYPE=disk\n`,
    [`${bus}/${name}1/uevent`]: `MAJOR=8\nMINOR=${
      minor + 1
    }\nDEVNAME=${name}1\nDEVTYPE=partition\nPARTN=1\nPARTNAME=root-${name}\nPARTUUID=${partuuid}\n`,
    [`${bus}/${name}1/partition`]: "1\n",
  };
}

function memberLinks(name: string, minor: number): Record<string, string> {
  const bus = memberBus(name);
  return {
    [`sys/class/block/${name}`]: `../../${bus}`,
    [`sys/class/block/${name}1`]: `../../${bus}/${name}1`,
    [`sys/dev/block/8:${minor}`]: `../../${bus}`,
    [`sys/dev/block/8:${minor + 1}`]: `../../${bus}/${name}1`,
  };
}
