import type { ExponentialBuckets, Range, Shift } from './exponential-buckets.ts';
import { bucketIndex, lowerBound } from './exponential-index.ts';
import { ExponentialPoint } from './exponential-point.ts';
import type { Subtracted } from './arithmetic.ts';

/** Buckets of each sign that a sum has at most, as the specification has it for SDKs. */
export const DEFAULT_MAX_SIZE = 160;

/**
 * How two histograms come to the same buckets. Both are brought to the lower one of their scales first, and have the larger of
 * their zero thresholds; buckets that lie below it go to the zero count. Where the threshold falls into a bucket that has
 * values, it is raised to the upper bound of that bucket.
 * Source: OpenTelemetry specification, metrics/data-model.md, ExponentialHistogram, and the text on merging them.
 */
interface Common {
  scale: number;
  zeroThreshold: number;
  /** Of the common scale: the first bucket that stays. */
  cut: number;
}

const common: Common = { scale: 0, zeroThreshold: 0, cut: -Infinity };

/** Shifts by more would be shifts by the rest of a division by 32. */
const MOST_FALL = 31;

function align(a: ExponentialPoint, b: ExponentialPoint): void {
  common.scale = Math.min(a.scale, b.scale);
  common.zeroThreshold = Math.max(a.zeroThreshold, b.zeroThreshold);
  common.cut = -Infinity;
  if (a.zeroThreshold === b.zeroThreshold || !(common.zeroThreshold > 0)) return;
  let index = bucketIndex(common.zeroThreshold, common.scale);
  // A bound that no double is exactly may be taken for the beginning of the bucket above it.
  if (lowerBound(index, common.scale) >= common.zeroThreshold) index -= 1;
  common.cut = index + 1;
  if (!hasAt(a, index) && !hasAt(b, index)) return;
  const bound = lowerBound(index + 1, common.scale);
  if (bound > common.zeroThreshold && bound < Infinity) common.zeroThreshold = bound;
}

/** Whether there are values in bucket `index` of the common scale. */
function hasAt(point: ExponentialPoint, index: number): boolean {
  const fall = fallOf(point);
  return hasWithin(point.positive, index, fall) || hasWithin(point.negative, index, fall);
}

function hasWithin(buckets: ExponentialBuckets, index: number, fall: number): boolean {
  for (let at = buckets.offset; at <= buckets.last; at++) if (at >> fall === index && buckets.hasCount(at)) return true;
  return false;
}

function fallOf(point: ExponentialPoint): number {
  return Math.min(MOST_FALL, point.scale - common.scale);
}

const positiveRange: Range = { first: 0, last: -1 };
const negativeRange: Range = { first: 0, last: -1 };

function clearRange(range: Range): void {
  range.first = Infinity;
  range.last = -Infinity;
}

/** Extends `range` by what of the buckets has values and stays. */
function extend(range: Range, buckets: ExponentialBuckets, fall: number): void {
  const { counts, offset } = buckets;
  let { length } = counts;
  while (length > 0 && counts.isZero(length - 1)) length -= 1;
  if (length === 0) return;
  let front = 0;
  while (front < length && (counts.isZero(front) || (offset + front) >> fall < common.cut)) front += 1;
  if (front === length) return;
  range.first = Math.min(range.first, (offset + front) >> fall);
  range.last = Math.max(range.last, (offset + length - 1) >> fall);
}

/** By how much the scale falls from the common one, so that both ranges fit. */
function fallToFit(maxSize: number): number {
  let fall = 0;
  for (const { first, last } of [positiveRange, negativeRange]) {
    while (last >= first && fall < MOST_FALL && (last >> fall) - (first >> fall) >= maxSize) fall += 1;
  }
  return fall;
}

/**
 * Adds the values of `other`: nothing is lost but, where they need more than `maxSize` buckets of a sign, resolution. Times and
 * flags stay. `maxSize` is at least 2: numbers on both sides of 1 never come into one bucket.
 */
export function addExponential(into: ExponentialPoint, other: ExponentialPoint, maxSize = DEFAULT_MAX_SIZE): void {
  align(into, other);
  clearRange(positiveRange);
  clearRange(negativeRange);
  for (const point of [into, other]) {
    extend(positiveRange, point.positive, fallOf(point));
    extend(negativeRange, point.negative, fallOf(point));
  }
  const fall = fallToFit(maxSize);
  into.zeroCount.add(other.zeroCount);
  shift.cut = common.cut;
  shift.fall = fall;
  shift.toCommon = fallOf(into);
  into.positive.relay(shrink(positiveRange, fall), shift, into.zeroCount);
  into.negative.relay(shrink(negativeRange, fall), shift, into.zeroCount);
  shift.toCommon = fallOf(other);
  into.positive.add(other.positive, shift, into.zeroCount);
  into.negative.add(other.negative, shift, into.zeroCount);
  into.whole.add(other.whole);
  into.scale = common.scale - fall;
  into.zeroThreshold = common.zeroThreshold;
}

const shift: Shift = { toCommon: 0, cut: 0, fall: 0 };

function shrink(range: Range, fall: number): Range {
  range.first = range.last < range.first ? 0 : range.first >> fall;
  range.last = range.last < range.first ? -1 : range.last >> fall;
  return range;
}

/**
 * Makes of `later` the values that came after `earlier`, an earlier point of the same cumulative series. `reset`, and `later` as
 * it was, when it cannot be one: counts, or the zero threshold, went down, or the scale went up.
 */
export function subtractExponential(later: ExponentialPoint, earlier: ExponentialPoint): Subtracted {
  const isBelow = later.whole.count.compare(earlier.whole.count) < 0;
  if (isBelow || later.scale > earlier.scale || later.zeroThreshold < earlier.zeroThreshold) return 'reset';
  align(later, earlier);
  bring(later, rest);
  bring(earlier, taken);
  if (rest.zeroCount.subtract(taken.zeroCount)) return 'reset';
  if (!rest.positive.subtract(taken.positive) || !rest.negative.subtract(taken.negative)) return 'reset';
  rest.whole.subtract(earlier.whole);
  rest.positive.trim();
  rest.negative.trim();
  later.copyValues(rest);
  return 'done';
}

const rest = new ExponentialPoint();
const taken = new ExponentialPoint();

/** Makes of `to` what `from` is with the common scale and zero threshold. */
function bring(from: ExponentialPoint, to: ExponentialPoint): void {
  to.copyValues(from);
  clearRange(positiveRange);
  clearRange(negativeRange);
  shift.cut = common.cut;
  shift.fall = 0;
  shift.toCommon = fallOf(from);
  extend(positiveRange, from.positive, shift.toCommon);
  extend(negativeRange, from.negative, shift.toCommon);
  to.positive.relay(shrink(positiveRange, 0), shift, to.zeroCount);
  to.negative.relay(shrink(negativeRange, 0), shift, to.zeroCount);
  to.scale = common.scale;
  to.zeroThreshold = common.zeroThreshold;
}
