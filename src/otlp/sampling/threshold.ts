import { compareBits56, HEX_DIGITS, hexText, MutableBits56, type Bits56 } from './bits56.ts';

/**
 * A rejection threshold: how many of the 2^56 values of randomness are dropped. An item is kept when its randomness is
 * not below. 2^56 itself (`KEEP_NONE`) has no text. Source: specification, trace/tracestate-probability-sampling.md;
 * rounding as the Collector's pkg/sampling.
 */
export type Threshold = Bits56;

export const KEEP_ALL: Threshold = { high: 0, low: 0 };
export const KEEP_NONE: Threshold = { high: 2 ** 24, low: 0 };

/** The smallest probability that there is. */
export const MIN_PROBABILITY = 2 ** -56;

/** Hexadecimal digits of a threshold besides those that lead. */
export const DEFAULT_PRECISION = 4;

/**
 * The threshold that keeps this share, rounded to `precision` (1 to 14) hexadecimal digits besides the leading `0` or
 * `f`. Throws RangeError outside of 2^-56 to 1.
 */
export function thresholdOf(probability: number, precision = DEFAULT_PRECISION): Threshold {
  if (!(probability >= MIN_PROBABILITY && probability <= 1)) {
    throw new RangeError(`A probability is between 2^-56 and 1, and ${probability} is not.`);
  }
  if (probability === 1) return KEEP_ALL;
  // A leading 0 or f says little: each adds a digit, so that the error stays small against what is kept, and dropped.
  const leading = Math.max(-exponentOf(probability), -exponentOf(1 - probability)) >> 2;
  return rounded(rejected(Math.round(probability * 2 ** 56)), Math.min(HEX_DIGITS, precision + leading));
}

/** 2^56 - kept. */
function rejected(kept: number): Threshold {
  const keptLow = kept % 2 ** 32;
  const keptHigh = (kept - keptLow) / 2 ** 32;
  return keptLow === 0
    ? { high: 2 ** 24 - keptHigh, low: 0 }
    : { high: 2 ** 24 - keptHigh - 1, low: 2 ** 32 - keptLow };
}

function rounded({ high, low }: Threshold, digits: number): Threshold {
  const unit = 16 ** (HEX_DIGITS - digits);
  if (unit === 1) return { high, low };
  if (unit > 2 ** 32) {
    const unitHigh = unit / 2 ** 32;
    const up = high + unitHigh / 2;
    return { high: up - (up % unitHigh), low: 0 };
  }
  const up = low + unit / 2;
  const carry = up >= 2 ** 32 ? 1 : 0;
  const rest = up - carry * 2 ** 32;
  return { high: high + carry, low: rest - (rest % unit) };
}

/** e, so that value = f * 2^e with f from 0.5 to below 1; for positive normal values. */
function exponentOf(value: number): number {
  SCRATCH_DOUBLE[0] = value;
  return (((SCRATCH_WORDS[1] ?? 0) >>> 20) & 0x7ff) - 1022;
}

const SCRATCH_DOUBLE = new Float64Array(1);
/** The high half is the second on every machine that Node runs on. */
const SCRATCH_WORDS = new Uint32Array(SCRATCH_DOUBLE.buffer);

/** The share that is kept: rounded once, as 56 bits do not fit. 0 for `KEEP_NONE`. */
export function probabilityOf({ high, low }: Threshold): number {
  return ((2 ** 24 - high) * 2 ** 32 - low) / 2 ** 56;
}

/** How many items each kept one stands for; 0 for `KEEP_NONE`. */
export function adjustedCount(threshold: Threshold): number {
  return threshold.high === 2 ** 24 ? 0 : 1 / probabilityOf(threshold);
}

export function isKept(randomness: Bits56, threshold: Threshold): boolean {
  return compareBits56(randomness, threshold) >= 0;
}

/** The value of `th`: lower case, without trailing zeros, `0` to keep all; empty for `KEEP_NONE`. */
export function encodeThreshold(threshold: Threshold): string {
  return threshold.high === 2 ** 24 ? '' : hexText(threshold).slice(0, digitsOf(threshold));
}

/** Digits of the value of `th`: at least one. */
export function digitsOf({ high, low }: Threshold): number {
  // Trailing zero bits, by the lowest one that is set.
  const zeros = low === 0 ? 32 + trailingZeros(high) : trailingZeros(low);
  return Math.max(1, HEX_DIGITS - (zeros >> 2));
}

function trailingZeros(word: number): number {
  return word === 0 ? 32 : 31 - Math.clz32(word & -word);
}

/** Undefined unless it is 1 to 14 hexadecimal digits, which the Collector takes in either case. */
export function parseThreshold(text: string): Threshold | undefined {
  const bytes = Buffer.from(text);
  const value = new MutableBits56();
  return value.readHex(bytes, 0, bytes.length) ? { high: value.high, low: value.low } : undefined;
}
