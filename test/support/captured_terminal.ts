import { run } from "../../src/cli/run.ts";
import type { Terminal } from "../../src/cli/terminal.ts";

export interface CapturedRun {
  readonly exit: number;
  readonly out: string;
  readonly err: string;
}

/** Run the program in this process, as a pipe of 80 columns without colour sees it. */
export async function runCaptured(
  args: readonly string[],
  look: Partial<Terminal> = {},
): Promise<CapturedRun> {
  let out = "";
  let err = "";
  const terminal: Terminal = {
    out: (text) => void (out += text),
    err: (text) => void (err += text),
    color: false,
    errColor: false,
    width: 80,
    ...look,
  };
  const exit = await run(args, terminal);
  return { exit, out, err };
}
