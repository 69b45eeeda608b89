/**
 * The host's own main GRUB configuration. Flatcar's installer leaves the very file that GRUB carries in its
 * memdisk on the EFI system partition as well, and never updates either.
 *
 * @module
 */
import { parseTar } from "nanotar";
import type { Host } from "../host/host.ts";

export type MainConfig =
  | { readonly ok: true; readonly path: string; readonly bytes: Uint8Array }
  | { readonly ok: false; readonly message: string };

/** Where GRUB's configuration may lie: hosts installed as CoreOS keep the old folder. */
const ARCHIVES = ["/boot/flatcar/grub/grub.cfg.tar", "/boot/coreos/grub/grub.cfg.tar"] as const;
const MEMBER = "grub.cfg";

export function readMainConfig(host: Host): MainConfig {
  const failures: string[] = [];
  for (const path of ARCHIVES) {
    const archive = host.read(path);
    if (archive.ok) return extract(path, archive.value);
    failures.push(archive.failure.message);
    if (archive.failure.kind !== "missing") break;
  }
  return { ok: false, message: `Cannot read GRUB's configuration: ${failures.join("; ")}` };
}

function extract(path: string, archive: Uint8Array): MainConfig {
  const action = `Cannot read GRUB's configuration '${path}'`;
  const defect = tarDefect(archive);
  if (defect !== null) return { ok: false, message: `${action}: ${defect}` };
  // A copy, because nanotar reads the buffer behind a view from its start.
  const entries = parseTar(Uint8Array.from(archive));
  const member = entries.find((entry) => entry.name.replace(/^\.\//, "") === MEMBER);
  if (member?.data === undefined) {
    const names = entries.map((entry) => `'${entry.name}'`).join(", ");
    return { ok: false, message: `${action}: no member '${MEMBER}', found ${names === "" ? "none" : names}` };
  }
  return { ok: true, path, bytes: member.data };
}

const BLOCK = 512;

/**
 * What is wrong with an archive's headers, or null. nanotar trusts them: without this any bytes would parse
 * as something, and a negative size would never end (POSIX.1-1988 ustar: size in octal at byte 124, checksum
 * at 148, magic at 257).
 */
function tarDefect(archive: Uint8Array): string | null {
  for (let offset = 0; offset < archive.length;) {
    const header = archive.subarray(offset, offset + BLOCK);
    if (header.length < BLOCK) {
      return `cut short: ${header.length} bytes at byte ${offset}, expected ${BLOCK}`;
    }
    if (header.every((byte) => byte === 0)) return offset === 0 ? "an empty tar archive" : null;
    const text = new TextDecoder("latin1").decode(header);
    if (text.slice(257, 262) !== "ustar") return `not a tar archive: no 'ustar' at byte ${offset + 257}`;
    const checksum = header.reduce(
      (sum, byte, index) => sum + (index >= 148 && index < 156 ? 0x20 : byte),
      0,
    );
    if (octal(text.slice(148, 156)) !== checksum) {
      return `damaged: wrong checksum in the header at byte ${offset}`;
    }
    const size = octal(text.slice(124, 136));
    if (size === null) return `damaged: no size in the header at byte ${offset}`;
    if (offset + BLOCK + size > archive.length) {
      return `cut short: ${archive.length} bytes, expected at least ${offset + BLOCK + size}`;
    }
    offset += BLOCK + Math.ceil(size / BLOCK) * BLOCK;
  }
  return null;
}

function octal(field: string): number | null {
  const digits = field.replace(/^ +/, "").replace(/[\0 ].*$/s, "");
  return /^[0-7]+$/.test(digits) ? Number.parseInt(digits, 8) : null;
}
