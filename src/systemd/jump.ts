import { CHILD_ENVIRONMENT } from "../lib/child_environment.ts";
import { type RunProgram, runProgram } from "./control.ts";
import { FORCED_KEXEC } from "./units.ts";

/**
 * Whether the shutdown under way ends in a kexec: it does if kexec.target is being started, or if
 * systemd-reboot.service has been told to end that way, in the one form of our drop-in or the other. Null where
 * systemd cannot be asked.
 */
export function jumpIsKexec(run: RunProgram = runProgram): boolean | null {
  const show = (properties: string, unit: string): string | null => {
    const result = run(["systemctl", "show", "--property", properties, unit], CHILD_ENVIRONMENT);
    return result.status === 0 ? result.stdout.trim() : null;
  };
  const job = show("Job", "kexec.target")?.replace(/^Job=/, "");
  if (job === undefined) return null;
  // No job is shown as an empty value, or as 0 by older releases.
  if (job !== "" && job !== "0") return true;
  const ending = show("SuccessAction,ExecStart", "systemd-reboot.service") ?? "";
  return /^SuccessAction=kexec-force$/m.test(ending) || ending.includes(FORCED_KEXEC);
}
