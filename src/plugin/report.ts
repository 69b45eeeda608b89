/** What one plugin did to a plan, for the plan's reader. */
export interface PluginReport {
  readonly name: string;
  /** `built in` or the path of the file. */
  readonly source: string;
  readonly edits: readonly PluginEditReport[];
  /** Host path of the device tree it gave, or null. */
  readonly deviceTree: string | null;
  /** Paths it lays over the initial RAM disk. */
  readonly initrd: readonly string[];
  /** What it wants put at rest before the jump, as sentences. */
  readonly quiesce: readonly string[];
}

export interface PluginEditReport {
  readonly kind: "append" | "prepend" | "remove" | "replace";
  /** The token or key acted on. */
  readonly target: string;
  /** What took its place or was added, null for removals. */
  readonly text: string | null;
  readonly reason: string;
  /** False when it changed nothing; the reason then says why. */
  readonly applied: boolean;
  /** Whose work it undoes: `undoes an edit of plugin:NAME`, else null. */
  readonly conflict: string | null;
}
