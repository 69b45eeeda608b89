/**
 * The command line of one boot, word by word: what GRUB passes, what plugins and the administrator change, and
 * our marker. The same code serves the next boot and, for the parity check, the running one.
 *
 * @module
 */
import { createHash } from "node:crypto";
import type { Config } from "../config/config.ts";
import type { LinuxCommand } from "../grub/result.ts";
import { keyOf } from "../kernel/cmdline.ts";
import { MARKER_KEY } from "../kernel/marker.ts";
import type { PlannedToken } from "./plan.ts";

/**
 * What GRUB passes: BOOT_IMAGE, the arguments of `linux`, and, where Flatcar's GRUB adds it, the root hash
 * that it found in the kernel.
 *
 * @param usrhash Null where the image has none, or where GRUB's loader does not look (Xen).
 */
export function grubTokens(linux: LinuxCommand, usrhash: string | null): readonly PlannedToken[] {
  return [
    { text: `BOOT_IMAGE=${linux.kernel}`, origin: originOf(linux.origin) },
    ...linux.tokens.map((token) => ({ text: token.text, origin: originOf(token.origin) })),
    ...(usrhash === null ? [] : [{ text: `verity.usrhash=${usrhash}`, origin: "kernel" }]),
  ];
}

function originOf(origin: LinuxCommand["origin"]): string {
  return `${origin.file}:${origin.line}`;
}

/** The administrator's own changes, by `[cmdline]` of the configuration. */
export function administratorTokens(
  tokens: readonly PlannedToken[],
  cmdline: Config["cmdline"],
): readonly PlannedToken[] {
  const kept = tokens.filter((token) =>
    !cmdline.remove.some((target) => token.text === target || keyOf(token.text) === target)
  );
  return [...kept, ...cmdline.append.map((text) => ({ text, origin: "config" }))];
}

/** Whether a word is a plugin's, the administrator's or our own, and not GRUB's. */
export function isAdded(token: PlannedToken): boolean {
  return token.origin === "config" || token.origin === "marker" || token.origin.startsWith("plugin:");
}

/**
 * The marker of an attempt. It is a function of what is booted and of the boot that it is planned in, so that a
 * plan can be made twice and be the same.
 */
export function attemptId(bootId: string, partuuid: string, tokens: readonly PlannedToken[]): string {
  return createHash("sha256").update(`${bootId}\n${partuuid}\n${joinTokens(tokens)}`).digest("hex").slice(
    0,
    12,
  );
}

export function markerToken(id: string): PlannedToken {
  return { text: `${MARKER_KEY}=${id}`, origin: "marker" };
}

export function joinTokens(tokens: readonly PlannedToken[]): string {
  return tokens.map((token) => token.text).join(" ");
}
