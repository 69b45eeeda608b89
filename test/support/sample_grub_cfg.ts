/**
 * A main GRUB configuration with the rules of Flatcar's, in this project's own words: the same variables for
 * the OEM's file to set, the same order, the same entries. Release images carry theirs in grub.cfg.tar.
 *
 * @module
 */
import { createTar } from "nanotar";

export const SAMPLE_GRUB_CFG = `# Boot configuration of a sample host.
set prefix=($root)/flatcar/grub
insmod all_video

set default="flatcar"
set fallback="0 0 0"
set timeout=1

# What an OEM or an administrator may change.
set linux_root="root=LABEL=ROOT"
set linux_console=""
set linux_append=""
set oem_id=""
set first_boot=""

# The OEM partition's own file, if there is one.
search --no-floppy --set oem --part-label OEM --hint "$root"
if [ -n "$oem" -a -f "($oem)/grub.cfg" ]; then
    source "($oem)/grub.cfg"
fi

# A flag file asks for the first boot's work.
for brand in flatcar coreos; do
    if [ -f "($root)/$brand/first_boot" ]; then
        set first_boot="flatcar.first_boot=detected"
    fi
done

set oem=""
if [ -n "$oem_id" ]; then
    set oem="flatcar.oem.id=$oem_id"
fi

# A console for each platform, unless the OEM named one.
if [ -z "$linux_console" ]; then
    if [ "$grub_platform" = xen ]; then
        set linux_console="console=hvc0"
    elif [ "$grub_platform" = efi -a "$grub_cpu" = arm64 ]; then
        set linux_console="console=ttyAMA0,115200n8 console=tty0"
    else
        set linux_console="console=ttyS0,115200n8 console=tty0"
    fi
    if [ "$grub_platform" = pc ]; then
        serial com0 --speed=115200 --word=8 --parity=no
        terminal_input console serial_com0
        terminal_output console serial_com0
    fi
fi

set extra_options=""
if [ "$grub_cpu" = arm64 ]; then
    set extra_options="acpi=force"
fi

set linux_cmdline="rootflags=rw mount.usrflags=ro consoleblank=0 $linux_root $linux_console $first_boot $extra_options $oem $linux_append"

# The slot that is next, by the attributes of its partition.
function next_slot {
    gptprio.next -d usr_device -u usr_uuid
    if [ $? -ne 0 -o -z "$usr_uuid" ]; then
        echo "No slot can be booted. Press enter."
        read anything
        exit
    fi
    if [ "$usr_uuid" = "7130c94a-213a-4e5a-8e26-6cce9662f132" ]; then
        set slot_kernel=/flatcar/vmlinuz-a
    else
        set slot_kernel=/flatcar/vmlinuz-b
    fi
}

menuentry "Flatcar default" --id=flatcar --unrestricted {
    next_slot
    linux $slot_kernel mount.usr=/dev/mapper/usr verity.usr=PARTUUID=$usr_uuid $linux_cmdline
}

menuentry "Flatcar USR-A" --id=flatcar-a {
    linux /flatcar/vmlinuz-a mount.usr=/dev/mapper/usr verity.usr=PARTLABEL=USR-A $linux_cmdline
}

menuentry "Flatcar USR-B" --id=flatcar-b {
    linux /flatcar/vmlinuz-b mount.usr=/dev/mapper/usr verity.usr=PARTLABEL=USR-B $linux_cmdline
}
`;

/** As it lies on the EFI system partition: `/flatcar/grub/grub.cfg.tar`. The same text gives the same bytes. */
export function grubArchive(text: string = SAMPLE_GRUB_CFG): Uint8Array {
  return createTar([{ name: "grub.cfg", data: text }], { attrs: { mtime: 0 } });
}
