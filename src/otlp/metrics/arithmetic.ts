import type { HistogramPoint } from './histogram-point.ts';
import type { NumberPoint } from './number-point.ts';

/**
 * Of a difference: `reset` when it would be below zero somewhere, so that the later point begins a new series of
 * measurements; `unlike` when the two have other buckets. The later point is as it was, then.
 */
export type Subtracted = 'done' | 'reset' | 'unlike';

/** Adds the value of `other`: integers exactly, while their sum is one of 64 bits; anything else as doubles. Times and flags stay. */
export function addNumber(into: NumberPoint, other: NumberPoint): void {
  if (other.kind === 'none') return;
  if (into.kind === 'none') {
    into.kind = other.kind;
    into.double = other.double;
    into.int.copy(other.int);
    return;
  }
  if (into.kind === 'int' && other.kind === 'int' && !sumOverflows(into, other)) into.int.add(other.int);
  else into.setDouble(into.value + other.value);
}

/** The sum of two signed integers overflows when they are of one sign and it would be of the other. */
function sumOverflows({ int: a }: NumberPoint, { int: b }: NumberPoint): boolean {
  if (a.isNegative !== b.isNegative) return false;
  const high = a.high + b.high + (a.low + b.low >= 2 ** 32 ? 1 : 0);
  return (high | 0) < 0 !== a.isNegative;
}

/** Makes of `later` the value that came after `earlier`, an earlier point of the same monotonic cumulative series. */
export function subtractNumber(later: NumberPoint, earlier: NumberPoint): Subtracted {
  if (later.kind === 'int' && earlier.kind === 'int') {
    if (later.int.compareSigned(earlier.int) < 0) return 'reset';
    // A difference that no signed integer holds is beyond all counters that there are.
    later.int.subtract(earlier.int);
    return 'done';
  }
  if (later.value < earlier.value) return 'reset';
  later.setDouble(later.value - earlier.value);
  return 'done';
}

/** Adds the values of `other`; false, and nothing done, when it has other bounds. Times and flags stay. */
export function addHistogram(into: HistogramPoint, other: HistogramPoint): boolean {
  if (!into.hasBoundsOf(other)) return false;
  for (let at = 0; at < into.counts.length; at++) into.counts.add(at, other.counts, at);
  into.whole.add(other.whole);
  return true;
}

/**
 * Makes of `later` the values that came after `earlier`, an earlier point of the same cumulative series. Its sum may be
 * below zero: those of negative values go down.
 */
export function subtractHistogram(later: HistogramPoint, earlier: HistogramPoint): Subtracted {
  if (!later.hasBoundsOf(earlier)) return 'unlike';
  if (later.whole.count.compare(earlier.whole.count) < 0) return 'reset';
  const { length } = later.counts;
  for (let at = 0; at < length; at++) if (later.counts.isBelow(at, earlier.counts, at)) return 'reset';
  for (let at = 0; at < length; at++) later.counts.subtract(at, earlier.counts, at);
  later.whole.subtract(earlier.whole);
  return 'done';
}
