/**
 * `enable` and `disable`: which files come and go, decided before anything is touched.
 *
 * @module
 */
import { dirname, resolve } from "node:path/posix";
import { KexecError } from "../lib/errors.ts";
import type { SystemdControl } from "./control.ts";
import type { FileChange, FileEntry, UnitFiles } from "./files.ts";
import {
  COMMIT_UNIT,
  COMMIT_WANTED_BY,
  commitUnit,
  CONFIRM_UNIT,
  confirmUnit,
  LOAD_PATH_UNIT,
  LOAD_UNIT,
  loadPathUnit,
  loadUnit,
  OWNER_LINE,
  REBOOT_DROP_IN,
  REBOOT_REQUIRED,
  rebootDropIn,
  type UnitSettings,
} from "./units.ts";

export const ETC_UNITS = "/etc/systemd/system";
export const RUN_UNITS = "/run/systemd/system";

/** What is to be done with a unit once systemd has read the files. */
export type UnitAction =
  | { readonly kind: "reload" }
  | { readonly kind: "start"; readonly unit: string; readonly wait: boolean }
  | { readonly kind: "stop"; readonly unit: string };

export interface InstallPlan {
  /** Units that end before the files change. */
  readonly before: readonly UnitAction[];
  readonly changes: readonly FileChange[];
  readonly after: readonly UnitAction[];
  /** Sentences about what was found and left alone. */
  readonly notes: readonly string[];
}

interface WantedFile {
  readonly path: string;
  readonly entry: { readonly kind: "file"; readonly content: string } | {
    readonly kind: "link";
    readonly target: string;
  };
}

function unit(folder: string, name: string, content: string): WantedFile {
  return { path: `${folder}/${name}`, entry: { kind: "file", content } };
}

function wants(folder: string, name: string, target: string): WantedFile {
  return { path: `${folder}/${target}.wants/${name}`, entry: { kind: "link", target: `${folder}/${name}` } };
}

function commitFiles(folder: string, settings: UnitSettings): readonly WantedFile[] {
  return [
    unit(folder, COMMIT_UNIT, commitUnit(settings)),
    ...COMMIT_WANTED_BY.map((target) => wants(folder, COMMIT_UNIT, target)),
  ];
}

function enabledFiles(settings: UnitSettings): readonly WantedFile[] {
  return [
    unit(ETC_UNITS, LOAD_UNIT, loadUnit(settings)),
    unit(ETC_UNITS, LOAD_PATH_UNIT, loadPathUnit()),
    wants(ETC_UNITS, LOAD_PATH_UNIT, "multi-user.target"),
    ...commitFiles(ETC_UNITS, settings),
    unit(ETC_UNITS, CONFIRM_UNIT, confirmUnit(settings)),
    wants(ETC_UNITS, CONFIRM_UNIT, "multi-user.target"),
  ];
}

/** While a kernel is loaded; the commit unit as well, for hosts where `enable` was never run. */
function handoverFiles(settings: UnitSettings, systemd: number | null): readonly WantedFile[] {
  return [...commitFiles(RUN_UNITS, settings), unit(RUN_UNITS, REBOOT_DROP_IN, rebootDropIn(systemd))];
}

/** Only what differs is changed: a second run finds nothing to do. */
export function planEnable(files: UnitFiles, settings: UnitSettings): InstallPlan {
  requireUnitPath(settings.binary);
  const { changes, notes } = planFiles(files, enabledFiles(settings));
  const starts: readonly Extract<UnitAction, { kind: "start" }>[] = [
    { kind: "start", unit: LOAD_PATH_UNIT, wait: true },
    // Not waited for: it takes the command lock, which enable holds.
    { kind: "start", unit: CONFIRM_UNIT, wait: false },
    // The path unit sees changes only: an update that is ready already has to be loaded now.
    ...(files.look(REBOOT_REQUIRED).kind === "absent"
      ? []
      : [{ kind: "start", unit: LOAD_UNIT, wait: false } as const]),
  ];
  return {
    before: [],
    changes,
    after: [
      ...(changes.length === 0 ? [] : [{ kind: "reload" } as const]),
      // systemd starts nothing that is masked, and fails.
      ...starts.filter(({ unit }) => maskOf(files, unit) === null),
    ],
    notes,
  };
}

/** Remove what enable wrote. A kernel that is loaded stays loaded; the caller decides about it. */
export function planDisable(files: UnitFiles): InstallPlan {
  const { changes, notes } = planRemoval(files, enabledFiles(ANY_SETTINGS));
  return {
    before: changes.some((change) => change.path.endsWith(`/${LOAD_PATH_UNIT}`))
      ? [{ kind: "stop", unit: LOAD_PATH_UNIT }]
      : [],
    changes,
    after: changes.length === 0 ? [] : [{ kind: "reload" }],
    notes,
  };
}

/**
 * What makes the next reboot a kexec, whoever asks for it. To be in place before the kernel is loaded: a reboot in
 * between would jump without the commit unit.
 *
 * @param systemd Release of the running systemd, null if unknown.
 * @throws {KexecError} `systemd-failed` where the commit unit is masked: then nothing may be loaded.
 */
export function planHandover(
  files: UnitFiles,
  settings: UnitSettings,
  systemd: number | null,
): InstallPlan {
  requireUnitPath(settings.binary);
  requireCommitUnit(files);
  const { changes, notes } = planFiles(files, handoverFiles(settings, systemd));
  return { before: [], changes, after: changes.length === 0 ? [] : [{ kind: "reload" }], notes };
}

export function planHandoverRemoval(files: UnitFiles): InstallPlan {
  const { changes, notes } = planRemoval(files, handoverFiles(ANY_SETTINGS, null));
  return { before: [], changes, after: changes.length === 0 ? [] : [{ kind: "reload" }], notes };
}

/** Only what makes a reboot end in a kexec goes; commit stays. */
export function planDropInRemoval(files: UnitFiles): InstallPlan {
  const { changes, notes } = planRemoval(files, [unit(RUN_UNITS, REBOOT_DROP_IN, "")]);
  // Always read again: the file may be gone and its content still in force, after a reload that failed.
  return { before: [], changes, after: [{ kind: "reload" }], notes };
}

/** For removal only the paths count. */
const ANY_SETTINGS: UnitSettings = { binary: "/", kexecProgram: "/" };

/** Carry out a plan. */
export function applyPlan(plan: InstallPlan, files: UnitFiles, control: SystemdControl): void {
  for (const action of plan.before) perform(action, control);
  for (const change of plan.changes) files.apply(change);
  for (const action of plan.after) perform(action, control);
}

/** A unit action as the command that does it, for `--dry-run`. */
export function showAction(action: UnitAction): string {
  switch (action.kind) {
    case "reload":
      return "systemctl daemon-reload";
    case "start":
      return `systemctl start ${action.wait ? "" : "--no-block "}${action.unit}`;
    case "stop":
      return `systemctl stop ${action.unit}`;
  }
}

function perform(action: UnitAction, control: SystemdControl): void {
  switch (action.kind) {
    case "reload":
      return control.daemonReload();
    case "start":
      return control.start(action.unit, action.wait);
    case "stop":
      return control.stop(action.unit);
  }
}

function requireUnitPath(binary: string): void {
  if (binary.startsWith("/") && !/[\0\n]/.test(binary)) return;
  throw new KexecError(
    "usage",
    `Cannot put the program's path into a unit: found ${JSON.stringify(binary)}, expected an absolute path`,
  );
}

/** Without commit nobody would look again before the jump, and no try would be taken. */
function requireCommitUnit(files: UnitFiles): void {
  const mask = maskOf(files, COMMIT_UNIT);
  if (mask === null) return;
  throw new KexecError(
    "systemd-failed",
    `Cannot arrange a kexec: ${COMMIT_UNIT} is masked: ${mask}, expected a unit or nothing`,
    {
      hint:
        `without it no kexec is checked or counted: 'systemctl unmask ${COMMIT_UNIT}', or leave kexec alone: ` +
        "'flatcar-kexec disable'",
    },
  );
}

/** What masks a unit (systemctl(1), mask): `PATH is a link to /dev/null`. Null if nothing does. */
function maskOf(files: UnitFiles, unit: string): string | null {
  for (const path of [ETC_UNITS, RUN_UNITS].map((folder) => `${folder}/${unit}`)) {
    const found = files.look(path);
    if (found.kind === "link" && resolve(dirname(path), found.target) === "/dev/null") {
      return `${path} is a link to /dev/null`;
    }
    if (found.kind === "file" && found.content === "") return `${path} is an empty file`;
  }
  return null;
}

interface FilePlan {
  readonly changes: readonly FileChange[];
  readonly notes: readonly string[];
}

function planFiles(files: UnitFiles, wanted: readonly WantedFile[]): FilePlan {
  const changes: FileChange[] = [];
  const notes: string[] = [];
  for (const { path, entry } of wanted) {
    const found = files.look(path);
    if (isSame(found, entry)) continue;
    if (found.kind === "link" && found.target === "/dev/null") {
      notes.push(`${path} is masked (a link to /dev/null) and left alone`);
      continue;
    }
    if (!isOurs(found, path)) {
      throw new KexecError("write-failed", `Cannot write ${path}: something that is not ours is there`, {
        hint: "move it away, or put changes into a drop-in",
      });
    }
    if (entry.kind === "file") {
      if (found.kind === "link") changes.push({ kind: "remove", path, before: `-> ${found.target}` });
      const before = found.kind === "file" ? found.content : null;
      changes.push({ kind: "write", path, content: entry.content, before });
      continue;
    }
    if (found.kind === "link") changes.push({ kind: "remove", path, before: `-> ${found.target}` });
    changes.push({ kind: "link", path, target: entry.target });
  }
  return { changes, notes };
}

function planRemoval(files: UnitFiles, wanted: readonly WantedFile[]): FilePlan {
  const changes: FileChange[] = [];
  const notes: string[] = [];
  // Links first: a unit that is wanted and gone is an error in systemd's log.
  for (const { path } of wanted.toSorted((a, b) => rank(a) - rank(b))) {
    const found = files.look(path);
    if (found.kind === "absent") continue;
    if (!isOurs(found, path)) notes.push(`${path} is not ours and stays`);
    else if (found.kind === "link") changes.push({ kind: "remove", path, before: `-> ${found.target}` });
    else if (found.kind === "file") changes.push({ kind: "remove", path, before: found.content });
  }
  return { changes, notes };
}

function rank(file: WantedFile): number {
  return file.entry.kind === "link" ? 0 : 1;
}

function isSame(found: FileEntry, entry: WantedFile["entry"]): boolean {
  if (entry.kind === "file") return found.kind === "file" && found.content === entry.content;
  return found.kind === "link" && found.target === entry.target;
}

/** A file with our first line, a link that leads to a unit of our name, or nothing. */
function isOurs(found: FileEntry, path: string): boolean {
  switch (found.kind) {
    case "absent":
      return true;
    case "file":
      return found.content.startsWith(`${OWNER_LINE}\n`);
    case "link":
      return path.includes(".wants/") && found.target.endsWith(path.slice(path.lastIndexOf("/")));
    case "other":
      return false;
  }
}
