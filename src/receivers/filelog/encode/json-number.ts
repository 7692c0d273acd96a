import { putVarint, varintSize } from '../../../otlp/writer.ts';

/**
 * A number of JSON, exact: digits alone are an integer when they fit 64 bits, everything else is a double, correctly
 * rounded.
 *
 *   number = [ "-" ] int [ "." 1*digit ] [ ("e" / "E") [ "+" / "-" ] 1*digit ]     int = "0" / ( 1-9 *digit )
 *
 * Source: RFC 8259, section 6.
 */
export class NumberScanner {
  isDouble = false;
  /** Bytes that `write` writes. */
  size = 0;
  #value = 0;
  #big: bigint | undefined;

  /** Reads the number at `start`; returns where it ends, or -1 when there is none. */
  scan(source: Buffer, start: number, end: number): number {
    let pos = start;
    const isNegative = source[pos] === 0x2d;
    if (isNegative) pos++;
    const digitsStart = pos;
    let mantissa = 0;
    for (let byte = at(source, pos, end); isDigit(byte); byte = at(source, ++pos, end)) {
      mantissa = mantissa * 10 + (byte - 0x30);
    }
    let digits = pos - digitsStart;
    if (digits === 0 || (digits > 1 && source[digitsStart] === 0x30)) return -1;
    const next = at(source, pos, end);
    if (next !== 0x2e && next !== 0x65 && next !== 0x45) {
      this.#integer(source, start, pos, digits > 15 ? undefined : isNegative ? -mantissa : mantissa);
      return pos;
    }
    let decimals = 0;
    if (next === 0x2e) {
      const pointAt = pos++;
      for (let byte = at(source, pos, end); isDigit(byte); byte = at(source, ++pos, end)) {
        mantissa = mantissa * 10 + (byte - 0x30);
      }
      decimals = pos - pointAt - 1;
      if (decimals === 0) return -1;
      digits += decimals;
    }
    const afterExponent = skipExponent(source, pos, end);
    if (afterExponent === -1) return -1;
    // Up to 15 digits and 10^22 are exact doubles, so one division rounds once (Clinger's fast path).
    const isFast = afterExponent === pos && digits <= 15 && decimals <= 22;
    const magnitude = isFast ? mantissa / (POWERS[decimals] ?? 1) : Math.abs(textValue(source, start, afterExponent));
    this.#double(isNegative ? -magnitude : magnitude);
    return afterExponent;
  }

  write(out: Buffer, pos: number): number {
    if (this.isDouble) return out.writeDoubleLE(this.#value, pos);
    if (this.#big === undefined) return putVarint(out, pos, this.#value);
    let rest = BigInt.asUintN(64, this.#big);
    let end = pos;
    for (; rest > 0x7fn; rest >>= 7n) out[end++] = Number(rest & 0x7fn) | 0x80;
    out[end++] = Number(rest);
    return end;
  }

  #integer(source: Buffer, start: number, end: number, value: number | undefined): void {
    if (value !== undefined && value >= 0 && !Object.is(value, -0)) {
      this.isDouble = false;
      this.#big = undefined;
      this.#value = value;
      this.size = varintSize(value);
      return;
    }
    if (value !== undefined && Object.is(value, -0)) {
      this.#double(-0);
      return;
    }
    const big = BigInt(source.toString('latin1', start, end));
    if (big > MAX_INT64 || big < MIN_INT64) {
      this.#double(Number(big));
      return;
    }
    this.isDouble = false;
    this.#big = big;
    this.size = big < 0n ? 10 : bigSize(big);
  }

  #double(value: number): void {
    this.isDouble = true;
    this.size = 8;
    this.#value = value;
  }
}

const MAX_INT64 = 2n ** 63n - 1n;
const MIN_INT64 = -(2n ** 63n);
const POWERS = Array.from({ length: 23 }, (_, power) => 10 ** power);

function at(source: Buffer, pos: number, end: number): number {
  return pos < end ? (source[pos] ?? 0) : 0;
}

function isDigit(byte: number): boolean {
  return byte >= 0x30 && byte <= 0x39;
}

function bigSize(value: bigint): number {
  let size = 1;
  for (let rest = value; rest > 0x7fn; rest >>= 7n) size++;
  return size;
}

function skipExponent(source: Buffer, start: number, end: number): number {
  let pos = start;
  const byte = at(source, pos, end);
  if (byte !== 0x65 && byte !== 0x45) return pos;
  const sign = at(source, ++pos, end);
  if (sign === 0x2b || sign === 0x2d) pos++;
  const digitsStart = pos;
  while (isDigit(at(source, pos, end))) pos++;
  return pos === digitsStart ? -1 : pos;
}

function textValue(source: Buffer, start: number, end: number): number {
  return Number(source.toString('latin1', start, end));
}
