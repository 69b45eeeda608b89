/**
 * Chooses and runs a menu entry, as GRUB does when its timeout has passed.
 *
 * @module
 */
import { toUnicode } from "./bytes.ts";
import type { Interpreter, RegisteredEntry } from "./interpreter.ts";
import { GRUB_ORIGIN } from "./interpreter.ts";
import type { MenuEntry } from "./result.ts";
import { traced } from "./traced.ts";

export function entryOf(entry: RegisteredEntry, index: number): MenuEntry {
  return {
    id: toUnicode(entry.id),
    title: toUnicode(entry.title),
    index,
    submenu: entry.submenu,
    origin: entry.origin,
  };
}

/** An entry by its number, its id or its title; null if there is none. */
function find(entries: readonly RegisteredEntry[], name: string): number | null {
  const digits = /^[ \t]*([0-9]+)[ \t]*$/.exec(name)?.[1];
  if (digits !== undefined) return Number(digits) < entries.length ? Number(digits) : null;
  const index = entries.findIndex((entry) => entry.id === name || entry.title === name);
  return index < 0 ? null : index;
}

/** Runs the default entry of the menu that the script has made; then those of `fallback`, if it fails. */
export function runMenu(interpreter: Interpreter): void {
  if (interpreter.stop !== null) return;
  const { entries } = interpreter;
  const wanted = interpreter.get("default");
  interpreter.menu.defaultEntry = toUnicode(wanted);
  interpreter.menu.entries = entries.map(entryOf);
  const [head = "", ...tail] = wanted.split(">");
  const index = find(entries, wanted) ?? find(entries, head) ?? 0;
  const entry = entries[index];
  if (entry === undefined) {
    interpreter.diagnostics.add({ file: interpreter.file, line: 1 }, {
      id: "no-entry",
      level: "refuse",
      message: "the configuration has no menu entry; GRUB shows its prompt",
    }, "");
    return;
  }
  interpreter.menu.path = [...interpreter.menu.path, entryOf(entry, index)];
  interpreter.assign("chosen", traced(entry.id, GRUB_ORIGIN), GRUB_ORIGIN, "menu");
  if (entry.submenu) {
    interpreter.inNewContext(() => {
      interpreter.withParameters(entry.parameters, false, () => interpreter.runCommands(entry.body));
      interpreter.assign("default", traced(tail.join(">"), GRUB_ORIGIN), GRUB_ORIGIN, "menu");
      runMenu(interpreter);
    });
    return;
  }
  interpreter.withParameters(entry.parameters, false, () => interpreter.runCommands(entry.body));
  if (interpreter.stop === null && interpreter.recording.linux !== null) interpreter.stop = "boot";
  if (interpreter.stop === null) {
    interpreter.diagnostics.add(entry.origin, {
      id: "entry-without-linux",
      level: "refuse",
      message: `the entry \`${toUnicode(entry.title)}\` loads no kernel`,
    });
  }
}
