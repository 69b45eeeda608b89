/**
 * What the recorded hosts are put together from.
 *
 * @module
 */

/** Root hashes of the sample host's two /usr. */
export const A = "96724985545d13dcb0b5d8c03a051d8a5ce732a033590f9e4ed23661d7759b9f";
export const B = "f518a5f3239b70b9f8ee4cf8bd3fcdff11e095d5ab822045001dbec6818793cb";

export const dmi = (attributes: Readonly<Record<string, string>>): Record<string, string> =>
  Object.fromEntries(
    Object.entries(attributes).map(([name, value]) => [`sys/class/dmi/id/${name}`, `${value}\n`]),
  );

export const modules = (...names: readonly string[]): Record<string, string> => ({
  "proc/modules": names.map((name) => `${name} 65536 1 - Live 0x0000000000000000\n`).join(""),
});

/** The first lines of /proc/cpuinfo, as far as anything reads them. */
const cpu = (line: string): Record<string, string> => ({ "proc/cpuinfo": `processor\t: 0\n${line}\n` });
export const BARE_METAL_CPU = cpu(
  "flags\t\t: fpu vme de pse tsc msr pae mce cx8 apic sep mtrr pge vmx smx est",
);
export const GUEST_CPU = cpu("flags\t\t: fpu vme de pse tsc msr pae mce cx8 apic sep mtrr pge hypervisor");
export const ARM_CPU = cpu("Features\t: fp asimd evtstrm aes pmull sha1 sha2 crc32 atomics");

/** A watchdog of the chipset, with the kernel's default for the moment of a reboot. */
export const CHIPSET_WATCHDOG = {
  "sys/class/watchdog/watchdog0/identity": "iTCO_wdt\n",
  "sys/module/watchdog/parameters/stop_on_reboot": "1\n",
};

/** An arm64 machine with ACPI: the tree that the EFI stub left, its seed wiped, processors that can be switched off. */
export const ARM_SERVER = {
  ...ARM_CPU,
  "sys/firmware/fdt": "",
  "proc/device-tree/chosen/kaslr-seed": new Uint8Array(8),
  "sys/devices/system/cpu/cpu1/online": "1\n",
};

/** Of EC2's image. */
export const EC2_OEM_CONFIG = `# Settings for instances on EC2
set oem_id="ec2"
set linux_append="modprobe.blacklist=xen_fbfront net.ifnames=0 nvme_core.io_timeout=4294967295"

# The console log is the serial line alone.
if [ "$grub_platform" = pc ]; then
    set linux_console="console=ttyS0,115200n8"
    serial com0 --speed=115200 --word=8 --parity=no
    terminal_input serial_com0
    terminal_output serial_com0
fi
if [ "$grub_cpu" = arm64 ]; then
    set linux_console="console=tty1 console=ttyS0,115200n8 earlycon"
fi
`;
