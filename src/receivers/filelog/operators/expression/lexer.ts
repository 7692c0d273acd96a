import type { Value } from '../entry.ts';
import { parseNumber } from './number-literal.ts';
import { parseString } from './string-literal.ts';
import { refusal } from './syntax.ts';

export type Token =
  | { readonly kind: 'literal'; readonly at: number; readonly text: string; readonly value: Value }
  | { readonly kind: 'word' | 'symbol' | 'end'; readonly at: number; readonly text: string };

const SPACE = /(?:[ \t\r\n]|\/\/[^\n]*|\/\*[^]*?\*\/)*/y;
const WORD = /[\p{L}_$][\p{L}\p{Nd}_$]*/uy;
const NUMBER = /(?:\d|\.\d)(?:[eE][+-]?\d|\.(?!\.)|[\p{L}\d_])*/uy;
const SYMBOL = /\?\.|\?\?|\.\.|\*\*|&&|\|\||::|[=!<>]=|[()[\]{},:?.+\-*/%^<>!|#;=&]/y;

/** Reads tokens one at a time, so that an expression can end inside a longer text. */
export class Lexer {
  readonly #source: string;
  #at: number;

  constructor(source: string, at: number) {
    this.#source = source;
    this.#at = at;
  }

  next(): Token {
    this.#take(SPACE);
    const at = this.#at;
    const first = this.#source[at];
    if (first === undefined) return { kind: 'end', at, text: '' };
    if (first === '"' || first === "'" || first === '`') return this.#string(at);
    const number = this.#take(NUMBER);
    if (number !== undefined) return { kind: 'literal', at, text: number, value: parseNumber(number, at) };
    const word = this.#take(WORD);
    if (word !== undefined) return { kind: 'word', at, text: word };
    const symbol = this.#take(SYMBOL);
    if (symbol !== undefined) return { kind: 'symbol', at, text: symbol };
    throw refusal(
      at,
      `the character ${JSON.stringify(String.fromCodePoint(this.#source.codePointAt(at) ?? 0))} has no meaning here`,
    );
  }

  #string(at: number): Token {
    const { value, end } = parseString(this.#source, at);
    this.#at = end;
    return { kind: 'literal', at, text: this.#source.slice(at, end), value };
  }

  #take(pattern: RegExp): string | undefined {
    pattern.lastIndex = this.#at;
    const text = pattern.exec(this.#source)?.[0];
    if (text !== undefined) this.#at += text.length;
    return text;
  }
}
