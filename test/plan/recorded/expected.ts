/**
 * What is expected of a recorded host's plan, written by hand.
 *
 * @module
 */
import type { Plan } from "../../../src/plan/plan.ts";

export interface Expected {
  readonly decision: Plan["decision"];
  readonly slot: "USR-A" | "USR-B";
  readonly takesTry: boolean;
  /** What GRUB passes. */
  readonly line: string;
  /** `id level`, in order. */
  readonly findings: readonly string[];
  /** `id file:line`, in order. */
  readonly diagnostics: readonly string[];
  readonly plugins: readonly string[];
  /** What the next kernel is passed before our marker, where a plugin changes GRUB's line. */
  readonly passed?: string;
  /** `plugin: kind word-or-key`, in order; none if absent. */
  readonly edits?: readonly string[];
  /** `plugin: what is done`, in order; none if absent. */
  readonly quiesce?: readonly string[];
  readonly oem: string | null;
}
