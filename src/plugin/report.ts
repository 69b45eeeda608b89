/** What one plugin did to a plan, for the plan's reader. */
export interface PluginReport {
  readonly name: string;
  /** `built in` or the path of the file. */
  readonly source: string;
  readonly edits: readonly PluginEditReport[];
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
}
