/**
 * Parses GRUB script one complete statement line at a time and recovers from errors the way GRUB does.
 *
 * A unit is what GRUB parses before it executes: one physical line, or as many as an open quote or compound
 * command takes. An error loses the whole unit, from its first line to the line that the error is on; parsing
 * resumes with the next line. How many messages GRUB prints for an error depends on where its parser stands,
 * and is reproduced, since the number of errors is part of what an oracle can compare. All rules were found by
 * running GRUB 2.06 and 2.12.
 *
 * @module
 */
import { type BadToken, Lexer, type LexerOptions, type Token, type WordToken } from "./lexer.ts";
import { BoundReached, type Budget } from "./limits.ts";
import type { Origin } from "./result.ts";
import type { SourceText } from "./source_text.ts";
import type { Block, Branch, Command, Word } from "./syntax.ts";

export interface ParsedUnit {
  readonly kind: "unit";
  readonly commands: readonly Command[];
  /** Where the next unit begins. */
  readonly next: number;
}

export interface SyntaxFault {
  readonly kind: "fault";
  /** The offending token; null where GRUB wanted one that was not there. */
  readonly token: Token;
  readonly origin: Origin;
  /** First line of the statement that is lost with it. */
  readonly lostFrom: Origin;
  /** Last line of it. */
  readonly lostTo: Origin;
  /** The keyword of the innermost compound command that was open, if one was. */
  readonly within: string | null;
  /** What GRUB prints, one message a line, without `error: `. */
  readonly messages: readonly string[];
  readonly next: number;
}

export interface ParserOptions extends LexerOptions {
  /** What may still be read, and how deeply commands may stand inside one another. */
  readonly budget: Budget;
}

/** Told of every function, as soon as its closing brace is read: an error later in the line takes nothing back. */
export type FunctionSink = (name: string, body: readonly Command[]) => void;

/** Parses the unit that begins at `start`, which must be the start of a line; null at the end of the text. */
export function parseUnit(
  source: SourceText,
  start: number,
  options: ParserOptions,
  defineFunction: FunctionSink,
): ParsedUnit | SyntaxFault | null {
  if (start >= source.text.length) return null;
  const parser = new Parser(source, start, options, defineFunction);
  return parser.unit();
}

/** Unwinds to the start of the unit; never leaves this file. */
class Unexpected extends Error {
  readonly token: Token;

  constructor(token: Token) {
    super("syntax error");
    this.token = token;
  }
}

const SYNTAX = "syntax error.";
const INCORRECT = "Incorrect command.";

/** Keywords that no command starts with. */
const NO_COMMAND: ReadonlySet<string> = new Set([
  "then",
  "else",
  "elif",
  "fi",
  "in",
  "do",
  "done",
  "case",
  "esac",
  "select",
]);

function startsStatement(token: Token): boolean {
  return token.kind === "word" && (token.keyword === null || !NO_COMMAND.has(token.keyword));
}

class Parser {
  readonly #lexer: Lexer;
  readonly #source: SourceText;
  readonly #start: number;
  readonly #budget: Budget;
  readonly #defineFunction: FunctionSink;
  readonly #opened: string[] = [];
  #ahead: Token | null = null;
  /** Nothing but complete statements so far: an error now is one of a token too many. */
  #complete = false;

  constructor(source: SourceText, start: number, options: ParserOptions, defineFunction: FunctionSink) {
    this.#defineFunction = defineFunction;
    this.#lexer = new Lexer(source, start, options);
    this.#source = source;
    this.#start = start;
    this.#budget = options.budget;
  }

  unit(): ParsedUnit | SyntaxFault {
    const commands: Command[] = [];
    try {
      this.#newlines();
      while (this.#peek().kind !== "end") {
        const command = this.#statement();
        if (command !== null) commands.push(command);
        this.#delimiter();
        this.#complete = true;
        this.#newlines();
      }
    } catch (error) {
      if (error instanceof Unexpected) return this.#fault(error.token);
      throw error;
    }
    return { kind: "unit", commands, next: this.#lexer.nextLine };
  }

  #fault(token: Token): SyntaxFault {
    const messages: string[] = [];
    if (token.kind === "bad" && token.message !== null) messages.push(token.message);
    messages.push(SYNTAX);
    if (!this.#complete) {
      messages.push(INCORRECT, SYNTAX);
      // The parser takes the offending token for the start of a statement, and fails again on the next.
      if (startsStatement(token)) messages.push(INCORRECT, SYNTAX);
    }
    const at = Math.min(token.start, this.#source.text.length - 1);
    return {
      kind: "fault",
      token,
      origin: this.#source.originAt(at),
      lostFrom: this.#source.originAt(this.#start),
      lostTo: this.#source.originAt(this.#lexer.nextLine - 1),
      within: this.#opened.at(-1) ?? null,
      messages,
      next: this.#lexer.nextLine,
    };
  }

  #peek(): Token {
    this.#ahead ??= this.#lexer.next();
    return this.#ahead;
  }

  #take(): Token {
    const token = this.#peek();
    this.#budget.token();
    this.#ahead = null;
    return token;
  }

  #isKeyword(keyword: string): boolean {
    const token = this.#peek();
    return token.kind === "word" && token.keyword === keyword;
  }

  #expectKeyword(keyword: string): void {
    const token = this.#peek();
    if (token.kind !== "word" || token.keyword !== keyword) throw new Unexpected(token);
    this.#take();
  }

  #newlines(): void {
    while (this.#peek().kind === "newline") this.#take();
  }

  /** `;` or a newline. */
  #delimiter(): void {
    const token = this.#peek();
    if (token.kind !== ";" && token.kind !== "newline") throw new Unexpected(token);
    this.#take();
  }

  /** One `;` or newline, then any newlines. */
  #delimiters(): void {
    this.#delimiter();
    this.#newlines();
  }

  #enter(keyword: string): void {
    if (this.#opened.length >= this.#budget.limits.nesting) throw new BoundReached("nesting");
    this.#opened.push(keyword);
    this.#lexer.open();
  }

  #leave(): void {
    this.#opened.pop();
    this.#lexer.close();
  }

  /** Functions exist at the top level only; they leave nothing to run. */
  #statement(): Command | null {
    const token = this.#peek();
    // From here on an error is one inside a statement.
    this.#begin(token);
    if (token.kind === "word" && token.keyword === "function") {
      this.#function();
      return null;
    }
    return this.#command();
  }

  #begin(token: Token): void {
    if (startsStatement(token)) this.#complete = false;
  }

  #command(): Command {
    const token = this.#peek();
    if (token.kind !== "word") throw new Unexpected(token);
    switch (token.keyword) {
      case null:
        return this.#simple(token);
      case "if":
        return this.#if(token);
      case "while":
      case "until":
        return this.#loop(token);
      case "for":
        return this.#for(token);
      default:
        throw new Unexpected(token);
    }
  }

  /** Commands inside a compound command, up to the first word that cannot start one. */
  #commands(ends: (token: Token) => boolean, lastDelimiter: "needed" | "optional"): Command[] {
    const commands: Command[] = [];
    this.#newlines();
    for (;;) {
      commands.push(this.#command());
      const token = this.#peek();
      if (lastDelimiter === "optional" && ends(token)) return commands;
      this.#delimiters();
      if (ends(this.#peek())) return commands;
    }
  }

  #simple(first: WordToken): Command {
    const words: Word[] = [];
    let block: Block | null = null;
    for (;;) {
      const token = this.#peek();
      if (token.kind === "word") {
        words.push(token.word);
        this.#take();
      } else if (token.kind === "{" && words.length > 0) {
        block = this.#block();
        break;
      } else {
        break;
      }
    }
    return { kind: "simple", words, block, origin: first.word.origin };
  }

  #block(): Block {
    const opening = this.#take();
    this.#enter("{");
    const body = this.#commands((token) => token.kind === "}", "optional");
    const closing = this.#take();
    this.#leave();
    return {
      text: this.#source.slice(opening.start, closing.end),
      body,
      origin: this.#source.originAt(opening.start),
    };
  }

  #if(first: WordToken): Command {
    const branches: Branch[] = [];
    let otherwise: Command[] = [];
    this.#take();
    this.#enter("if");
    const isThen = (token: Token): boolean => token.kind === "word" && token.keyword === "then";
    const isEnd = (token: Token): boolean =>
      token.kind === "word" &&
      (token.keyword === "elif" || token.keyword === "else" || token.keyword === "fi");
    const isFi = (token: Token): boolean => token.kind === "word" && token.keyword === "fi";
    for (;;) {
      const condition = this.#commands(isThen, "needed");
      this.#expectKeyword("then");
      branches.push({ condition, body: this.#commands(isEnd, "needed") });
      if (!this.#isKeyword("elif")) break;
      this.#take();
    }
    if (this.#isKeyword("else")) {
      this.#take();
      otherwise = this.#commands(isFi, "needed");
    }
    this.#expectKeyword("fi");
    this.#leave();
    return { kind: "if", branches, otherwise, origin: first.word.origin };
  }

  #loop(first: WordToken): Command {
    this.#take();
    this.#enter(first.keyword ?? "while");
    const condition = this.#commands((token) => token.kind === "word" && token.keyword === "do", "needed");
    const body = this.#doBody();
    this.#leave();
    return { kind: "loop", until: first.keyword === "until", condition, body, origin: first.word.origin };
  }

  #doBody(): Command[] {
    this.#expectKeyword("do");
    const body = this.#commands((token) => token.kind === "word" && token.keyword === "done", "needed");
    this.#expectKeyword("done");
    return body;
  }

  #for(first: WordToken): Command {
    this.#take();
    const variable = this.#name();
    this.#expectKeyword("in");
    this.#enter("for");
    const words: Word[] = [];
    for (let token = this.#peek(); token.kind === "word"; token = this.#peek()) {
      words.push(token.word);
      this.#take();
    }
    this.#delimiters();
    const body = this.#doBody();
    this.#leave();
    return { kind: "for", variable, words, body, origin: first.word.origin };
  }

  #function(): void {
    this.#take();
    const name = this.#name();
    this.#enter("function");
    this.#newlines();
    const opening = this.#peek();
    if (opening.kind !== "{") throw new Unexpected(opening);
    this.#take();
    const body = this.#commands((token) => token.kind === "}", "needed");
    this.#take();
    this.#leave();
    this.#defineFunction(name, body);
  }

  /** A plain name that is not a keyword. */
  #name(): string {
    const token = this.#peek();
    if (token.kind !== "word" || token.name === null || token.keyword !== null) throw new Unexpected(token);
    this.#take();
    return token.name;
  }
}

export type { BadToken };
