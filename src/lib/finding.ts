import type { CheckId } from "./errors.ts";

export type Level = "refuse" | "warn" | "info";

/** What a check found. `message` is a sentence with the values in it. */
export interface Finding {
  readonly id: CheckId;
  readonly level: Level;
  readonly message: string;
  /** What was looked at: a path, `grub.cfg:12`, `plugin:NAME`. */
  readonly origin: string | null;
  /** What to do about it, null where there is nothing to do. */
  readonly hint: string | null;
}
