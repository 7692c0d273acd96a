/**
 * An unsigned number of 56 bits: a rejection threshold or a value of randomness. Two halves, because a double holds 53.
 * Source: specification, trace/tracestate-probability-sampling.md.
 */
export interface Bits56 {
  /** The upper 24 bits. */
  readonly high: number;
  /** The lower 32 bits. */
  readonly low: number;
}

/** Hexadecimal digits of 56 bits. */
export const HEX_DIGITS = 14;

/** Negative, zero or positive, as `a` is less than, equal to or greater than `b`. */
export function compareBits56(a: Bits56, b: Bits56): number {
  if (a.high !== b.high) return a.high - b.high;
  // Not their difference: it may be too large for a small integer.
  return a.low < b.low ? -1 : a.low > b.low ? 1 : 0;
}

/** A number of 56 bits that is read again and again. */
export class MutableBits56 implements Bits56 {
  high = 0;
  low = 0;

  set(from: Bits56): this {
    this.high = from.high;
    this.low = from.low;
    return this;
  }

  /**
   * Reads 1 to 14 hexadecimal digits of either case, the first being the most significant of the 14 and those that are
   * missing zero; false, and unchanged, when it is anything else.
   */
  readHex(bytes: Uint8Array, start: number, end: number): boolean {
    if (end <= start || end - start > HEX_DIGITS) return false;
    let high = 0;
    let low = 0;
    for (let i = 0; i < HEX_DIGITS; i++) {
      const digit = start + i < end ? hexDigit(bytes[start + i] ?? 0) : 0;
      if (digit < 0) return false;
      if (i < 6) high = (high << 4) | digit;
      else low = (low << 4) | digit;
    }
    this.high = high;
    this.low = low >>> 0;
    return true;
  }
}

/** Writes the first `digits` of the 14 hexadecimal digits in lower case at `at`; returns where they end. */
export function putHex(bytes: Uint8Array, at: number, value: Bits56, digits: number): number {
  for (let i = 0; i < digits; i++) {
    const digit = i < 6 ? (value.high >>> (20 - 4 * i)) & 15 : (value.low >>> (52 - 4 * i)) & 15;
    bytes[at + i] = LOWER[2 * digit + 1] ?? 0;
  }
  return at + digits;
}

/** Writes all 14 hexadecimal digits in lower case at `at`; returns where they end. */
export function putAllHex(bytes: Uint8Array, at: number, { high, low }: Bits56): number {
  putPair(bytes, at, high >>> 16);
  putPair(bytes, at + 2, (high >>> 8) & 255);
  putPair(bytes, at + 4, high & 255);
  putPair(bytes, at + 6, low >>> 24);
  putPair(bytes, at + 8, (low >>> 16) & 255);
  putPair(bytes, at + 10, (low >>> 8) & 255);
  putPair(bytes, at + 12, low & 255);
  return at + HEX_DIGITS;
}

function putPair(bytes: Uint8Array, at: number, byte: number): void {
  bytes[at] = LOWER[2 * byte] ?? 0;
  bytes[at + 1] = LOWER[2 * byte + 1] ?? 0;
}

/** The two digits of each byte. */
const LOWER = Uint8Array.from(
  Buffer.from(Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0')).join('')),
);

/** The two digits of each byte, as a number of 16 bits with the first one in the upper half. */
export function hexPairs(): Uint16Array {
  return Uint16Array.from({ length: 256 }, (_, byte) => ((LOWER[2 * byte] ?? 0) << 8) | (LOWER[2 * byte + 1] ?? 0));
}

/** All 14 hexadecimal digits. */
export function hexText(value: Bits56): string {
  return value.high.toString(16).padStart(6, '0') + value.low.toString(16).padStart(8, '0');
}

/** The value of an ASCII digit, or -1. */
function hexDigit(code: number): number {
  if (code >= 0x30 && code <= 0x39) return code - 0x30;
  const lower = code | 0x20;
  return lower >= 0x61 && lower <= 0x66 ? lower - 0x57 : -1;
}
