import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { addExponential, subtractExponential } from '../../../src/otlp/metrics/exponential-arithmetic.ts';
import { bucketIndex, lowerBound } from '../../../src/otlp/metrics/exponential-index.ts';
import { ExponentialPoint } from '../../../src/otlp/metrics/exponential-point.ts';
import { Writer } from '../../../src/otlp/writer.ts';
import { decodeMessage, encodeMessage, type PlainObject } from '../../support/otlp-proto.ts';

const MESSAGE = 'ExponentialHistogramDataPoint';

function pointOf(object: PlainObject): ExponentialPoint {
  const point = new ExponentialPoint();
  const bytes = encodeMessage(MESSAGE, object);
  point.read(bytes, 0, bytes.length);
  return point;
}

interface Buckets {
  readonly offset: number;
  readonly bucketCounts: readonly string[];
}

/** Scale, zero bucket, and counts by index of both signs. */
function shown(point: ExponentialPoint): Record<string, unknown> {
  const writer = new Writer();
  point.writeValues(writer);
  const plain = decodeMessage(MESSAGE, writer.take());
  const counts = (field: string): Record<number, number> => {
    const { offset, bucketCounts } = (plain[field] ?? { offset: 0, bucketCounts: [] }) as Buckets;
    const entries = bucketCounts.map((count, at) => [offset + at, Number(count)] as const);
    return Object.fromEntries(entries.filter(([, count]) => count > 0));
  };
  const { scale, count, zeroCount, zeroThreshold } = plain;
  return { scale, count, zeroCount, zeroThreshold, positive: counts('positive'), negative: counts('negative') };
}

function sumOf(a: PlainObject, b: PlainObject, maxSize?: number): Record<string, unknown> {
  const into = pointOf(a);
  addExponential(into, pointOf(b), maxSize);
  return shown(into);
}

test('of two scales the lower one is taken, and buckets come into those that hold them', () => {
  const fine = { scale: 1, count: 8, positive: { offset: -4, bucketCounts: [1, 1, 1, 1, 1, 1, 1, 1] } };
  const coarse = { scale: 0, count: 1, positive: { offset: 0, bucketCounts: [1] } };
  const expected = {
    scale: 0,
    count: '9',
    zeroCount: '0',
    zeroThreshold: 0,
    positive: { '-2': 2, '-1': 2, 0: 3, 1: 2 },
    negative: {},
  };
  assert.deepEqual(sumOf(fine, coarse), expected);
  assert.deepEqual(sumOf(coarse, fine), expected);
});

test('perfect subsetting holds below zero, by any number of scales', () => {
  const point = { scale: 4, count: 3, negative: { offset: -17, bucketCounts: [1, 1, 1] } };
  const low = (scale: number): PlainObject => ({ scale, count: 0 });
  assert.deepEqual(sumOf(point, low(3))['negative'], { '-9': 1, '-8': 2 });
  assert.deepEqual(sumOf(point, low(0))['negative'], { '-2': 1, '-1': 2 });
  assert.deepEqual(sumOf(point, low(-4))['negative'], { '-1': 3 });
  assert.deepEqual(sumOf(point, low(-2000))['negative'], { '-1': 3 });
});

test('a sum that needs too many buckets loses resolution, of both signs', () => {
  const a = { scale: 3, count: 1, positive: { offset: 0, bucketCounts: [1] } };
  const b = {
    scale: 3,
    count: 2,
    positive: { offset: 8, bucketCounts: [1] },
    negative: { offset: 5, bucketCounts: [1] },
  };
  assert.deepEqual(sumOf(a, b, 9)['scale'], 3);
  const { scale, positive, negative } = sumOf(a, b, 8);
  assert.deepEqual({ scale, positive, negative }, { scale: 2, positive: { 0: 1, 4: 1 }, negative: { 2: 1 } });
  const far = { scale: 20, count: 1, positive: { offset: -(2 ** 31), bucketCounts: [1] } };
  const near = { scale: 20, count: 1, positive: { offset: 2 ** 31 - 1, bucketCounts: [1] } };
  assert.deepEqual(sumOf(far, near, 2)['positive'], { '-1': 1, 0: 1 });
});

test('of two zero thresholds the larger is taken, and buckets below it are zero', () => {
  // At scale 0 bucket 1 is (2, 4].
  const buckets = { scale: 0, count: 7, zeroCount: 1, positive: { offset: -1, bucketCounts: [1, 2, 0, 3] } };
  const wide = { scale: 0, count: 5, zeroCount: 5, zeroThreshold: 3 };
  const sum = sumOf(buckets, wide);
  assert.deepEqual(sum, { scale: 0, count: '12', zeroCount: '9', zeroThreshold: 3, positive: { 2: 3 }, negative: {} });
  assert.deepEqual(sumOf(wide, buckets), sum);
});

test('a zero threshold in the middle of a bucket with values is raised to its end', () => {
  const buckets = { scale: 0, count: 6, positive: { offset: 0, bucketCounts: [1, 2, 3] } };
  const sum = sumOf(buckets, { scale: 0, count: 1, zeroCount: 1, zeroThreshold: 3 });
  assert.deepEqual([sum['zeroThreshold'], sum['zeroCount'], sum['positive']], [4, '4', { 2: 3 }]);
  // At the end of a bucket already.
  const even = sumOf(buckets, { scale: 0, count: 1, zeroCount: 1, zeroThreshold: 2 });
  assert.deepEqual([even['zeroThreshold'], even['zeroCount'], even['positive']], [2, '2', { 1: 2, 2: 3 }]);
});

test('counts beyond 2^53 stay exact', () => {
  const big = (2n ** 63n + 1n).toString();
  const into = pointOf({ count: big, positive: { offset: 3, bucketCounts: [big] } });
  addExponential(into, pointOf({ count: 2, positive: { offset: 3, bucketCounts: [2] } }));
  const writer = new Writer();
  into.writeValues(writer);
  const plain = decodeMessage(MESSAGE, writer.take());
  assert.deepEqual(plain['positive'], { offset: 3, bucketCounts: [(2n ** 63n + 3n).toString()] });
});

const buckets = fc.record({
  offset: fc.integer({ min: -30, max: 30 }),
  bucketCounts: fc.array(fc.nat(5), { maxLength: 12 }),
});
const histogram = fc
  .record({
    scale: fc.integer({ min: -3, max: 5 }),
    zeroCount: fc.nat(5),
    zeroThreshold: fc.constantFrom(0, 0, 0, 0.01, 0.7, 1, 3),
    positive: buckets,
    negative: buckets,
  })
  .map(({ scale, zeroThreshold, ...made }) => {
    // No histogram has values in buckets that lie below its zero threshold altogether.
    const above = ({ offset, bucketCounts }: { offset: number; bucketCounts: number[] }) => ({
      offset,
      bucketCounts: bucketCounts.map((count, at) => (lowerBound(offset + at + 1, scale) <= zeroThreshold ? 0 : count)),
    });
    const right = { ...made, positive: above(made.positive), negative: above(made.negative) };
    return { ...right, scale, zeroThreshold, count: totalOf(right) };
  });

function totalOf(made: {
  zeroCount: number;
  positive: { bucketCounts: number[] };
  negative: { bucketCounts: number[] };
}): number {
  return [...made.positive.bucketCounts, ...made.negative.bucketCounts].reduce((sum, n) => sum + n, made.zeroCount);
}

function totalShown(of: Record<string, unknown>): number {
  const values = (field: string): number[] => Object.values(of[field] as Record<string, number>);
  return [...values('positive'), ...values('negative')].reduce((sum, n) => sum + n, Number(of['zeroCount']));
}

test('whatever is added, all values are in some bucket, and the order of adding makes no difference', () => {
  fc.assert(
    fc.property(histogram, histogram, fc.integer({ min: 2, max: 20 }), (a, b, maxSize) => {
      const sum = sumOf(a, b, maxSize);
      assert.equal(totalShown(sum), a.count + b.count);
      assert.equal(Number(sum['count']), a.count + b.count);
      assert.deepEqual(sumOf(b, a, maxSize), sum);
      for (const sign of ['positive', 'negative']) {
        const indexes = Object.keys(sum[sign] as object).map(Number);
        if (indexes.length > 0) assert.ok(Math.max(...indexes) - Math.min(...indexes) < maxSize);
      }
    }),
    { numRuns: 500 },
  );
});

test('what was added can be taken out again', () => {
  fc.assert(
    fc.property(histogram, histogram, (earlier, added) => {
      const later = pointOf(earlier);
      addExponential(later, pointOf({ ...added, scale: Math.min(added.scale, earlier.scale) }), 1000);
      const before = shown(later);
      const outcome = subtractExponential(later, pointOf(earlier));
      assert.equal(outcome, 'done');
      assert.equal(totalShown(shown(later)), added.count);
      addExponential(later, pointOf(earlier), 1000);
      assert.deepEqual(shown(later), before);
    }),
    { numRuns: 500 },
  );
});

test('a count, a scale or a threshold that goes the wrong way is a reset, and the point stays as it was', () => {
  const earlier = {
    scale: 2,
    count: 4,
    zeroCount: 1,
    zeroThreshold: 0.5,
    positive: { offset: 3, bucketCounts: [1, 2] },
  };
  for (const change of [
    { count: 3, positive: { offset: 3, bucketCounts: [1, 1] } },
    { scale: 3, count: 9 },
    { zeroThreshold: 0.25, count: 9 },
    { zeroCount: 0, count: 9, positive: { offset: 3, bucketCounts: [9, 2] } },
    { count: 9, positive: { offset: 4, bucketCounts: [9] } },
    { count: 9, positive: { offset: 3, bucketCounts: [7, 1] } },
  ]) {
    const later = pointOf({ ...earlier, ...change });
    const before = shown(later);
    assert.equal(subtractExponential(later, pointOf(earlier)), 'reset', JSON.stringify(change));
    assert.deepEqual(shown(later), before);
  }
});

test('a difference has no empty buckets at its ends', () => {
  const later = pointOf({ scale: 2, count: 5, positive: { offset: 3, bucketCounts: [1, 2, 2] } });
  subtractExponential(later, pointOf({ scale: 2, count: 3, positive: { offset: 3, bucketCounts: [1, 0, 2] } }));
  assert.deepEqual([later.positive.offset, later.positive.counts.length], [4, 1]);
});

test('a bucket begins above its lower bound', () => {
  for (const scale of [-3, 0, 1, 4]) {
    for (let index = -20; index < 20; index++) {
      const bound = lowerBound(index, scale);
      if (bound === 0 || bound === Infinity || bound < 2 ** -1000) continue;
      assert.equal(bucketIndex(bound * (1 + 1e-9), scale), index, `${index} of ${scale}`);
      assert.equal(bucketIndex(bound * (1 - 1e-9), scale), index - 1, `${index} of ${scale}`);
    }
  }
});
