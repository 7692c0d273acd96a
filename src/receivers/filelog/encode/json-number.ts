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
  #double = 0;
  // The two halves of an integer, each from 0 to 2^32 - 1.
  #low = 0;
  #high = 0;

  /** Reads the number at `start`; returns where it ends, or -1 when there is none. */
  scan(source: Buffer, start: number, end: number): number {
    const isNegative = source[start] === 0x2d;
    const digitsStart = isNegative ? start + 1 : start;
    let pos = digitsStart;
    let mantissa = 0;
    for (let byte = at(source, pos, end); isDigit(byte); byte = at(source, ++pos, end)) {
      mantissa = mantissa * 10 + (byte - 0x30);
    }
    let digits = pos - digitsStart;
    if (digits === 0 || (digits > 1 && source[digitsStart] === 0x30)) return -1;
    const next = at(source, pos, end);
    if (next !== 0x2e && next !== 0x65 && next !== 0x45) {
      if (digits <= 15) this.#small(isNegative ? -mantissa : mantissa);
      else this.#large(source, digitsStart, pos, isNegative);
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
    const magnitude = isFast ? mantissa / (POWERS[decimals] ?? 1) : textValue(source, digitsStart, afterExponent);
    this.#setDouble(isNegative ? -magnitude : magnitude);
    return afterExponent;
  }

  /** Returns where it ends. */
  write(out: DataView, pos: number): number {
    if (this.isDouble) {
      out.setFloat64(pos, this.#double, true);
      return pos + 8;
    }
    let at = pos;
    let low = this.#low;
    for (let high = this.#high; high > 0; high >>>= 7) {
      out.setUint8(at++, (low & 0x7f) | 0x80);
      low = ((low >>> 7) | (high << 25)) >>> 0;
    }
    for (; low > 0x7f; low >>>= 7) out.setUint8(at++, (low & 0x7f) | 0x80);
    out.setUint8(at++, low);
    return at;
  }

  /** At most 15 digits. */
  #small(value: number): void {
    if (Object.is(value, -0)) this.#setDouble(value);
    else this.#setInteger(value >>> 0, Math.floor(value / 2 ** 32) >>> 0);
  }

  /** From 16 digits on: an integer when 64 bits hold it. */
  #large(source: Buffer, start: number, end: number, isNegative: boolean): void {
    if (end - start <= MAX_INTEGER_DIGITS) {
      const upper = digitsValue(source, start, end - 9);
      // upper * 10^9 + the last nine digits, in parts that stay below 2^53.
      const above = Math.floor(upper / 65_536) * 1e9;
      const below = (upper % 65_536) * 1e9 + digitsValue(source, end - 9, end) + (above % 65_536) * 65_536;
      const low = below % 2 ** 32;
      const high = Math.floor(above / 65_536) + Math.floor(below / 2 ** 32);
      if (!isNegative && high < 2 ** 31) {
        this.#setInteger(low, high);
        return;
      }
      if (isNegative && (high < 2 ** 31 || (high === 2 ** 31 && low === 0))) {
        this.#setInteger(-low >>> 0, (~high + (low === 0 ? 1 : 0)) >>> 0);
        return;
      }
    }
    const magnitude = textValue(source, start, end);
    this.#setDouble(isNegative ? -magnitude : magnitude);
  }

  #setInteger(low: number, high: number): void {
    this.isDouble = false;
    this.#low = low;
    this.#high = high;
    const bits = high > 0 ? 64 - Math.clz32(high) : 32 - Math.clz32(low);
    this.size = bits <= 7 ? 1 : Math.ceil(bits / 7);
  }

  #setDouble(value: number): void {
    this.isDouble = true;
    this.size = 8;
    this.#double = value;
  }
}

/** 2^63 has 19 digits. */
const MAX_INTEGER_DIGITS = 19;
const POWERS = Array.from({ length: 23 }, (_, power) => 10 ** power);

function at(source: Buffer, pos: number, end: number): number {
  return pos < end ? (source[pos] ?? 0) : 0;
}

function isDigit(byte: number): boolean {
  return byte >= 0x30 && byte <= 0x39;
}

function digitsValue(source: Buffer, start: number, end: number): number {
  let value = 0;
  for (let pos = start; pos < end; pos++) value = value * 10 + (source[pos] ?? 0) - 0x30;
  return value;
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
