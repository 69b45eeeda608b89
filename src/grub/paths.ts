/**
 * File names as GRUB writes them: `(device)/path`, or `/path` on the device that `root` names.
 *
 * @module
 */

export interface GrubPath {
  readonly device: string;
  readonly path: string;
}

/** null: a name that GRUB cannot use. */
export function parsePath(text: string, root: string): GrubPath | null {
  if (text.startsWith("(")) {
    const close = text.indexOf(")");
    if (close < 0) return null;
    const path = text.slice(close + 1);
    return path.startsWith("/") ? { device: text.slice(1, close), path } : null;
  }
  return text.startsWith("/") ? { device: root, path: text } : null;
}
