import { CHILD_ENVIRONMENT } from "../lib/child_environment.ts";
import { type RunProgram, runProgram } from "./control.ts";

/**
 * Whether the shutdown under way ends in a kexec: it does if kexec.target is being started, or if
 * systemd-reboot.service has been told to end that way. Null where systemd cannot be asked.
 */
export function jumpIsKexec(run: RunProgram = runProgram): boolean | null {
  const property = (name: string, unit: string): string | null => {
    const result = run(["systemctl", "show", "--property", name, "--value", unit], CHILD_ENVIRONMENT);
    return result.status === 0 ? result.stdout.trim() : null;
  };
  const job = property("Job", "kexec.target");
  if (job === null) return null;
  // No job is shown as an empty value, or as 0 by older releases.
  if (job !== "" && job !== "0") return true;
  return property("SuccessAction", "systemd-reboot.service") === "kexec-force";
}
