/**
 * Scripts made by chance, from a seed: sound ones, ones with every kind of mistake, and raw bytes.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import { type Random, seededRandom } from "../support/random.ts";

class Dice {
  readonly #random: Random;

  constructor(seed: number) {
    this.#random = seededRandom(seed);
  }

  /** 0 to `sides` - 1. */
  roll(sides: number): number {
    return this.#random.int(0, sides - 1);
  }

  chance(percent: number): boolean {
    return this.#random.chance(percent / 100);
  }

  pick<T>(items: readonly T[]): T {
    const item = items[this.roll(items.length)];
    if (item === undefined) throw new RangeError("nothing to pick from");
    return item;
  }
}

export interface Style {
  /** Percent of places where something is broken on purpose. */
  readonly mistakes: number;
  /** Whether loops may fail to end. */
  readonly endless: boolean;
}

const NAMES = ["a", "b", "e", "s", "lead", "v", "q", "x1", "_y"] as const;
const BARE = [
  "foo",
  "x",
  "a=b",
  "-n",
  "1",
  "07",
  "if",
  "fi",
  "in",
  "done",
  "}x",
  "a#b",
  "=",
  "(",
  "!",
  "]",
] as const;
const FRAGMENTS = [
  "||",
  "&&",
  "|",
  "&",
  ";;",
  ";",
  "}",
  "{",
  "fi",
  "done",
  "then",
  "else",
  "do",
  '"',
  "'",
  "$",
  "${",
  "$(x)",
  "\\",
  "<",
  ">",
  "[[",
  "]]",
  "case",
  "function",
  "in",
  "#",
  "\n",
  "elif",
] as const;

class Writer {
  readonly #dice: Dice;
  readonly #style: Style;
  #counters = 0;
  #functions = 0;
  #words = 0;

  constructor(dice: Dice, style: Style) {
    this.#dice = dice;
    this.#style = style;
  }

  variable(): string {
    const dice = this.#dice;
    const name = dice.pick([...NAMES, "1", "2", "#", "@", "?", "nosuch"]);
    return dice.chance(40) ? `\${${name}}` : `$${name}`;
  }

  word(): string {
    const dice = this.#dice;
    this.#words++;
    let word = "";
    const parts = dice.chance(60) ? 1 : 1 + dice.roll(4);
    for (let part = 0; part < parts; part++) {
      switch (dice.roll(9)) {
        case 0:
        case 1:
          word += dice.pick(BARE).replace("}", dice.chance(this.#style.mistakes) ? "}" : "\\}");
          break;
        case 2:
          word += this.variable();
          break;
        case 3:
          word += `'${dice.pick(["a b", "", "$s", '"', "\\", " ", "x;y", "a|b"])}'`;
          break;
        case 4:
        case 5: {
          let inside = "";
          for (let count = dice.roll(4); count > 0; count--) {
            inside += dice.pick([
              this.variable(),
              "x",
              " ",
              "  ",
              "\\$",
              '\\"',
              "\\\\",
              "\\n",
              "{",
              ";",
              "'",
              "#",
            ]);
          }
          word += `"${inside}"`;
          break;
        }
        case 6:
          word += `\\${dice.pick([" ", "a", "$", '"', "'", "\\", ";", "n", "{"])}`;
          break;
        default:
          word += dice.pick(["foo", "bar", "x", "y1", "console=tty0", "a.b"]);
      }
      if (dice.chance(2)) word += "\\\n";
    }
    if (dice.chance(this.#style.mistakes)) word += dice.pick(FRAGMENTS);
    return word;
  }

  words(most: number): string {
    let words = "";
    for (let count = this.#dice.roll(most + 1); count > 0; count--) {
      words += (this.#dice.chance(90) ? " " : "\t ") + this.word();
    }
    return words;
  }

  condition(): string {
    const dice = this.#dice;
    switch (dice.roll(8)) {
      case 0:
        return "true";
      case 1:
        return "false";
      case 2:
        return `! ${this.condition()}`;
      case 3:
        return `nosuch${this.words(2)}`;
      default: {
        const terms: string[] = [];
        for (let count = 1 + dice.roll(3); count > 0; count--) {
          terms.push(dice.pick([
            `"$${dice.pick(NAMES)}" ${dice.pick(["=", "!=", "==", "-eq", "-lt", "-ge"])} ${
              dice.pick(["1", '""', '"a"', "x", "07"])
            }`,
            `-n "$${dice.pick(NAMES)}"`,
            `-z $${dice.pick(NAMES)}`,
            `! "${dice.pick(["", "x"])}"`,
            `${dice.roll(20)} ${dice.pick(["-eq", "-ne", "-gt", "-le", "-pgt", "-plt"])} ${dice.roll(20)}`,
            dice.pick(["a", '""', "-a", "-o", "!", '"("', '")"']),
          ]));
          if (count > 1) terms.push(dice.pick(["-a", "-o", ""]));
        }
        return `[ ${terms.join(" ")} ]`;
      }
    }
  }

  command(depth: number): string {
    const dice = this.#dice;
    const roll = dice.roll(depth > 3 ? 10 : 20);
    switch (roll) {
      case 0:
      case 1:
      case 2:
      case 3:
        return `show${this.words(4)}`;
      case 4:
        return `echo${this.words(3)}`;
      case 5:
        return `set ${dice.pick(NAMES)}=${this.word()}${dice.chance(10) ? this.words(2) : ""}`;
      case 6:
        return `${dice.pick(NAMES)}=${this.word()}`;
      case 7:
        return dice.pick([
          "true",
          "false",
          "! true",
          "unset a",
          "unset x1",
          "export b",
          "nosuch",
          "shift",
          "$e",
          "$q",
        ]);
      case 8:
        return dice.pick(["break", "continue", "break 2", "return", "return 1", "return 2", "setparams p q"]);
      case 9:
        return `eval ${
          dice.pick(['"echo \\$1 $a"', "show $s", '"x1=5; show \\$x1"', "'show \"$q\"'", '"if"'])
        }`;
      case 10:
      case 11:
      case 12: {
        let text = `if ${this.condition()}${this.delimiter()}then${this.space()}${this.commands(depth + 1)}`;
        if (dice.chance(25)) {
          text += `elif ${this.condition()}; then${this.space()}${this.commands(depth + 1)}`;
        }
        if (dice.chance(50)) text += `else${this.space()}${this.commands(depth + 1)}`;
        return `${text}fi`;
      }
      case 13:
      case 14:
        return `for ${dice.pick(NAMES)} in${this.words(4)}${this.delimiter()}do${this.space()}${
          this.commands(depth + 1)
        }done`;
      case 15: {
        if (this.#style.endless) {
          return `${dice.pick(["while", "until"])} ${this.condition()}; do${this.space()}${
            this.commands(depth + 1)
          }done`;
        }
        const counter = `n${this.#counters++}`;
        return `while ${counter}=x$${counter}; [ "$${counter}" != xxx ]; do${this.space()}${
          this.commands(depth + 1)
        }done`;
      }
      case 16:
        return `show {${this.commands(depth + 1).trimEnd().replace(/;$/, "")}}`;
      case 17:
        return `show${this.words(2)} # ${dice.pick(["comment", "a || b", '"', "\\"])}\nshow${this.words(1)}`;
      default:
        return this.#functions === 0
          ? `show${this.words(2)}`
          : `f${dice.roll(this.#functions)}${this.words(3)}`;
    }
  }

  delimiter(): string {
    return this.#dice.pick(["; ", ";", "\n", " ; ", "\n\n"]);
  }

  space(): string {
    return this.#dice.pick([" ", "\n", "\n\n", " \n "]);
  }

  commands(depth: number): string {
    let text = "";
    for (let count = 1 + this.#dice.roll(3); count > 0; count--) {
      text += this.command(depth) + this.delimiter();
    }
    return text;
  }

  script(): string {
    const dice = this.#dice;
    let text = "";
    for (let count = 2 + dice.roll(8); count > 0; count--) {
      if (dice.chance(12)) {
        const body = this.commands(1);
        text += `function f${this.#functions} {${this.space()}${body}}\n`;
        this.#functions++;
      } else {
        text += this.command(0) + dice.pick(["\n", "\n", "\n", "; ", ";\n"]);
      }
    }
    return text;
  }
}

/** A script of the corpus's language; functions never call later ones, so that calls end. */
export function generateScript(seed: number, style: Style): string {
  return new Writer(new Dice(seed), style).script();
}

/** A script with bytes changed, removed, doubled and swapped. */
export function mutate(script: string, seed: number): string {
  const dice = new Dice(seed);
  let text = script;
  for (let count = 1 + dice.roll(6); count > 0; count--) {
    const at = dice.roll(text.length + 1);
    const length = dice.roll(12);
    switch (dice.roll(5)) {
      case 0:
        text = text.slice(0, at) + text.slice(at + length);
        break;
      case 1:
        text = text.slice(0, at) + text.slice(at, at + length).repeat(2 + dice.roll(3)) +
          text.slice(at + length);
        break;
      case 2:
        text = text.slice(0, at) + String.fromCharCode(dice.roll(256)) + text.slice(at + 1);
        break;
      case 3:
        text = text.slice(0, at) + dice.pick(FRAGMENTS) + text.slice(at);
        break;
      default:
        text = text.slice(at) + text.slice(0, at);
    }
  }
  return text;
}

export function rawBytes(seed: number): Uint8Array {
  const dice = new Dice(seed);
  const bytes = Buffer.alloc(dice.roll(dice.chance(10) ? 4000 : 200));
  const printable = dice.chance(60);
  for (let at = 0; at < bytes.length; at++) {
    bytes[at] = printable ? dice.pick([10, 32, 32 + dice.roll(95), 32 + dice.roll(95)]) : dice.roll(256);
  }
  return bytes;
}
