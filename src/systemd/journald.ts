/**
 * The system's journal, through logger(1): its socket takes datagrams, which `node:net` cannot send.
 *
 * @module
 */
import { entryLines, type JournalSink } from "../journal/journal_entry.ts";
import { type RunProgram, runProgram } from "./control.ts";

/**
 * @param onFailure Told why an entry could not be sent; a journal that is away must not stop anything.
 */
export function journaldSink(
  onFailure: (sentence: string) => void = () => {},
  run: RunProgram = runProgram,
): JournalSink {
  return {
    send(entry) {
      const result = run(["logger", "--journald"], { PATH: "/usr/bin:/bin", LC_ALL: "C" }, entryLines(entry));
      if (result.status === 0) return;
      const said = result.stderr.trim().split("\n").at(-1) ?? "";
      const why = result.failure ?? (said === "" ? `exit status ${result.status ?? "unknown"}` : said);
      onFailure(`Cannot write to the journal: 'logger --journald' failed: ${why}`);
    },
  };
}
