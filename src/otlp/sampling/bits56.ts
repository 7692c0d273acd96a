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

/** Negative, zero or positive, as `a` is less than, equal to or greater than `b`. */
export function compareBits56(a: Bits56, b: Bits56): number {
  return a.high === b.high ? a.low - b.low : a.high - b.high;
}
