/**
 * The options that say which machine a command looks at, and the host they come to.
 *
 * @module
 */
import type { Invocation } from "./command.ts";
import { type Arch, type Host } from "../host/host.ts";
import { CHECK_IDS, type CheckId, KexecError } from "../lib/errors.ts";
import { nearest } from "../lib/nearest.ts";

/** Options of every command that looks at a host. */
export const HOST_ARGS = {
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
} as const;

/** Options of every command that makes a plan. */
export const PLAN_ARGS = {
  ...HOST_ARGS,
  snapshot: { type: "string", description: "replay a recorded host instead", valueHint: "FILE" },
  config: { type: "string", description: "read this configuration only", valueHint: "FILE" },
  allow: {
    type: "string",
    description: "lower a refusing check to a warning; may be repeated",
    valueHint: "ID",
  },
} as const;

export const OUTPUT_ARGS = {
  json: { type: "boolean", description: "one JSON document on standard output" },
  quiet: { type: "boolean", description: "no text, only the exit code" },
  verbose: { type: "boolean", description: "more about what was read; stack traces of defects" },
} as const;
