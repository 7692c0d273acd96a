import { isUtf8 } from 'node:buffer';
import { belowBillion, billionsOf } from './numbers.ts';

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const ZERO = 0x30;

/** What each byte is written as: 0 as it is, 1 as \u00XX, anything else after a backslash. */
const ESCAPE = new Uint8Array(256).fill(1, 0, 0x20);
for (const [byte, escape] of [
  [QUOTE, '"'],
  [BACKSLASH, '\\'],
  [8, 'b'],
  [9, 't'],
  [10, 'n'],
  [12, 'f'],
  [13, 'r'],
] as const) {
  ESCAPE[byte] = escape.charCodeAt(0);
}
const HEX_DIGITS = Buffer.from('0123456789abcdef');

/** JSON text in bytes, in one growing buffer. */
export class JsonOutput {
  #buffer: Buffer;
  #pos = 0;

  constructor(initialBytes: number) {
    this.#buffer = Buffer.allocUnsafeSlow(initialBytes);
  }

  #ensure(bytes: number): void {
    if (this.#pos + bytes <= this.#buffer.length) return;
    const grown = Buffer.allocUnsafeSlow(Math.max(this.#buffer.length * 2, this.#pos + bytes));
    this.#buffer.copy(grown, 0, 0, this.#pos);
    this.#buffer = grown;
  }

  byte(byte: number): void {
    this.#ensure(1);
    this.#buffer[this.#pos++] = byte;
  }

  /** Text that is JSON already. */
  bytes(json: Uint8Array): void {
    this.#ensure(json.length);
    const buffer = this.#buffer;
    const pos = this.#pos;
    for (let i = 0; i < json.length; i++) buffer[pos + i] = json[i] ?? 0;
    this.#pos = pos + json.length;
  }

  ascii(text: string): void {
    this.#ensure(text.length);
    this.#pos += this.#buffer.write(text, this.#pos, 'latin1');
  }

  /** A string literal of UTF-8; what is not UTF-8 becomes U+FFFD. */
  string(source: Uint8Array, start: number, end: number): void {
    this.#ensure((end - start) * 6 + 2);
    const from = this.#pos;
    const buffer = this.#buffer;
    let pos = from;
    let high = 0;
    buffer[pos++] = QUOTE;
    for (let at = start; at < end; at++) {
      const byte = source[at] ?? 0;
      high |= byte;
      const escape = ESCAPE[byte] ?? 0;
      if (escape === 0) buffer[pos++] = byte;
      else pos = putEscape(buffer, pos, byte, escape);
    }
    buffer[pos++] = QUOTE;
    this.#pos = pos;
    if (high < 0x80) return;
    const view = Buffer.from(source.buffer, source.byteOffset + start, end - start);
    if (isUtf8(view)) return;
    this.#pos = from;
    const clean = Buffer.from(view.toString('utf8'));
    this.string(clean, 0, clean.length);
  }

  /** A string literal of lower-case hex. */
  hex(source: Uint8Array, start: number, end: number): void {
    this.#ensure((end - start) * 2 + 2);
    this.#buffer[this.#pos++] = QUOTE;
    for (let at = start; at < end; at++) this.#pos = putHex(this.#buffer, this.#pos, source[at] ?? 0);
    this.#buffer[this.#pos++] = QUOTE;
  }

  /** A string literal of standard base64 with padding. */
  base64(source: Uint8Array, start: number, end: number): void {
    const text = Buffer.from(source.buffer, source.byteOffset + start, end - start).toString('base64');
    this.ascii(`"${text}"`);
  }

  /** A string literal of an integer given as sign and magnitude. */
  integerString(negative: boolean, high: number, low: number): void {
    this.#ensure(24);
    this.#buffer[this.#pos++] = QUOTE;
    if (negative) this.#buffer[this.#pos++] = 0x2d;
    if (high === 0) {
      this.#digits(low);
    } else {
      const billions = billionsOf(high, low);
      if (billions >= 1e9) {
        this.#digits(Math.floor(billions / 1e9));
        this.#nineDigits(billions % 1e9);
      } else {
        this.#digits(billions);
      }
      this.#nineDigits(belowBillion(high, low));
    }
    this.#buffer[this.#pos++] = QUOTE;
  }

  /** A number, or one of the three string literals that stand for what JSON cannot write. */
  double(value: number): void {
    if (Number.isFinite(value)) this.ascii(Object.is(value, -0) ? '-0' : String(value));
    else this.ascii(`"${value}"`);
  }

  integer(value: number): void {
    this.ascii(String(value));
  }

  #digits(value: number): void {
    let width = 1;
    for (let rest = value; rest >= 10; rest = Math.floor(rest / 10)) width += 1;
    this.#fixedDigits(value, width);
  }

  #nineDigits(value: number): void {
    this.#fixedDigits(value, 9);
  }

  #fixedDigits(value: number, width: number): void {
    let rest = value;
    for (let at = this.#pos + width - 1; at >= this.#pos; at--) {
      const next = Math.floor(rest / 10);
      this.#buffer[at] = ZERO + (rest - next * 10);
      rest = next;
    }
    this.#pos += width;
  }

  /** What was written, until more is. */
  get written(): Uint8Array {
    return this.#buffer.subarray(0, this.#pos);
  }

  /** Begins anew in the same buffer. */
  clear(): void {
    this.#pos = 0;
  }

  take(): Uint8Array {
    const text = Buffer.allocUnsafeSlow(this.#pos);
    this.#buffer.copy(text, 0, 0, this.#pos);
    return text;
  }
}

function putEscape(buffer: Uint8Array, pos: number, byte: number, escape: number): number {
  buffer[pos] = BACKSLASH;
  if (escape !== 1) {
    buffer[pos + 1] = escape;
    return pos + 2;
  }
  buffer[pos + 1] = 0x75;
  buffer[pos + 2] = buffer[pos + 3] = ZERO;
  return putHex(buffer, pos + 4, byte);
}

function putHex(buffer: Uint8Array, pos: number, byte: number): number {
  buffer[pos] = HEX_DIGITS[byte >>> 4] ?? 0;
  buffer[pos + 1] = HEX_DIGITS[byte & 15] ?? 0;
  return pos + 2;
}
