/** Exact 64-bit integers in two halves, and doubles, to and from decimal text in bytes; no bigint on the usual paths. */

const TWO_16 = 2 ** 16;
const TWO_32 = 2 ** 32;
const BILLION = 1e9;
const MINUS = 0x2d;
const ZERO = 0x30;

/** Longer numbers with a fraction or exponent are no integers that anyone means. */
const MAX_MARKED_CHARS = 64;

/** An integer as sign and magnitude, the magnitude in two unsigned halves. */
export interface Integer {
  negative: boolean;
  high: number;
  low: number;
}

/**
 * Parses the JSON number in `[start, end)` into `to`; false when it is no integer or its magnitude is 2^64 or more.
 * `marked` tells that it has a fraction or an exponent, as in `1.0` and `1e3`.
 */
export function parseInteger(token: { source: Uint8Array; start: number; end: number; marked: boolean }, to: Integer) {
  const { source, start, end, marked } = token;
  const negative = source[start] === MINUS;
  const from = negative ? start + 1 : start;
  if (marked || end - from > 19) return parseLong(asciiText(source, start, end), to);
  to.negative = negative;
  const cut = end - from > 9 ? end - 9 : from;
  return combine(digits(source, from, cut), digits(source, cut, end), to);
}

function digits(source: Uint8Array, start: number, end: number): number {
  let value = 0;
  for (let at = start; at < end; at++) value = value * 10 + ((source[at] ?? ZERO) - ZERO);
  return value;
}

/** billions * 10^9 + rest, for billions up to 10 digits and rest up to 9, without losing a bit. */
function combine(billions: number, rest: number, to: Integer): true {
  const upper = Math.floor(billions / TWO_16) * BILLION;
  const lower = (billions % TWO_16) * BILLION + rest + (upper % TWO_16) * TWO_16;
  to.low = lower % TWO_32;
  to.high = Math.floor(upper / TWO_16) + Math.floor(lower / TWO_32);
  return true;
}

function parseLong(text: string, to: Integer): boolean {
  const [, sign, whole = '', fraction = '', exponent = '0'] =
    /^(-?)(\d+)(?:\.(\d+))?(?:[eE]([+-]?\d+))?$/.exec(text.length > MAX_MARKED_CHARS ? '' : text) ?? [];
  const shift = Number(exponent) - fraction.length;
  let value = BigInt(whole + fraction);
  if (value === 0n || Math.abs(shift) > MAX_MARKED_CHARS) {
    if (value !== 0n || whole === '') return false;
  } else if (shift >= 0) {
    value *= 10n ** BigInt(shift);
  } else {
    const unit = 10n ** BigInt(-shift);
    if (value % unit !== 0n) return false;
    value /= unit;
  }
  if (value >> 64n !== 0n) return false;
  to.negative = sign === '-';
  to.high = Number(value >> 32n);
  to.low = Number(value & 0xffffffffn);
  return true;
}

const POWERS_OF_TEN = Array.from({ length: 23 }, (_, power) => 10 ** power);

/** Parses the JSON number in `[start, end)`, rounded as IEEE 754 asks; infinite when it is out of range. */
export function parseDouble(source: Uint8Array, start: number, end: number): number {
  const negative = source[start] === MINUS;
  let value = 0;
  let scale = -1;
  // Up to 15 digits and 22 places are exact in a double, and so is one division of the two.
  if (end - start <= 16) {
    let at = negative ? start + 1 : start;
    for (; at < end; at++) {
      const byte = source[at] ?? 0;
      if (byte === 0x2e) scale = end - at - 1;
      else if (byte >= ZERO && byte <= ZERO + 9) value = value * 10 + (byte - ZERO);
      else break;
    }
    if (at === end && value <= Number.MAX_SAFE_INTEGER) {
      if (scale > 0) value /= POWERS_OF_TEN[scale] ?? 1;
      return negative ? -value : value;
    }
  }
  return Number(asciiText(source, start, end));
}

function asciiText(source: Uint8Array, start: number, end: number): string {
  return Buffer.from(source.buffer, source.byteOffset + start, end - start).toString('latin1');
}

/** Two's complement of `of`, in place: its halves then are those of the int64. */
export function complement(of: Integer): void {
  of.low = -of.low >>> 0;
  of.high = (of.low === 0 ? -of.high : ~of.high) >>> 0;
}

/** Splits an unsigned 64-bit integer into quotient and remainder by 10^9; the quotient fits a double exactly. */
export function billionsOf(high: number, low: number): number {
  const top = Math.floor(high / BILLION);
  const middle = (high % BILLION) * TWO_16 + (low >>> 16);
  const bottom = (middle % BILLION) * TWO_16 + (low & 0xffff);
  return top * TWO_32 + Math.floor(middle / BILLION) * TWO_16 + Math.floor(bottom / BILLION);
}

export function belowBillion(high: number, low: number): number {
  const middle = (high % BILLION) * TWO_16 + (low >>> 16);
  return ((middle % BILLION) * TWO_16 + (low & 0xffff)) % BILLION;
}
