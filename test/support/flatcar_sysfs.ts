import type { MemoryHostOptions } from "./memory_host.ts";

/** Partition UUIDs that every Flatcar image has. */
export const USR_A = "7130c94a-213a-4e5a-8e26-6cce9662f132";
export const USR_B = "e03dd35c-7c2d-4a47-b3fe-27f15780a57c";

/** sysfs and mounts as Flatcar has them: verity over USR-A, btrfs on it, an extension's overlay above. */
export function flatcarSysfs(
  disk = "nvme0n1",
): Required<Pick<MemoryHostOptions, "files" | "links">> & MemoryHostOptions {
  const part = (number: number): string => `${disk}${/[0-9]$/.test(disk) ? "p" : ""}${number}`;
  const folder = `/sys/devices/pci0000:00/0000:00:03.0/block/${disk}`;
  const partition = (number: number, label: string, partuuid: string): Record<string, string> => ({
    [`${folder}/${part(number)}/uevent`]: `MAJOR=259\nMINOR=${number}\nDEVNAME=${
      part(number)
    }\nDEVTYPE=partition\nPARTN=${number}\nPARTNAME=${label}\nPARTUUID=${partuuid}\n`,
    [`${folder}/${part(number)}/partition`]: `${number}\n`,
  });
  const numbers = [1, 3, 4, 6, 9];
  return {
    files: {
      "/proc/cmdline":
        `rootflags=rw mount.usrflags=ro BOOT_IMAGE=/flatcar/vmlinuz-a mount.usr=/dev/mapper/usr ` +
        `verity.usr=PARTUUID=${USR_A} root=LABEL=ROOT\n`,
      "/proc/self/mountinfo": "22 1 259:9 / / rw,relatime - ext4 /dev/disk rw\n" +
        "23 22 0:25 / /usr ro,relatime shared:2 - btrfs /dev/mapper/usr ro\n" +
        "99 22 0:40 / /usr ro,relatime shared:3 - overlay sysext ro\n" +
        "24 22 259:1 / /boot rw - vfat /dev/x rw\n" +
        "25 22 0:26 / /oem rw - btrfs /dev/" + part(6) + " rw\n",
      [`${folder}/uevent`]: `MAJOR=259\nMINOR=0\nDEVNAME=${disk}\nDEVTYPE=disk\n`,
      ...partition(1, "EFI-SYSTEM", "11111111-1111-1111-1111-111111111111"),
      ...partition(3, "USR-A", USR_A),
      ...partition(4, "USR-B", USR_B),
      ...partition(6, "OEM", "66666666-6666-6666-6666-666666666666"),
      ...partition(9, "ROOT", "99999999-9999-9999-9999-999999999999"),
      "/sys/devices/virtual/block/dm-0/uevent": "DEVNAME=dm-0\nDEVTYPE=disk\n",
      "/boot/flatcar/vmlinuz-a": "kernel",
    },
    links: {
      "/dev/mapper/usr": "../dm-0",
      "/sys/class/block/dm-0": "../../devices/virtual/block/dm-0",
      [`/sys/devices/virtual/block/dm-0/slaves/${part(3)}`]:
        `../../../../pci0000:00/0000:00:03.0/block/${disk}/${part(3)}`,
      [`/sys/class/block/${disk}`]: `../..${folder.slice("/sys".length)}`,
      ...Object.fromEntries(
        numbers.flatMap((number) => [
          [`/sys/class/block/${part(number)}`, `../..${folder.slice("/sys".length)}/${part(number)}`],
          [`/sys/dev/block/259:${number}`, `../..${folder.slice("/sys".length)}/${part(number)}`],
        ]),
      ),
    },
  };
}
