import { isUtf8 } from 'node:buffer';
import { RemoraError } from '../../core/errors.ts';
import { hexCode } from './encodings.ts';

/** Arrays and objects inside a value that is passed over; more is payload_too_deep. */
const MAX_BRACKETS = 256;

export const QUOTE = 0x22;
export const BACKSLASH = 0x5c;
export const OPEN_BRACE = 0x7b;
export const CLOSE_BRACE = 0x7d;
export const OPEN_BRACKET = 0x5b;
export const CLOSE_BRACKET = 0x5d;
const COMMA = 0x2c;
const COLON = 0x3a;
const MINUS = 0x2d;
const DOT = 0x2e;
const LOWER_U = 0x75;
const ZERO = 0x30;
const NINE = 0x39;

/** What may follow a backslash, by its code. */
const IS_ESCAPE = new Uint8Array(256);
for (const byte of Buffer.from('"\\/bfnrtu')) IS_ESCAPE[byte] = 1;

const NULL = Buffer.from('null');
const TRUE = Buffer.from('true');
const FALSE = Buffer.from('false');

/** A string or number of the text: `[start, end)` of `source`, without quotes. Valid until the next token is read. */
export interface Token {
  source: Uint8Array;
  start: number;
  end: number;
  /** Of a string: has backslashes that still stand for something else. Of a number: has a fraction or an exponent. */
  marked: boolean;
}

/**
 * Reads JSON text (RFC 8259) front to back, token by token. Holds to the grammar, never recurses. The methods throw
 * payload_malformed where the text is not what the method reads.
 */
export class JsonInput {
  readonly bytes: Uint8Array;
  pos = 0;
  readonly token: Token;

  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
    this.token = { source: bytes, start: 0, end: 0, marked: false };
  }

  malformed(what: string, at = this.pos): RemoraError {
    return new RemoraError('payload_malformed', `Malformed OTLP/JSON: ${what} at byte ${at}.`);
  }

  /** The next byte that is no white space, which stays unread; -1 at the end. */
  peek(): number {
    while (this.pos < this.bytes.length) {
      const byte = this.bytes[this.pos] ?? 0;
      if (byte > 0x20) return byte;
      if (byte !== 0x20 && byte !== 0x0a && byte !== 0x0d && byte !== 0x09) break;
      this.pos += 1;
    }
    return this.bytes[this.pos] ?? -1;
  }

  expect(byte: number): void {
    if (this.peek() !== byte) throw this.malformed(`"${String.fromCharCode(byte)}" expected`);
    this.pos += 1;
  }

  /** Between the elements of an array or object: true when another one follows, false after reading `close`. */
  another(close: number, first: boolean): boolean {
    const byte = this.peek();
    if (byte === close) {
      this.pos += 1;
      return false;
    }
    if (first) return true;
    if (byte !== COMMA) throw this.malformed('"," expected');
    this.pos += 1;
    return true;
  }

  /** Reads a member name and its colon; the name is the token. */
  key(): void {
    this.string();
    this.expect(COLON);
  }

  /** Reads `null` if it stands here. */
  tryNull(): boolean {
    if (this.peek() !== 0x6e) return false;
    this.#word(NULL);
    return true;
  }

  bool(): boolean {
    const yes = this.peek() === 0x74;
    this.#word(yes ? TRUE : FALSE);
    return yes;
  }

  /** Reads a string into the token. Bytes that are not UTF-8 become U+FFFD. */
  string(): void {
    if (this.peek() !== QUOTE) throw this.malformed('a string expected');
    const { bytes, token } = this;
    let at = this.pos + 1;
    let high = 0;
    token.source = bytes;
    token.start = at;
    token.marked = false;
    for (; ; at++) {
      const byte = bytes[at] ?? 0;
      if (byte === QUOTE) break;
      if (byte < 0x20) throw this.malformed(at < bytes.length ? 'control character in a string' : 'open string', at);
      high |= byte;
      if (byte !== BACKSLASH) continue;
      token.marked = true;
      at += 1;
      const escape = bytes[at] ?? 0;
      if (IS_ESCAPE[escape] !== 1 || (escape === LOWER_U && hexCode(bytes, at + 1) < 0)) {
        throw this.malformed('bad escape in a string', at - 1);
      }
    }
    token.end = at;
    this.pos = at + 1;
    if (high >= 0x80) this.#cleanToken();
  }

  #cleanToken(): void {
    const { token } = this;
    const view = Buffer.from(token.source.buffer, token.source.byteOffset + token.start, token.end - token.start);
    if (isUtf8(view)) return;
    token.source = Buffer.from(view.toString('utf8'));
    token.start = 0;
    token.end = token.source.length;
  }

  /** Reads a number into the token. */
  number(): void {
    this.peek();
    const { token } = this;
    token.source = this.bytes;
    token.start = this.pos;
    token.end = this.numberEnd(this.bytes, this.pos, this.bytes.length);
    this.pos = token.end;
  }

  /** Where the JSON number ends that begins at `start`; marks the token. */
  numberEnd(source: Uint8Array, start: number, limit: number): number {
    let at = source[start] === MINUS ? start + 1 : start;
    const whole = at;
    at = digitsEnd(source, at, limit);
    if (at === whole || (source[whole] === ZERO && at > whole + 1)) throw this.malformed('a number expected', start);
    this.token.marked = false;
    if (at < limit && source[at] === DOT) {
      this.token.marked = true;
      at = this.#someDigits(source, at + 1, limit);
    }
    if (at < limit && ((source[at] ?? 0) | 0x20) === 0x65) {
      this.token.marked = true;
      const sign = source[at + 1];
      at = this.#someDigits(source, at + (sign === 0x2b || sign === MINUS ? 2 : 1), limit);
    }
    return at;
  }

  #someDigits(source: Uint8Array, start: number, limit: number): number {
    const end = digitsEnd(source, start, limit);
    if (end === start) throw this.malformed('a digit expected', start);
    return end;
  }

  #word(word: Uint8Array): void {
    for (let i = 0; i < word.length; i++) {
      if (this.bytes[this.pos + i] !== word[i]) throw this.malformed('unexpected text');
    }
    this.pos += word.length;
  }

  /** Passes over one value of any kind, which must be valid JSON. */
  skip(): void {
    const closers: number[] = [];
    for (;;) {
      const close = this.#skipStart();
      let first = true;
      if (close !== 0) {
        if (closers.push(close) > MAX_BRACKETS) throw this.#tooDeep();
      } else {
        first = false;
      }
      for (;;) {
        const innermost = closers.at(-1);
        if (innermost === undefined) return;
        if (this.another(innermost, first)) break;
        closers.pop();
        first = false;
      }
      if (closers.at(-1) === CLOSE_BRACE) this.key();
    }
  }

  /** Reads a scalar, or the bracket that opens an array or object; returns what closes that, or 0. */
  #skipStart(): number {
    const byte = this.peek();
    if (byte === QUOTE) this.string();
    else if (byte === MINUS || (byte >= ZERO && byte <= NINE)) this.number();
    else if (byte === 0x74 || byte === 0x66) this.bool();
    else if (byte === OPEN_BRACE || byte === OPEN_BRACKET) {
      this.pos += 1;
      return byte === OPEN_BRACE ? CLOSE_BRACE : CLOSE_BRACKET;
    } else if (!this.tryNull()) throw this.malformed('a value expected');
    return 0;
  }

  #tooDeep(): RemoraError {
    const text = `The OTLP/JSON nests deeper than ${MAX_BRACKETS} levels at byte ${this.pos}.`;
    return new RemoraError('payload_too_deep', text);
  }

  /** Nothing but white space may follow. */
  end(): void {
    if (this.peek() !== -1) throw this.malformed('text after the end of the request');
  }
}

function digitsEnd(source: Uint8Array, start: number, limit: number): number {
  let at = start;
  while (at < limit && (source[at] ?? 0) >= ZERO && (source[at] ?? 0) <= NINE) at += 1;
  return at;
}
