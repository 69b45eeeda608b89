/**
 * The expressions of `test` and `[`, which GRUB reads from left to right: neighbours are joined by "and",
 * `-o` starts a new alternative, `!` turns the next term round. What is not an operator is true unless empty.
 *
 * @module
 */

import { parseUnsigned, startOfNumber } from "../numbers.ts";

export interface FileTests {
  /** What stands at a path as a script writes it: `(hd0,gpt1)/x`, `/x`. */
  kindOf(path: string): "file" | "directory" | "missing";
  /** Bytes; 0 for what is no file. */
  sizeOf(path: string): number;
  /** Told that an outcome depends on times of modification, which nobody knows here. */
  timesWanted(): void;
}

export interface TestOutcome {
  readonly value: boolean;
  /** What GRUB prints, which it does only if the expression holds. */
  readonly error: string | null;
}

export function evaluateTest(args: readonly string[], files: FileTests): TestOutcome {
  return new TestReader(args, files).run();
}

class TestReader {
  readonly #args: readonly string[];
  readonly #files: FileTests;
  #at = 0;
  #error: string | null = null;

  constructor(args: readonly string[], files: FileTests) {
    this.#args = args;
    this.#files = files;
  }

  run(): TestOutcome {
    return { value: this.#expression(), error: this.#error };
  }

  /** Up to a `)` too many or the end, which closes what is open. */
  #expression(): boolean {
    let alternatives = false;
    let current = true;
    let invert = false;
    const add = (value: boolean): void => {
      current = current && value !== invert;
      invert = false;
    };
    const enclosing: { alternatives: boolean; current: boolean; invert: boolean }[] = [];
    for (;;) {
      const word = this.#args[this.#at];
      if (word === undefined) {
        const value = alternatives || current;
        const outer = enclosing.pop();
        if (outer === undefined) return value;
        ({ alternatives, current, invert } = outer);
        add(value);
        continue;
      }
      const operator = this.#args[this.#at + 1];
      const right = this.#args[this.#at + 2];
      if (operator !== undefined && right !== undefined) {
        const value = this.#binary(word, operator, right);
        if (value !== null) {
          this.#at += 3;
          add(value);
          continue;
        }
      }
      if (operator !== undefined) {
        const value = this.#unary(word, operator);
        if (value !== null) {
          this.#at += 2;
          add(value);
          continue;
        }
      }
      this.#at++;
      switch (word) {
        case "(":
          enclosing.push({ alternatives, current, invert });
          alternatives = false;
          current = true;
          invert = false;
          break;
        case ")": {
          const value = alternatives || current;
          const outer = enclosing.pop();
          if (outer === undefined) return value;
          ({ alternatives, current, invert } = outer);
          add(value);
          break;
        }
        case "!":
          invert = !invert;
          break;
        case "-a":
          break;
        case "-o":
          alternatives = alternatives || current;
          current = true;
          break;
        default:
          add(word !== "");
      }
    }
  }

  /** Read as 64 bits, compared as 32. */
  #number(text: string): bigint {
    const at = startOfNumber(text);
    const negative = text.charCodeAt(at) === 0x2d;
    const { value, error } = parseUnsigned(negative ? text.slice(at + 1) : text);
    if (error !== null) this.#error = error;
    return BigInt.asIntN(32, negative ? -value : value);
  }

  #binary(left: string, operator: string, right: string): boolean | null {
    switch (operator) {
      case "=":
      case "==":
        return left === right;
      case "!=":
        return left !== right;
      case "<":
        return left < right;
      case "<=":
        return left <= right;
      case ">":
        return left > right;
      case ">=":
        return left >= right;
      case "-eq":
        return this.#number(left) === this.#number(right);
      case "-ne":
        return this.#number(left) !== this.#number(right);
      case "-lt":
        return this.#number(left) < this.#number(right);
      case "-le":
        return this.#number(left) <= this.#number(right);
      case "-gt":
        return this.#number(left) > this.#number(right);
      case "-ge":
        return this.#number(left) >= this.#number(right);
      case "-pgt":
      case "-plt": {
        if (left === right && /[0-9]$/.test(left)) return false;
        let common = 0;
        while (common < left.length && left[common] === right[common]) common++;
        const a = this.#number(left.slice(common));
        const b = this.#number(right.slice(common));
        return operator === "-pgt" ? a > b : a < b;
      }
      case "-nt":
        return this.#isNewer(left, right);
      case "-ot":
        return this.#isNewer(right, left);
      default:
        return null;
    }
  }

  #isNewer(file: string, than: string): boolean {
    if (this.#files.kindOf(file) === "missing") return false;
    if (this.#files.kindOf(than) === "missing") return true;
    this.#files.timesWanted();
    return false;
  }

  #unary(operator: string, operand: string): boolean | null {
    switch (operator) {
      case "-d":
        return this.#files.kindOf(operand) === "directory";
      case "-e":
        return this.#files.kindOf(operand) !== "missing";
      case "-f":
        return this.#files.kindOf(operand) === "file";
      case "-s":
        return this.#files.sizeOf(operand) > 0;
      case "-n":
        return operand !== "";
      case "-z":
        return operand === "";
      default:
        return null;
    }
  }
}
