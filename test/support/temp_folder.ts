import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";

/** Run `action` with a new folder that is removed afterwards. */
export function withTempFolder<T>(action: (folder: string) => T): T {
  const folder = mkdtempSync(join(tmpdir(), "flatcar-kexec-"));
  try {
    return action(folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** {@link withTempFolder} for what takes its time. */
export async function withTempFolderAsync<T>(action: (folder: string) => Promise<T>): Promise<T> {
  const folder = mkdtempSync(join(tmpdir(), "flatcar-kexec-"));
  try {
    return await action(folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Write files and links (`{ "etc/x": "text", "a": { link: "b" } }`) below a folder, making parents. */
export function writeTree(
  folder: string,
  entries: Readonly<Record<string, string | Uint8Array | { readonly link: string }>>,
): void {
  for (const [name, content] of Object.entries(entries)) {
    const path = join(folder, name);
    mkdirSync(dirname(path), { recursive: true });
    if (typeof content === "string" || content instanceof Uint8Array) writeFileSync(path, content);
    else symlinkSync(content.link, path);
  }
}
