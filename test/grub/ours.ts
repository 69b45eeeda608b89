/**
 * Our interpreter in the part of grub-emu: the same prelude, the same files, the same commands.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import { allCommands } from "../../src/grub/commands/registry.ts";
import { emptyEnvironment, type GrubEnvironment } from "../../src/grub/environment.ts";
import { evaluate, runScript } from "../../src/grub/evaluate.ts";
import type { GrubResult } from "../../src/grub/result.ts";
import { normalize } from "node:path/posix";
import { FILES, normalize as comparable, PRELUDE, type RunMode, type Shown } from "./grub_emu.ts";

/** The folder of the corpus's files, wherever grub-emu had it. */
const HERE = "(host)/HERE";

function environment(): GrubEnvironment {
  return emptyEnvironment({
    bootDevice: "host",
    file: (device, path) => {
      if (device !== "host") return { kind: "missing" };
      const name = normalize(path).replace(/^\/HERE\/?/, "").replace(/\/$/, "");
      const content = FILES[name];
      if (content !== undefined) return { kind: "file", bytes: () => Buffer.from(content, "latin1") };
      if (name === "folder" || name === "") return { kind: "directory" };
      return { kind: "missing" };
    },
    shortName: (_device, path) => path,
  });
}

/** Runs one script of the corpus. */
export function runOurs(
  script: Uint8Array,
  mode: RunMode,
): { readonly shown: Shown; readonly result: GrubResult } {
  const options = {
    platform: "pc",
    cpu: "x86_64",
    environment: environment(),
    commands: allCommands(),
    hexEscapes: false,
    variables: { here: HERE, grub_platform: "emu", pager: "0", prefix: HERE },
  } as const;
  const bytes = Buffer.concat([Buffer.from(PRELUDE, "latin1"), script]);
  const file = { name: "script.cfg", bytes };
  const result = mode === "source"
    ? runScript(file, options)
    : evaluate({ ...options, main: file, environment: environment() });
  return {
    result,
    shown: {
      text: comparable(Buffer.from(result.transcript, "utf-8").toString("latin1")),
      ended: result.end === "done",
    },
  };
}
