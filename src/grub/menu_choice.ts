/**
 * Chooses and runs a menu entry, as GRUB does when its timeout has passed.
 *
 * @module
 */
import { toUnicode } from "./bytes.ts";
import { GRUB_ORIGIN, type Interpreter, type RegisteredEntry } from "./interpreter.ts";
import { parseUnsigned } from "./numbers.ts";
import type { MenuEntry } from "./result.ts";
import { traced } from "./traced.ts";

function entryOf(entry: RegisteredEntry, index: number): MenuEntry {
  return {
    id: toUnicode(entry.id),
    title: toUnicode(entry.title),
    index,
    submenu: entry.submenu,
    origin: entry.origin,
  };
}

/** `a>b` is b in the submenu a; `>>` is one `>` of a name. */
function splitEntryPath(path: string): { readonly name: string; readonly rest: string } {
  let name = "";
  for (let at = 0; at < path.length; at++) {
    if (path[at] !== ">") name += path[at];
    else if (path[at + 1] === ">") name += path[at++];
    else return { name, rest: path.slice(at + 1) };
  }
  return { name, rest: "" };
}

/** An entry by its number, its id or its title; null if there is none. */
function find(entries: readonly RegisteredEntry[], name: string): number | null {
  const number = parseUnsigned(name);
  if (number.error === null && /^[ \t]*$/.test(name.slice(number.end))) {
    return number.value < BigInt(entries.length) ? Number(number.value) : null;
  }
  const index = entries.findIndex((entry) => entry.id === name || entry.title === name);
  return index < 0 ? null : index;
}

/** Runs the default entry of the menu that the script has made; then those of `fallback`, until one boots. */
export function runMenu(interpreter: Interpreter): void {
  const { entries, menu } = interpreter;
  const outer = menu.path;
  const wanted = interpreter.get("default");
  if (outer.length === 0) {
    menu.defaultEntry = toUnicode(wanted);
    menu.defaultOrigin = interpreter.originOf("default");
    menu.entries = entries.map(entryOf);
    const timeout = interpreter.get("timeout");
    if (timeout === "" || timeout.startsWith("-")) {
      interpreter.diagnostics.add(interpreter.originOf("timeout"), {
        id: "menu-waits",
        level: "warn",
        message: "there is no timeout: GRUB waits at its menu for somebody to choose",
      });
    }
  }
  if (interpreter.halted) return;
  const { name, rest } = splitEntryPath(wanted);
  const chosen = find(entries, name);
  if (entries.length === 0) {
    if (outer.length === 0) {
      interpreter.diagnostics.add({ file: interpreter.file, line: 1 }, {
        id: "no-entry",
        level: "refuse",
        message: "the configuration has no menu entry; GRUB shows its prompt",
      }, "");
    }
    return;
  }
  if (chosen === null && wanted !== "") {
    interpreter.diagnostics.add(interpreter.originOf("default"), {
      id: "default-unknown",
      level: "warn",
      message: `there is no menu entry \`${toUnicode(name)}\`; GRUB boots the first`,
    });
  }
  const fallback = interpreter.get("fallback");
  if (boots(interpreter, chosen ?? 0, rest, outer)) return;
  // Numbers only; GRUB does not look for ids and titles here.
  for (const number of /^(?:[ \t]*[0-9]+(?![^ \t]))*/.exec(fallback)?.[0].split(/[ \t]+/) ?? []) {
    if (number !== "" && boots(interpreter, Number(number), "", outer)) return;
  }
  menu.path = outer;
}

/** Runs one entry; false if GRUB would come back from it. */
function boots(
  interpreter: Interpreter,
  index: number,
  rest: string,
  outer: readonly MenuEntry[],
): boolean {
  const entry = interpreter.entries[index];
  if (entry === undefined) return false;
  const { menu } = interpreter;
  menu.path = [...outer, entryOf(entry, index)];
  const chosen = menu.path.map(({ id }) => id.replaceAll(">", ">>")).join(">");
  const assign = (name: string, value: string): void => {
    interpreter.assign(name, traced(value, GRUB_ORIGIN), GRUB_ORIGIN, "menu");
    interpreter.exportName(name);
  };
  assign("chosen", chosen);
  assign("default", rest);
  if (entry.submenu) {
    interpreter.inNewContext(() => {
      interpreter.runWith(entry.parameters, entry.body);
      runMenu(interpreter);
    });
  } else {
    interpreter.runWith(entry.parameters, entry.body);
    if (!interpreter.halted && interpreter.recording.linux !== null) interpreter.stop = "boot";
  }
  if (interpreter.halted) return true;
  interpreter.diagnostics.add(entry.origin, {
    id: "entry-without-linux",
    level: "refuse",
    message: `the entry \`${toUnicode(entry.title)}\` loads no kernel`,
  });
  return false;
}
