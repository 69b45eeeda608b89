/**
 * What `reboot` says: to people, to programs, or to nobody.
 *
 * @module
 */
import type { ColdOutcome } from "../kexec/cold.ts";
import type { Refusal } from "./reboot_refusal.ts";
import type { Terminal } from "./terminal.ts";

export interface RebootOutput {
  readonly json?: boolean | undefined;
  readonly quiet?: boolean | undefined;
  readonly "kexec-only"?: boolean | undefined;
}

/** How the machine reboots; `uncertain`: through the firmware if commit can unload the kernel. */
export type RebootWay = "kexec" | "firmware" | "uncertain";

/** @param sentence For people. */
export function tellWay(terminal: Terminal, args: RebootOutput, way: RebootWay, sentence: string): void {
  if (args.json === true) terminal.out(`${JSON.stringify({ version: 1, reboot: way })}\n`);
  else if (args.quiet !== true) terminal.out(`${sentence}\n`);
}

/** A kexec that was refused. With `--kexec-only` that is the end of it, and the one JSON document. */
export function tellRefusal(terminal: Terminal, args: RebootOutput, refusal: Refusal): void {
  if (args.quiet !== true) terminal.err(`flatcar-kexec: ${refusal.sentence}\n`, "warning");
  if (args["kexec-only"] === true && args.json === true) {
    terminal.out(`${JSON.stringify({ version: 1, reboot: null, reason: refusal.sentence })}\n`);
  }
}

/** An ordinary reboot, if it is certain to be one. */
export function tellCold(terminal: Terminal, args: RebootOutput, cold: ColdOutcome, sentence: string): void {
  if (args.quiet !== true) {
    for (const problem of cold.problems) terminal.err(`flatcar-kexec: ${problem}\n`, "warning");
  }
  if (cold.isCertain) return tellWay(terminal, args, "firmware", sentence);
  tellWay(
    terminal,
    args,
    "uncertain",
    "Rebooting; it goes by kexec after all if commit cannot unload the kernel either",
  );
}
