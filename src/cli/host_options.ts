/**
 * The options that say which machine a command looks at, and the host they come to.
 *
 * @module
 */
import { readFileSync, statSync } from "node:fs";
import type { Host } from "../host/host.ts";
import { defineArgs } from "./command.ts";
import { fromSystemError, observe } from "../host/system_failure.ts";
import { createHost, type HostOptions } from "../host/live.ts";
import { KexecError } from "../lib/errors.ts";

/** Options of every command that looks at a host. */
export const HOST_ARGS = defineArgs({
  disk: {
    type: "string",
    description: "block device or image file; default: the disk under /usr",
    valueHint: "PATH",
  },
  root: { type: "string", description: "the host's file tree; default: /", valueHint: "DIR" },
  boot: {
    type: "string",
    description: "the EFI system partition's files; default: /boot under root",
    valueHint: "DIR",
  },
  oem: {
    type: "string",
    description: "the OEM partition's files; default: /oem under root",
    valueHint: "DIR",
  },
  arch: {
    type: "enum",
    options: ["x86_64", "aarch64"],
    description: "for trees and images; default: this machine",
  },
  "sector-size": {
    type: "enum",
    options: ["512", "4096"],
    description: "of image files, bytes; default: 512",
  },
});

/** Options of every command that makes a plan. */
export const PLAN_ARGS = defineArgs({
  ...HOST_ARGS,
  snapshot: { type: "string", description: "replay a recorded host instead", valueHint: "FILE" },
  config: { type: "string", description: "read this configuration only", valueHint: "FILE" },
  allow: {
    type: "string",
    description: "lower a refusing check to a warning; may be repeated",
    valueHint: "ID",
  },
});

/** Options of the commands that load a kernel on the machine they run on: they look at no other. */
export const LIVE_ARGS = defineArgs({
  disk: HOST_ARGS.disk,
  config: PLAN_ARGS.config,
  allow: PLAN_ARGS.allow,
});

export const OUTPUT_ARGS = defineArgs({
  json: { type: "boolean", description: "one JSON document on standard output" },
  quiet: { type: "boolean", description: "no text, only the exit code" },
  verbose: { type: "boolean", description: "more about what was read; stack traces of defects" },
});

/** What citty makes of {@link HOST_ARGS}; an option that was not given is undefined. */
export interface HostArguments {
  readonly disk?: string | undefined;
  readonly root?: string | undefined;
  readonly boot?: string | undefined;
  readonly oem?: string | undefined;
  readonly arch?: string | undefined;
  readonly "sector-size"?: string | undefined;
}

export interface SnapshotArguments extends HostArguments {
  readonly snapshot?: string | undefined;
}

export function hostOptions(args: HostArguments): HostOptions {
  return {
    ...(args.root === undefined ? {} : { root: args.root }),
    ...(args.boot === undefined ? {} : { boot: args.boot }),
    ...(args.oem === undefined ? {} : { oem: args.oem }),
    ...(args.disk === undefined ? {} : { disk: args.disk }),
    ...(args.arch === "x86_64" || args.arch === "aarch64" ? { arch: args.arch } : {}),
    ...(args["sector-size"] === undefined ? {} : { sectorSize: Number(args["sector-size"]) }),
  };
}

/** @throws {KexecError} `usage` where a folder that the options name is none. */
export function openHost(args: HostArguments): Host {
  for (const option of ["root", "boot", "oem"] as const) {
    const folder = args[option];
    if (folder === undefined) continue;
    const found = observe(folder, () => ({ ok: true, value: statSync(folder) }));
    const problem = !found.ok
      ? found.failure.message
      : found.value.isDirectory()
      ? null
      : `${folder}: not a directory`;
    if (problem !== null) throw new KexecError("usage", `Cannot use --${option}: ${problem}`);
  }
  return createHost(hostOptions(args));
}

/**
 * Whether the options leave this machine and look at another: a tree, an image, a recording. Nothing on this
 * machine is changed for one of those.
 */
export function isElsewhere(args: SnapshotArguments): boolean {
  return [args.root, args.boot, args.oem, args.disk, args.arch, args.snapshot].some((value) =>
    value !== undefined
  );
}

/** A file that the user named on this machine, whatever host the command looks at. */
export function readOwnFile(path: string, action: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    throw new KexecError("unreadable", `${action}: ${fromSystemError(path, error).failure.message}`, {
      cause: error,
    });
  }
}
