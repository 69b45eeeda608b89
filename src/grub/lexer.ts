/**
 * Splits GRUB script into tokens, a physical line at a time.
 *
 * GRUB reads one line, and more only where the line cannot stand alone: an open quote, a backslash at its
 * end, or a compound command that is not finished. After an error every further token is bad, and the rest of
 * the line is lost; both decide what survives a broken file. Rules found by running GRUB 2.06 and 2.12.
 *
 * @module
 */
import type { Origin } from "./result.ts";
import type { SourceText } from "./source_text.ts";
import type { Piece, Word } from "./syntax.ts";
import { type Traced, TracedBuilder } from "./traced.ts";

/** Words that mean something where a command may start. */
const KEYWORDS: ReadonlySet<string> = new Set([
  "if",
  "then",
  "else",
  "elif",
  "fi",
  "for",
  "in",
  "while",
  "until",
  "do",
  "done",
  "function",
  "case",
  "esac",
  "select",
]);

/** Reserved, and wrong wherever they stand alone. */
const RESERVED: ReadonlySet<string> = new Set(["[[", "]]"]);

export interface WordToken {
  readonly kind: "word";
  readonly word: Word;
  /** The text, if it is one plain name: letters, digits and underscores, unquoted. */
  readonly name: string | null;
  readonly keyword: string | null;
  readonly start: number;
  readonly end: number;
}

export interface MarkToken {
  readonly kind: "newline" | ";" | "{" | "}" | "end";
  readonly start: number;
  readonly end: number;
}

export interface BadToken {
  readonly kind: "bad";
  readonly start: number;
  readonly end: number;
  /** What was wrong, as data for the diagnostic. */
  readonly fault:
    | "operator"
    | "reserved"
    | "dollar"
    | "quoted-dollar"
    | "unfinished"
    | "after-error";
  /** What GRUB prints for it before the parser's own messages. */
  readonly message: string | null;
}

export type Token = WordToken | MarkToken | BadToken;

export interface LexerOptions {
  /** Flatcar's GRUB 2.12 keeps an unquoted `\xHH` as it is; other GRUBs drop the backslash. */
  readonly hexEscapes: boolean;
}

const NEWLINE = 0x0a;
const HASH = 0x23;
const DOLLAR = 0x24;
const DOUBLE_QUOTE = 0x22;
const SINGLE_QUOTE = 0x27;
const BACKSLASH = 0x5c;

/** What a character means outside and inside of double quotes; most mean nothing, and are passed quickly. */
const SPECIAL = new Uint8Array(256);
for (const char of " \t\n&;<>{}|\"'\\$") SPECIAL[char.charCodeAt(0)] = 1;
const SPECIAL_IN_QUOTES = new Uint8Array(256);
for (const char of '\n"\\$') SPECIAL_IN_QUOTES[char.charCodeAt(0)] = 1;

/** Offset of the next character that means something; the text always ends in a newline. */
function skip(text: string, from: number, special: Uint8Array): number {
  let at = from;
  while (special[text.charCodeAt(at)] === 0) at++;
  return at;
}

function isBlank(code: number): boolean {
  return code === 0x20 || code === 0x09;
}

/** `{ } | & ; < >` and the newline end a word. */
function isMeta(code: number): boolean {
  switch (code) {
    case NEWLINE:
    case 0x26:
    case 0x3b:
    case 0x3c:
    case 0x3e:
    case 0x7b:
    case 0x7c:
    case 0x7d:
      return true;
    default:
      return false;
  }
}

function isDigit(code: number): boolean {
  return code >= 0x30 && code <= 0x39;
}

function isNameStart(code: number): boolean {
  return (code >= 0x41 && code <= 0x5a) || (code >= 0x61 && code <= 0x7a) || code === 0x5f;
}

function isName(text: string): boolean {
  if (text === "" || !isNameStart(text.charCodeAt(0))) return false;
  for (let index = 1; index < text.length; index++) {
    const code = text.charCodeAt(index);
    if (!isNameStart(code) && !isDigit(code)) return false;
  }
  return true;
}

function isHexDigit(code: number): boolean {
  return isDigit(code) || (code >= 0x41 && code <= 0x46) || (code >= 0x61 && code <= 0x66);
}

/** `? # @ *` */
function isSpecialName(code: number): boolean {
  return code === 0x3f || code === HASH || code === 0x40 || code === 0x2a;
}

export class Lexer {
  readonly source: SourceText;
  readonly #text: string;
  readonly #options: LexerOptions;
  #at: number;
  /** End of the last line that was read. */
  #lineEnd: number;
  #failed = false;
  /** Offset of a dollar sign in double quotes that names nothing, in the word being read; -1: none. */
  #quotedDollar = -1;
  /** Compound commands that are open; while there are any, a line's end asks for the next line. */
  #open = 0;

  /** Starts at the line that begins at `start`. */
  constructor(source: SourceText, start: number, options: LexerOptions) {
    this.source = source;
    this.#text = source.text;
    this.#options = options;
    this.#at = start;
    this.#lineEnd = source.lineEnd(start);
  }

  /** Where the next line begins: what is left of the current one is lost with an error. */
  get nextLine(): number {
    return this.#lineEnd;
  }

  open(): void {
    this.#open++;
  }

  close(): void {
    this.#open--;
  }

  next(): Token {
    if (this.#failed) return this.#bad(this.#at, "after-error", null);
    for (;;) {
      if (this.#at >= this.#lineEnd) {
        if (this.#open === 0) return { kind: "end", start: this.#at, end: this.#at };
        if (!this.#readLine()) return this.#unfinished(this.#at);
      }
      const code = this.#text.charCodeAt(this.#at);
      if (isBlank(code)) {
        this.#at++;
        continue;
      }
      if (code === HASH) {
        this.#at = this.#lineEnd - 1;
        continue;
      }
      if (isMeta(code)) return this.#mark(code);
      return this.#word();
    }
  }

  /** Permits reading one more line; false at the end of the text. */
  #readLine(): boolean {
    if (this.#lineEnd >= this.#text.length) return false;
    this.#lineEnd = this.source.lineEnd(this.#lineEnd);
    return true;
  }

  #bad(start: number, fault: BadToken["fault"], message: string | null): BadToken {
    this.#failed = true;
    return { kind: "bad", start, end: Math.min(this.#at, this.#text.length), fault, message };
  }

  /** GRUB's reader has no line left to give, which it reports as being out of memory. */
  #unfinished(start: number): BadToken {
    return this.#bad(start, "unfinished", "out of memory.");
  }

  #mark(code: number): Token {
    const start = this.#at++;
    if (code === NEWLINE) return { kind: "newline", start, end: this.#at };
    if (code === 0x7b) return { kind: "{", start, end: this.#at };
    if (code === 0x7d) return { kind: "}", start, end: this.#at };
    if (code === 0x3b && this.#text.charCodeAt(this.#at) !== 0x3b) {
      return { kind: ";", start, end: this.#at };
    }
    while (this.#at < this.#text.length && this.#text.charCodeAt(this.#at) === code) this.#at++;
    return this.#bad(start, "operator", null);
  }

  /** A word, which may be empty: a joined line with nothing in it. */
  #word(): Token {
    const text = this.#text;
    const start = this.#at;
    const pieces: Piece[] = [];
    let plain = true;
    let bareStart = start;
    // Unquoted text, escapes and all, since the last quote or variable.
    let chunkStart = start;
    let chunkPieces = 0;
    const endChunk = (): void => {
      bareStart = this.#at;
      chunkStart = this.#at;
      chunkPieces = pieces.length;
    };
    const flush = () => {
      if (bareStart < this.#at) {
        pieces.push({ kind: "text", value: this.source.slice(bareStart, this.#at), quoted: false });
      }
    };
    for (;;) {
      this.#at = skip(text, this.#at, SPECIAL);
      const code = text.charCodeAt(this.#at);
      if (isBlank(code) || isMeta(code)) break;
      if (code === BACKSLASH) {
        flush();
        plain = false;
        if (text.charCodeAt(this.#at + 1) === NEWLINE) {
          this.#at += 2;
          if (!this.#readLine()) return this.#unfinished(start);
        } else if (this.#options.hexEscapes && this.#isHexEscape(this.#at)) {
          pieces.push({ kind: "text", value: this.source.slice(this.#at, this.#at + 4), quoted: true });
          this.#at += 4;
        } else {
          pieces.push({ kind: "text", value: this.source.slice(this.#at + 1, this.#at + 2), quoted: true });
          this.#at += 2;
        }
        bareStart = this.#at;
      } else if (code === SINGLE_QUOTE) {
        flush();
        plain = false;
        const value = this.#singleQuoted();
        if (value === null) return this.#unfinished(start);
        pieces.push({ kind: "text", value, quoted: true });
        endChunk();
      } else if (
        code === DOUBLE_QUOTE || (code === DOLLAR && text.charCodeAt(this.#at + 1) === DOUBLE_QUOTE)
      ) {
        const translated = code === DOLLAR;
        if (translated && pieces.length > chunkPieces) {
          // In front of a string to be translated, `$"…"`, backslashes stay.
          pieces.length = chunkPieces;
          bareStart = chunkStart;
        }
        flush();
        plain = false;
        this.#at += translated ? 2 : 1;
        if (!this.#doubleQuoted(pieces, translated)) return this.#unfinished(start);
        endChunk();
      } else if (code === DOLLAR) {
        const dollar = this.#at;
        const name = this.#variableName();
        if (name === null) {
          this.#at = dollar;
          // What stands before it is a word of its own, read first.
          if (dollar > start) break;
          this.#at++;
          return this.#bad(dollar, "dollar", "$.");
        }
        const after = this.#at;
        this.#at = dollar;
        flush();
        plain = false;
        this.#at = after;
        pieces.push({ kind: "variable", name, quoted: false, origin: this.source.originAt(dollar) });
        endChunk();
      } else {
        this.#at++;
      }
    }
    flush();
    if (this.#quotedDollar >= 0) return this.#bad(this.#quotedDollar, "quoted-dollar", null);
    const origin: Origin = this.source.originAt(start);
    const bare = plain ? text.slice(start, this.#at) : "";
    if (RESERVED.has(bare)) return this.#bad(start, "reserved", null);
    return {
      kind: "word",
      word: { pieces, origin },
      name: isName(bare) ? bare : null,
      keyword: KEYWORDS.has(bare) ? bare : null,
      start,
      end: this.#at,
    };
  }

  #isHexEscape(at: number): boolean {
    return this.#text.charCodeAt(at + 1) === 0x78 && isHexDigit(this.#text.charCodeAt(at + 2)) &&
      isHexDigit(this.#text.charCodeAt(at + 3));
  }

  /** Reads past the closing quote; null at the end of the text. */
  #singleQuoted(): Traced | null {
    const start = ++this.#at;
    const end = this.#text.indexOf("'", start);
    this.#at = end < 0 ? this.#text.length : end + 1;
    while (this.#lineEnd < this.#at) this.#lineEnd = this.source.lineEnd(this.#lineEnd);
    return end < 0 ? null : this.source.slice(start, end);
  }

  /** Adds what stands between double quotes to `pieces`; false at the end of the text. */
  #doubleQuoted(pieces: Piece[], translated: boolean): boolean {
    const text = this.#text;
    let builder = new TracedBuilder();
    let from = this.#at;
    const keep = (): void => {
      if (from < this.#at) builder.add(this.source.slice(from, this.#at));
    };
    for (;;) {
      if (this.#at >= this.#lineEnd && !this.#readLine()) return false;
      this.#at = skip(text, this.#at, SPECIAL_IN_QUOTES);
      const code = text.charCodeAt(this.#at);
      if (code === DOUBLE_QUOTE) {
        keep();
        // Even an empty piece counts: quotes make an argument.
        pieces.push({ kind: "text", value: builder.build(), quoted: true });
        this.#at++;
        return true;
      }
      if (code === BACKSLASH) {
        const escaped = text.charCodeAt(this.#at + 1);
        if (escaped === NEWLINE) {
          keep();
          this.#at += 2;
          from = this.#at;
        } else if (escaped === DOLLAR || escaped === BACKSLASH || escaped === DOUBLE_QUOTE) {
          keep();
          from = this.#at + 1;
          this.#at += 2;
        } else {
          this.#at++;
        }
      } else if (code === DOLLAR) {
        const dollar = this.#at;
        const name = this.#variableName();
        const after = this.#at;
        this.#at = dollar;
        if (name === null) {
          // GRUB goes on to the end of the word, over lines if need be, before it says so.
          if (!translated && this.#quotedDollar < 0) this.#quotedDollar = dollar;
          this.#at++;
          continue;
        }
        keep();
        if (builder.length > 0) pieces.push({ kind: "text", value: builder.build(), quoted: true });
        pieces.push({ kind: "variable", name, quoted: true, origin: this.source.originAt(dollar) });
        builder = new TracedBuilder();
        this.#at = after;
        from = after;
      } else {
        this.#at++;
      }
    }
  }

  /** Reads `$NAME`, `$1`, `$?`, `${…}`; null, with the position anywhere, if this is none of them. */
  #variableName(): string | null {
    const text = this.#text;
    let at = this.#at + 1;
    const braced = text.charCodeAt(at) === 0x7b;
    if (braced) at++;
    const start = at;
    const first = text.charCodeAt(at);
    if (isNameStart(first)) {
      at++;
      while (isNameStart(text.charCodeAt(at)) || isDigit(text.charCodeAt(at))) at++;
    } else if (isDigit(first)) {
      while (isDigit(text.charCodeAt(at))) at++;
    } else if (isSpecialName(first)) {
      at++;
    } else {
      return null;
    }
    const name = text.slice(start, at);
    if (braced) {
      if (text.charCodeAt(at) !== 0x7d) return null;
      at++;
    }
    this.#at = at;
    return name;
  }
}
