/**
 * The modules that GRUB can load besides those in its image. Flatcar's installer put them on the EFI system
 * partition, each file compressed (`build_library/grub_install.sh`), until November 2024 on every platform,
 * since then on BIOS alone; no update takes them away.
 *
 * @module
 */
import { posix } from "node:path";
import { type GrubModules, NO_MODULES } from "../grub/commands/registry.ts";
import type { GrubCpu, GrubPlatform } from "../grub/platform.ts";
import type { Host } from "../host/host.ts";

/** Flatcar's own has some 10 KB. */
const SIZE_LIMIT = 1 << 20;

/** @param mainPath Where the main configuration lies: it makes its own folder GRUB's `prefix`. */
export function readModules(
  host: Host,
  mainPath: string,
  platform: GrubPlatform,
  cpu: GrubCpu,
): GrubModules {
  if (platform === "pc") return NO_MODULES;
  const read = host.read(`${posix.dirname(mainPath)}/${cpu}-${platform}/command.lst`, SIZE_LIMIT);
  if (!read.ok) {
    const { kind } = read.failure;
    // Recordings made before this was looked at are evaluated as they were then.
    return kind === "missing" || kind === "not-recorded" ? NO_MODULES : { kind: "unreadable" };
  }
  const text = uncompressed(read.value);
  const commands = text === null ? null : parseCommandList(text);
  return commands === null ? { kind: "unreadable" } : { kind: "listed", commands };
}

/** `name: module` on each line, `*name: module` for a command with options (GRUB's genmoddep and gentpl.py). */
export function parseCommandList(text: string): readonly string[] | null {
  const names: string[] = [];
  for (const line of text.split("\n")) {
    if (line === "") continue;
    const name = /^\*?([^\s:]+): *[^\s:]+$/.exec(line)?.[1];
    if (name === undefined) return null;
    names.push(name);
  }
  return names.length === 0 ? null : names;
}

/** Null: damaged, cut short, or larger than any list. */
function uncompressed(bytes: Uint8Array): string | null {
  if (bytes[0] !== 0x1f || bytes[1] !== 0x8b) return new TextDecoder().decode(bytes);
  // Loaded only here: few hosts have modules, and every start would pay for it.
  const { gunzipSync } = process.getBuiltinModule("node:zlib");
  try {
    return new TextDecoder().decode(gunzipSync(bytes, { maxOutputLength: SIZE_LIMIT }));
  } catch {
    return null;
  }
}
