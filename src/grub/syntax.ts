/**
 * What the parser makes of a script.
 *
 * @module
 */
import type { Origin } from "./result.ts";
import type { Traced } from "./traced.ts";

/** A piece of a word. */
export type Piece =
  | {
    readonly kind: "text";
    readonly value: Traced;
    /** Quoted or escaped: makes an argument even when empty. */
    readonly quoted: boolean;
  }
  | {
    readonly kind: "variable";
    /** A name, digits, or one of `?`, `#`, `@`, `*`. */
    readonly name: string;
    /** Inside double quotes: not split. */
    readonly quoted: boolean;
    readonly origin: Origin;
  };

export interface Word {
  readonly pieces: readonly Piece[];
  readonly origin: Origin;
}

/** A `{ … }` argument: text to be shown, and the script it holds. */
export interface Block {
  readonly text: Traced;
  readonly body: readonly Command[];
  readonly origin: Origin;
}

export interface SimpleCommand {
  readonly kind: "simple";
  readonly words: readonly Word[];
  readonly block: Block | null;
  readonly origin: Origin;
}

export interface Branch {
  readonly condition: readonly Command[];
  readonly body: readonly Command[];
}

export type Command =
  | SimpleCommand
  | {
    readonly kind: "if";
    readonly branches: readonly Branch[];
    readonly otherwise: readonly Command[];
    readonly origin: Origin;
  }
  | {
    readonly kind: "loop";
    /** `until` ends when its condition holds, `while` when it does not. */
    readonly until: boolean;
    readonly condition: readonly Command[];
    readonly body: readonly Command[];
    readonly origin: Origin;
  }
  | {
    readonly kind: "for";
    readonly variable: string;
    readonly words: readonly Word[];
    readonly body: readonly Command[];
    readonly origin: Origin;
  };
