/**
 * The corpus: scripts, and what real GRUB showed for them. One text file a theme:
 *
 *     === name of the case            (`(escaped)` at its end: \xHH stands for a byte)
 *     the script
 *     --- GRUB
 *     what it showed, `<error>` for each error
 *     (no newline)                    if the text does not end in one
 *     (left)                          if the script left GRUB, or the menu booted
 *
 * @module
 */
import { Buffer } from "node:buffer";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { RunMode, Shown } from "./grub_emu.ts";

export interface CorpusCase {
  readonly name: string;
  readonly escaped: boolean;
  readonly script: string;
  /** null: not asked yet. */
  readonly expected: Shown | null;
}

export interface CorpusFile {
  readonly theme: string;
  readonly path: string;
  readonly cases: readonly CorpusCase[];
}

const FOLDER = new URL("./corpus/", import.meta.url).pathname;

export function readCorpus(): readonly CorpusFile[] {
  return readdirSync(FOLDER).filter((name) => name.endsWith(".txt")).sort().map((name) => {
    const path = join(FOLDER, name);
    return { theme: name.slice(0, -".txt".length), path, cases: parseCorpus(readFileSync(path, "utf-8")) };
  });
}

/** Cases of the menu are run as a configuration of their own. */
export function modeOf(theme: string): RunMode {
  return theme.startsWith("menu") ? "menu" : "source";
}

export function parseCorpus(text: string): readonly CorpusCase[] {
  return text.split(/^=== /m).slice(1).map((part) => {
    const lines = part.split("\n");
    const title = lines[0] ?? "";
    const mark = lines.indexOf("--- GRUB");
    const script = lines.slice(1, mark < 0 ? -1 : mark).map((line) => `${line}\n`).join("");
    return {
      name: title.replace(/ \(escaped\)$/, ""),
      escaped: title.endsWith(" (escaped)"),
      script,
      expected: mark < 0 ? null : parseShown(lines.slice(mark + 1, -1)),
    };
  });
}

function parseShown(lines: readonly string[]): Shown {
  const rest = [...lines];
  const ended = rest.at(-1) !== "(left)";
  if (!ended) rest.pop();
  const newline = rest.at(-1) !== "(no newline)";
  if (!newline) rest.pop();
  return { text: rest.length === 0 ? "" : rest.join("\n") + (newline ? "\n" : ""), ended };
}

export function formatCorpus(cases: readonly CorpusCase[]): string {
  return cases.map(({ name, escaped, script, expected }) => {
    let part = `=== ${name}${escaped ? " (escaped)" : ""}\n${script}`;
    if (expected === null) return part;
    part += "--- GRUB\n";
    if (expected.text !== "") {
      part += expected.text.endsWith("\n") ? expected.text : `${expected.text}\n(no newline)\n`;
    }
    return expected.ended ? part : `${part}(left)\n`;
  }).join("");
}

/** The bytes that are run. */
export function scriptBytes(one: CorpusCase): Uint8Array {
  if (!one.escaped) return Buffer.from(one.script, "utf-8");
  const text = one.script.replaceAll(
    /\\x([0-9a-f]{2})/g,
    (_all, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)),
  );
  return Buffer.from(text, "latin1");
}
