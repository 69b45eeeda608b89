/**
 * Edits of the command line: what a plugin asked for becomes new tokens, with a report for each edit.
 *
 * @module
 */
import { KexecError } from "../lib/errors.ts";
import type { Edit, EditTarget } from "./api.ts";
import type { Token } from "./draft.ts";
import type { PluginEditReport, PluginReport } from "./report.ts";

/**
 * Keys that decide which root and /usr are booted, or whether this is a first boot. GRUB's word stands, unless
 * plugin and administrator agree to change it.
 */
export const PROTECTED_KEYS: readonly string[] = [
  "BOOT_IMAGE",
  "coreos.first_boot",
  "flatcar.first_boot",
  "mount.usr",
  "mount.usrflags",
  "mount.usrfstype",
  "root",
  "rootflags",
  "rootfstype",
  "usr",
  "usrflags",
  "verity.*",
];

/** The program's own marker is nobody's to edit. */
const OWN_KEY = "flatcar.kexec";

/** Longest word, in bytes: half of what x86 kernels take in all. */
const TOKEN_LIMIT = 1024;

/**
 * What stands before the first `=`. The kernel drops a double quote in front of a parameter and takes `-` and
 * `_` for the same character (kernel/params.c), so both are evened out here.
 */
export function keyOf(text: string): string {
  const bare = text.startsWith('"') ? text.slice(1) : text;
  const end = bare.indexOf("=");
  return normalize(end === -1 ? bare : bare.slice(0, end));
}

function normalize(key: string): string {
  return key.replaceAll("-", "_");
}

/** The entry of {@link PROTECTED_KEYS} that covers a key, or null. */
export function protectionOf(key: string): string | null {
  return PROTECTED_KEYS.find((entry) => covers(entry, key)) ?? null;
}

function covers(pattern: string, key: string): boolean {
  if (pattern.endsWith(".*")) return normalize(key).startsWith(normalize(pattern.slice(0, -1)));
  return normalize(pattern) === normalize(key);
}

export interface EditRights {
  /** Name of the plugin. */
  readonly plugin: string;
  /** Protected keys that the plugin's manifest claims. */
  readonly claims: readonly string[];
  /** Whether the administrator lets this plugin edit protected keys. */
  readonly allowed: boolean;
}

/**
 * Apply edits in order.
 *
 * @param earlier Reports of the plugins that ran before, to name conflicts.
 * @throws {KexecError} `plugin-failed` on a malformed word or a protected key; nothing is applied then.
 */
export function applyEdits(
  tokens: readonly Token[],
  edits: readonly Edit[],
  rights: EditRights,
  earlier: readonly PluginReport[] = [],
): { readonly tokens: readonly Token[]; readonly reports: readonly PluginEditReport[] } {
  const origin = `plugin:${rights.plugin}`;
  const reports: PluginEditReport[] = [];
  let current = tokens;
  for (const edit of edits) {
    checkEdit(edit, rights);
    const step = applyEdit(current, edit, origin, earlier);
    current = step.tokens;
    reports.push(step.report);
  }
  return { tokens: current, reports };
}

function applyEdit(
  tokens: readonly Token[],
  edit: Edit,
  origin: string,
  earlier: readonly PluginReport[],
): { readonly tokens: readonly Token[]; readonly report: PluginEditReport } {
  switch (edit.kind) {
    case "append": {
      const key = keyOf(edit.text);
      if (tokens.findLast((token) => keyOf(token.text) === key)?.text === edit.text) {
        return unchanged(tokens, edit, `${edit.reason} (nothing to do: the word is already there)`);
      }
      // What follows `--` goes to init, so the kernel's own words end before it.
      const end = tokens.findIndex((token) => token.text === "--");
      const at = end === -1 ? tokens.length : end;
      return changed(tokens.toSpliced(at, 0, { text: edit.text, origin }), edit, putBack(key, earlier));
    }
    case "prepend": {
      if (tokens.some((token) => token.text === edit.text)) {
        return unchanged(tokens, edit, `${edit.reason} (nothing to do: the word is already there)`);
      }
      const first = tokens[0];
      const at = first !== undefined && keyOf(first.text) === "BOOT_IMAGE" ? 1 : 0;
      return changed(
        tokens.toSpliced(at, 0, { text: edit.text, origin }),
        edit,
        putBack(keyOf(edit.text), earlier),
      );
    }
    case "remove": {
      const matches = matcherOf(edit);
      const gone = tokens.filter(matches);
      if (gone.length === 0) return unchanged(tokens, edit, `${edit.reason} (nothing to do: no such word)`);
      return changed(tokens.filter((token) => !matches(token)), edit, undone(gone, origin));
    }
    case "replace": {
      const matches = matcherOf(edit);
      const gone = tokens.filter(matches);
      if (gone.length === 0) return unchanged(tokens, edit, `${edit.reason} (nothing to do: no such word)`);
      if (gone.length === 1 && gone[0]?.text === edit.text) {
        return unchanged(tokens, edit, `${edit.reason} (nothing to do: the word is already there)`);
      }
      const at = tokens.findIndex(matches);
      const replaced = tokens.flatMap((token, index) => {
        if (index === at) return [{ text: edit.text, origin }];
        return matches(token) ? [] : [token];
      });
      return changed(replaced, edit, undone(gone, origin));
    }
  }
}

function matcherOf(target: EditTarget): (token: Token) => boolean {
  if (target.key !== undefined) {
    const key = normalize(target.key);
    return (token) => keyOf(token.text) === key;
  }
  const text = target.token;
  return (token) => token.text === text;
}

function changed(tokens: readonly Token[], edit: Edit, conflict: string | null) {
  return { tokens, report: { ...describe(edit), reason: edit.reason, applied: true, conflict } };
}

function unchanged(tokens: readonly Token[], edit: Edit, reason: string) {
  return { tokens, report: { ...describe(edit), reason, applied: false, conflict: null } };
}

function describe(edit: Edit): Pick<PluginEditReport, "kind" | "target" | "text"> {
  switch (edit.kind) {
    case "append":
    case "prepend":
      return { kind: edit.kind, target: keyOf(edit.text), text: edit.text };
    case "remove":
      return { kind: edit.kind, target: edit.key ?? edit.token, text: null };
    case "replace":
      return { kind: edit.kind, target: edit.key ?? edit.token, text: edit.text };
  }
}

/** Another plugin's word goes. */
function undone(gone: readonly Token[], origin: string): string | null {
  const others = gone.map((token) => token.origin).filter((from) =>
    from.startsWith("plugin:") && from !== origin
  );
  return others.length === 0 ? null : `undoes an edit of ${[...new Set(others)].join(", ")}`;
}

/** A word comes back that another plugin took away. */
function putBack(key: string, earlier: readonly PluginReport[]): string | null {
  const others = earlier.filter((report) =>
    report.edits.some((edit) => edit.applied && edit.kind === "remove" && keyOf(edit.target) === key)
  );
  if (others.length === 0) return null;
  return `undoes an edit of ${others.map((report) => `plugin:${report.name}`).join(", ")}`;
}

function checkEdit(edit: Edit, rights: EditRights): void {
  switch (edit.kind) {
    case "append":
    case "prepend":
      checkWord(edit.text, edit.kind);
      checkKey(keyOf(edit.text), rights);
      return;
    case "remove":
    case "replace":
      if (edit.kind === "replace") {
        checkWord(edit.text, edit.kind);
        checkKey(keyOf(edit.text), rights);
      }
      checkKey(keyOf(edit.key ?? edit.token), rights);
      return;
  }
}

function checkWord(text: string, kind: Edit["kind"]): void {
  const fault = faultOfWord(text);
  if (fault === null) return;
  throw new KexecError("plugin-failed", `Cannot ${kind} ${quote(text)}: ${fault}`, {
    hint: "A word of the command line is printable ASCII without blanks and double quotes",
  });
}

function faultOfWord(text: string): string | null {
  if (text.length === 0) return "the word is empty";
  if (text.length > TOKEN_LIMIT) return `it has ${text.length} characters, expected at most ${TOKEN_LIMIT}`;
  if (text === "--") return "what follows `--` goes to init instead of the kernel";
  if (keyOf(text) === "") return "nothing stands before the `=`";
  for (const character of text) {
    const code = character.codePointAt(0) ?? 0;
    if (code <= 0x20 || code >= 0x7f || character === '"') {
      return `it contains ${character === '"' ? "a double quote" : `U+${hex(code)}`}`;
    }
  }
  return null;
}

function hex(code: number): string {
  return code.toString(16).toUpperCase().padStart(4, "0");
}

function quote(text: string): string {
  return JSON.stringify(text.length > 80 ? `${text.slice(0, 77)}...` : text);
}

function checkKey(key: string, rights: EditRights): void {
  if (key === OWN_KEY) {
    throw new KexecError(
      "plugin-failed",
      `Cannot edit ${quote(key)}: the word belongs to flatcar-kexec itself`,
    );
  }
  const entry = protectionOf(key);
  if (entry === null) return;
  const what = `Cannot edit ${quote(key)}: ${entry} is protected`;
  if (!rights.claims.some((claim) => claim === entry || covers(claim, key))) {
    throw new KexecError("plugin-failed", `${what}, and the plugin does not list it in protectedKeys`);
  }
  if (!rights.allowed) {
    throw new KexecError("plugin-failed", `${what}, and the configuration does not let this plugin edit it`, {
      hint: `Add "${rights.plugin}" to plugins.may-edit-protected if it should`,
    });
  }
}
