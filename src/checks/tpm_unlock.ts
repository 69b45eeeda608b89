import { splitCmdline } from "../kernel/cmdline.ts";
import type { Host } from "../host/host.ts";
import { exists, readAttribute, readText } from "../host/text.ts";
import { defineCheck } from "./check.ts";

const CRYPTTAB = "/etc/crypttab";
const TPM = "/sys/class/tpm/tpm0";

/** Names of the open LUKS2 volumes, as device-mapper has them. */
function openLuks2(host: Host): readonly string[] {
  const names = host.list("/sys/class/block");
  if (!names.ok) return [];
  return names.value
    .filter((name) => /^dm-[0-9]+$/.test(name))
    .filter((name) =>
      readAttribute(host, `/sys/class/block/${name}/dm/uuid`)?.startsWith("CRYPT-LUKS2-") === true
    )
    .map((name) => readAttribute(host, `/sys/class/block/${name}/dm/name`) ?? name);
}

export const tpmUnlock = defineCheck({
  id: "tpm-unlock",
  defaultLevel: "refuse",
  title: "a disk is unlocked by the TPM",
  reads: `${CRYPTTAB}, the command line, open LUKS2 volumes, ${TPM}`,
  examine({ host, cmdline }) {
    const hint = "take ordinary reboots, or allow it if the key is bound to nothing that the kernel changes";
    const why =
      "the TPM's registers still describe the previous boot after a kexec, so the key may stay sealed, " +
      "or come free although the new kernel was not measured";
    const crypttab = readText(host, CRYPTTAB);
    const line = (crypttab.ok ? crypttab.value : "").split("\n").find((text) =>
      /^[^#]*\btpm2-device=/.test(text)
    );
    if (line !== undefined) {
      const [name = ""] = line.trim().split(/\s+/);
      return { message: `${CRYPTTAB} unlocks '${name}' by the TPM: ${why}`, hint, origin: CRYPTTAB };
    }
    const word = splitCmdline(cmdline ?? "").find((text) =>
      /^"?rd\.luks\.options=.*\btpm2-device=/.test(text)
    );
    if (word !== undefined) {
      return {
        message: `The command line unlocks a disk by the TPM ('${word}'): ${why}`,
        hint,
        origin: "command line",
      };
    }
    if (!exists(host, TPM)) return null;
    // Flatcar's initial RAM disk tries the TPM for a root volume that nothing else is named for.
    const root = openLuks2(host).find((name) => name === "rootencrypted");
    if (root === undefined || /(?:^| )"?rd\.luks\.(?:key|name)=/.test(cmdline ?? "")) return null;
    return {
      message:
        `The root file system is on the LUKS2 volume '${root}' and there is a TPM, which Flatcar unlocks it by: ${why}`,
      hint,
      origin: TPM,
    };
  },
});
