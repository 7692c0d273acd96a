import { parseNumber } from '../../core/go-number.ts';
import { ScrapeError } from './scrape-error.ts';

/** The exposition formats that are read. The UTF-8 names of text 1.0.0 are read in both. */
export type Format = 'text' | 'openmetrics';

export const TAB = 0x09;
export const NEWLINE = 0x0a;
export const SPACE = 0x20;
export const QUOTE = 0x22;
export const HASH = 0x23;
export const COMMA = 0x2c;
export const EQUALS = 0x3d;
export const BACKSLASH = 0x5c;
export const OPEN = 0x7b;
export const CLOSE = 0x7d;

const ZERO = 0x30;
const NINE = 0x39;

/** 10^n, exact as doubles: a mantissa below 2^53 divided by one of these is correctly rounded (Clinger 1990). */
const POWERS = Float64Array.from({ length: 23 }, (_, exponent) => 10 ** exponent);
const INTEGER = /^[+-]?\d+$/;
/** Longest token that is quoted in an error. */
const QUOTED_BYTES = 60;

/**
 * Where reading stands in a page. The page ends in a newline at `end - 1` whether or not the target sent one, so that
 * loops which stop at a newline need no other bound.
 */
export class PageScanner {
  readonly bytes: Uint8Array;
  readonly words: DataView;
  pos = 0;
  readonly end: number;
  /** Of the line being read, from 1. */
  line = 1;
  /** What may help with any error of this page. */
  hint = '';

  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
    this.words = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.end = bytes.length;
  }

  fail(what: string): ScrapeError {
    return new ScrapeError('parse', `Line ${this.line}: ${what}.${this.hint}`);
  }

  byte(): number {
    return this.bytes[this.pos] ?? NEWLINE;
  }

  skipBlanks(): void {
    for (let c = this.byte(); c === SPACE || c === TAB; c = this.byte()) this.pos += 1;
  }

  /** A sample value, exact; stands behind it afterwards. Most are short decimals, which need no text. */
  number(): number {
    const { bytes } = this;
    let pos = this.pos;
    let c = bytes[pos] ?? NEWLINE;
    const negative = c === 0x2d;
    if (negative) c = bytes[++pos] ?? NEWLINE;
    const first = pos;
    let mantissa = 0;
    let scale = 0;
    for (; c >= ZERO && c <= NINE; c = bytes[++pos] ?? NEWLINE) mantissa = mantissa * 10 + (c - ZERO);
    let digits = pos - first;
    if (c === 0x2e) {
      const fraction = ++pos;
      for (c = bytes[pos] ?? NEWLINE; c >= ZERO && c <= NINE; c = bytes[++pos] ?? NEWLINE) {
        mantissa = mantissa * 10 + (c - ZERO);
      }
      scale = pos - fraction;
      digits += scale;
    }
    const ended = c === NEWLINE || c === SPACE || c === TAB;
    if (!ended || digits === 0 || scale > 22 || mantissa > Number.MAX_SAFE_INTEGER) return this.#longNumber();
    this.pos = pos;
    const value = scale === 0 ? mantissa : mantissa / (POWERS[scale] ?? 1);
    return negative ? -value : value;
  }

  #longNumber(): number {
    const token = this.token();
    const value = parseNumber(token);
    if (value === undefined) throw this.fail(`"${token.slice(0, QUOTED_BYTES)}" is not a number`);
    return value;
  }

  /** The number that `[start, end)` is, exact; NaN when it is none. */
  numberIn(start: number, end: number): number {
    let mantissa = 0;
    let point = end;
    for (let at = start; at < end; at++) {
      const c = this.bytes[at] ?? 0;
      if (c >= ZERO && c <= NINE) mantissa = mantissa * 10 + (c - ZERO);
      else if (c === 0x2e && point === end && at > start) point = at;
      else return parseNumber(this.latin1(start, end)) ?? Number.NaN;
    }
    const scale = Math.max(0, end - point - 1);
    if (scale > 22 || mantissa > Number.MAX_SAFE_INTEGER) {
      return parseNumber(this.latin1(start, end)) ?? Number.NaN;
    }
    return mantissa / (POWERS[scale] ?? 1);
  }

  /** Whole milliseconds, as text 0.0.4 writes timestamps. */
  milliseconds(): number {
    const token = this.token();
    const value = INTEGER.test(token) ? Number(token) : Number.NaN;
    if (Number.isSafeInteger(value)) return value;
    throw this.fail(`"${token.slice(0, QUOTED_BYTES)}" is not a timestamp in milliseconds`);
  }

  /** Seconds with a fraction, as OpenMetrics writes timestamps; milliseconds, as Prometheus keeps them. */
  seconds(): number {
    const token = this.token();
    const value = (parseNumber(token) ?? Number.NaN) * 1000;
    if (Number.isFinite(value)) return Math.round(value);
    throw this.fail(`"${token.slice(0, QUOTED_BYTES)}" is not a timestamp in seconds`);
  }

  /** Everything up to the next blank or the end of the line. */
  token(): string {
    const from = this.pos;
    let pos = from;
    for (let c = this.byte(); c !== SPACE && c !== TAB && c !== NEWLINE; c = this.bytes[pos] ?? NEWLINE) pos += 1;
    this.pos = pos;
    return this.latin1(from, pos);
  }

  latin1(start: number, end: number): string {
    return Buffer.from(this.bytes.buffer, this.bytes.byteOffset + start, end - start).toString('latin1');
  }

  /** Where the current line ends: the position of its newline. */
  lineEnd(): number {
    const at = this.bytes.indexOf(NEWLINE, this.pos);
    return at < 0 ? this.end - 1 : at;
  }
}
