/**
 * A main GRUB configuration as hosts have it that were installed as CoreOS Container Linux and have been updated
 * ever since: GRUB and its file stay those of the installation. In this project's own words, with what is
 * particular to that time: the old names, `linuxefi`, the Secure Boot probe, the search by disk GUID.
 *
 * @module
 */
export const COREOS_GRUB_CFG = `# Boot configuration of a host of the CoreOS years.
set prefix=($root)/coreos/grub
insmod all_video

set default="coreos"
set timeout=1

set linux_root="root=LABEL=ROOT"
set linux_console=""
set linux_append=""
set oem_id=""
set first_boot=""
set randomize_disk_guid=""

# Firmware that verifies what it boots must not be led astray by a file that nobody has signed.
set verified=0
if [ "$grub_platform" = efi ]; then
    set suf="efi"
    getenv -e SecureBoot -g 8be4df61-93ca-11d2-aa0d-00e098032b8c -b sb_state
    getenv -e SetupMode -g 8be4df61-93ca-11d2-aa0d-00e098032b8c -b sb_setup
    if [ "$sb_state" = "01" -a "$sb_setup" = "00" ]; then
        set verified=1
    fi
else
    set suf=""
fi

if [ "$verified" != 1 ]; then
    search --no-floppy --set oem --part-label OEM --hint "$root"
    if [ -n "$oem" -a -f "($oem)/grub.cfg" ]; then
        source "($oem)/grub.cfg"
    fi
fi

# A disk fresh from the image has the image's GUID, and gets its own during its first boot.
if search --no-floppy --set fresh --disk-uuid 00000000-0000-0000-0000-000000000001; then
    set randomize_disk_guid="coreos.randomize_disk_guid=00000000-0000-0000-0000-000000000001"
fi

if [ -f "($root)/coreos/first_boot" ]; then
    set first_boot="coreos.first_boot=detected"
fi

set oem=""
if [ -n "$oem_id" ]; then
    set oem="coreos.oem.id=$oem_id"
fi

if [ -z "$linux_console" ]; then
    set linux_console="console=ttyS0,115200n8 console=tty0"
    if [ "$grub_platform" = pc ]; then
        serial com0 --speed=115200 --word=8 --parity=no
        terminal_input console serial_com0
        terminal_output console serial_com0
    fi
fi

set words="rootflags=rw mount.usrflags=ro consoleblank=0 $linux_root $linux_console $first_boot $randomize_disk_guid $oem $linux_append"

function choose {
    gptprio.next -d ignored -u usr
    if [ $? -ne 0 -o -z "$usr" ]; then
        echo "No slot can be booted. Press enter."
        read anything
        exit
    fi
    if [ "$usr" = "7130c94a-213a-4e5a-8e26-6cce9662f132" ]; then
        set image="/coreos/vmlinuz-a"
    else
        set image="/coreos/vmlinuz-b"
    fi
}

menuentry "CoreOS default" --id=coreos --unrestricted {
    choose
    linux$suf $image mount.usr=/dev/mapper/usr verity.usr=PARTUUID=$usr $words
}

menuentry "CoreOS USR-A" --id=coreos-a {
    linux$suf /coreos/vmlinuz-a mount.usr=/dev/mapper/usr verity.usr=PARTLABEL=USR-A $words
}

menuentry "CoreOS USR-B" --id=coreos-b {
    linux$suf /coreos/vmlinuz-b mount.usr=/dev/mapper/usr verity.usr=PARTLABEL=USR-B $words
}
`;
