import type { Host } from "../host/host.ts";
import { messageOf } from "../lib/errors.ts";

export const KERNEL_CONFIG = "/proc/config.gz";
/** Bytes unpacked; a real one has some 300 KiB. */
const UNPACKED_LIMIT = 4 << 20;

/** Value of an option in the running kernel's own configuration; null if it is not set, a reason if that is not known. */
export function kernelOption(
  host: Host,
  name: string,
): { readonly ok: true; readonly value: string | null } | { readonly ok: false; readonly reason: string } {
  const packed = host.read(KERNEL_CONFIG);
  if (!packed.ok) return { ok: false, reason: packed.failure.message };
  try {
    // Loaded only here: hardly any plan asks, and every start would pay for it.
    const { gunzipSync } = process.getBuiltinModule("node:zlib");
    const text = new TextDecoder().decode(gunzipSync(packed.value, { maxOutputLength: UNPACKED_LIMIT }));
    return { ok: true, value: new RegExp(`^${name}=(.*)$`, "m").exec(text)?.[1] ?? null };
  } catch (error) {
    return { ok: false, reason: `${KERNEL_CONFIG}: ${messageOf(error)}` };
  }
}
