import { defineCheck } from "./check.ts";

export const tooManyKexecs = defineCheck({
  id: "too-many-kexecs",
  defaultLevel: "refuse",
  title: "the firmware is due",
  reads: "the count of kexecs since the last boot through the firmware",
  examine({ config, history }) {
    const { maxConsecutive } = config;
    if (maxConsecutive <= 0 || history.consecutive < maxConsecutive) return null;
    return {
      message:
        `This machine was rebooted by kexec ${history.consecutive} times in a row, at most ${maxConsecutive} are wanted: ` +
        "one boot through the firmware is due",
      hint:
        "nothing to do: the next reboot is an ordinary one, and the count starts over; max-consecutive sets the limit",
    };
  },
});
