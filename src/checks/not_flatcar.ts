import { exists } from "../host/text.ts";
import { defineCheck } from "./check.ts";

const CONTAINER = "/run/systemd/container";

export const notFlatcar = defineCheck({
  id: "not-flatcar",
  protects: true,
  defaultLevel: "refuse",
  title: "not a Flatcar system installed on a disk",
  reads: "the mount table, /sys/class/block, the slots of the boot disk",
  examine({ host, disk }) {
    const { found, gpt, slots } = disk;
    if (exists(host, CONTAINER)) {
      return {
        message: `This is a container (${CONTAINER} exists), which cannot reboot its host`,
        hint: "run it on the host itself",
        origin: CONTAINER,
      };
    }
    if (!found.ok) return { message: found.message, hint: found.hint };
    if (gpt === null || !gpt.ok || slots.length > 0) return null;
    return {
      message:
        `${found.disk.path} has a partition table, but 0 partitions of Flatcar's /usr type, expected 2`,
      hint: "this is not a Flatcar disk; name the right one with --disk",
      origin: found.disk.path,
    };
  },
});
