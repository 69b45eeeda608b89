/**
 * Real GNU GRUB as an oracle: Debian's grub-emu runs a script on this machine, unprivileged, in about 50 ms.
 *
 * What it does differently from GRUB on a machine, and what the corpus does about it: every module is built
 * in (so every command of Debian's GRUB exists, and unquoted `*` and `?` are expanded: no case uses them);
 * version 2.06 has no `linux`, no version has `gptprio.next`, `getenv` or `smbios`, and their platform is `emu`
 * (configurations are run with functions of other names, and with `grub_platform` set by hand).
 *
 * @module
 */
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";

/** Runs before every script of the corpus, in GRUB and in ours. */
export const PRELUDE = `function show { echo -n "$#"; for a in "$@"; do echo -n "[$a]"; done; echo; }
e="" ; s="a  b   c"; lead="  x y  "; q='single $s "dq"'; v=" x y "
`;

/** Files that a script of the corpus finds under `$here`. */
export const FILES: Readonly<Record<string, string>> = {
  "file.txt": "some text\n",
  "empty": "",
  "folder/inside": "x\n",
  "assigns.cfg": 'x=77\nset y="from assigns"\nfunction sourced { echo sourced function; }\nfalse\n',
  "returns.cfg": 'echo sourced $1 $#\nshift\nreturn 5\necho after\nfoo ||\necho "last',
  "shows.cfg": 'echo "x=$x"\nz=9',
  "flow.cfg": "echo l1; return 0; echo l2\necho l3; echo l4\nif true; then echo l5; echo l6; fi\n" +
    "if false; then echo l5; else echo l7; fi\nfor x in 1 2; do echo l8 $x; done\nwhile true; do echo l9; done\n" +
    "function g { echo in; echo g; }\ng\necho l10; echo l11\n",
  "breaks.cfg": "echo l1; break; echo l2\necho l3; echo l4\nif true; then echo l5; echo l6; fi\n" +
    "for x in 1 2; do echo l8 $x; done\necho l9; echo l10\n",
  "menu.cfg": "echo in menu.cfg $x\nset nested=1\n",
};

/** What GRUB showed, made comparable (see {@link normalize}). */
export interface Shown {
  readonly text: string;
  /** Whether the script ran to its end, rather than leaving GRUB. */
  readonly ended: boolean;
}

export function findGrubEmu(): string | null {
  for (const path of [process.env["GRUB_EMU"], "/usr/bin/grub-emu", "/usr/sbin/grub-emu"]) {
    if (path !== undefined && existsSync(path)) return path;
  }
  return null;
}

/** How the script is run: as a file that the configuration sources, or as the configuration with its menu. */
export type RunMode = "source" | "menu";

const END = "@@END\n";

/** Runs one script in real GRUB. */
export function runInGrub(emu: string, script: Uint8Array, mode: RunMode): Shown {
  const folder = mkdtempSync(join(tmpdir(), "grub-emu-"));
  try {
    for (const [name, content] of Object.entries(FILES)) {
      mkdirSync(dirname(join(folder, name)), { recursive: true });
      writeFileSync(join(folder, name), content);
    }
    const start =
      "set pager=0\nset enable_progress_indicator=0\ninsmod terminfo\nterminfo -g 1000x24 console\n" +
      `set here=(host)${folder}\n${PRELUDE}`;
    writeFileSync(join(folder, "script.cfg"), script);
    writeFileSync(
      join(folder, "grub.cfg"),
      mode === "source"
        ? `${start}source (host)${folder}/script.cfg\necho @@END\nhalt\n`
        : `${start}source (host)${folder}/script.cfg\nset timeout=0\n`,
    );
    writeFileSync(join(folder, "device.map"), "");
    const child = spawnSync(emu, ["-r", "host", "-m", join(folder, "device.map"), "-d", folder], {
      stdio: ["ignore", "pipe", "pipe"],
      env: { TERM: "dumb", PATH: "/usr/bin:/bin", LD_LIBRARY_PATH: process.env["GRUB_EMU_LIBRARIES"] ?? "" },
      timeout: 20_000,
    });
    if (child.error !== undefined) throw child.error;
    let text = child.stdout.toString("latin1").replaceAll(/\x1b\[[0-9;?]*[a-zA-Z]/g, "").replaceAll("\r", "");
    text = text.replace("Welcome to GRUB!\n\n", "");
    if (mode === "menu") text = text.replaceAll(/(?:\n {3}Falling back to| {2}Booting) `.*'\n\n/g, "");
    const ended = text.endsWith(END);
    if (ended) text = text.slice(0, -END.length);
    return { text: normalize(text.replaceAll(`(host)${folder}`, "(host)/HERE")), ended };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** What stands for an error, whatever GRUB says about it. */
const ERROR = "<error>";

/**
 * One mark for every error, whatever GRUB says about it; blanks for tabs, as its terminal prints them; and
 * nothing of what a terminal would not show.
 */
export function normalize(text: string): string {
  // The name of a command may go over lines.
  const lines = text.replaceAll(/error: can't find command `[^]*?'\.(?=\n)/g, "error: ").split("\n").map(
    (line) => {
      const error = line.indexOf("error: ");
      const shown = error < 0 ? line : `${line.slice(0, error)}${ERROR}`;
      let result = "";
      for (const char of shown.replaceAll(/[\x80-\xff]+/g, "?")) {
        if (char === "\t") result += " ".repeat(8 - (result.length % 8));
        else if (char >= " ") result += char;
      }
      return result;
    },
  );
  return lines.join("\n");
}

export function errorsIn(shown: string): number {
  return shown.split("\n").filter((line) => line.endsWith(ERROR)).length;
}
