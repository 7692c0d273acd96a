import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { ExponentialBuckets } from '../../../src/connectors/span-metrics/exponential-buckets.ts';
import { bucketIndex } from '../../../src/otlp/metrics/exponential-index.ts';
import { Writer } from '../../../src/otlp/writer.ts';
import { decodeMessage, type PlainObject } from '../../support/otlp-proto.ts';

interface Distribution {
  readonly scale: number;
  readonly offset: number;
  readonly counts: readonly number[];
  readonly zeros: number;
  readonly raw: PlainObject;
}

function read(buckets: ExponentialBuckets): Distribution {
  const writer = new Writer();
  buckets.write(writer);
  const raw = decodeMessage('ExponentialHistogramDataPoint', writer.take());
  const positive = raw['positive'] as { offset: number; bucketCounts: string[] } | null;
  return {
    scale: Number(raw['scale']),
    offset: positive?.offset ?? 0,
    counts: (positive?.bucketCounts ?? []).map(Number),
    zeros: Number(raw['zeroCount']),
    raw,
  };
}

function distributionOf(maxSize: number, values: readonly number[]): Distribution {
  const buckets = new ExponentialBuckets(maxSize);
  for (const value of values) buckets.observe(value, 1);
  return read(buckets);
}

/** The counts as the definition has them: at the scale that was found, each value alone. */
function direct(values: readonly number[], scale: number): Map<number, number> {
  const counts = new Map<number, number>();
  for (const value of values) {
    if (value <= 0) continue;
    const index = bucketIndex(value, scale);
    counts.set(index, (counts.get(index) ?? 0) + 1);
  }
  return counts;
}

test('powers of two are upper bounds, at every scale, and what is above them is in the next bucket', () => {
  for (let scale = -4; scale <= 20; scale++) {
    for (let exponent = -30; exponent <= 30; exponent++) {
      const power = 2 ** exponent;
      const upper = Math.ceil((exponent * 2 ** Math.max(scale, 0)) / 2 ** Math.max(-scale, 0)) - 1;
      assert.equal(bucketIndex(power, scale), upper, `2^${exponent} at scale ${scale}`);
      assert.ok(bucketIndex(power * 1.001, scale) > upper || scale < 0);
    }
  }
});

test('a value lies within the bounds of its bucket', () => {
  fc.assert(
    fc.property(fc.double({ min: 1e-6, max: 1e10, noNaN: true }), fc.integer({ min: -8, max: 20 }), (value, scale) => {
      const index = bucketIndex(value, scale);
      const [low, high] = [2 ** (index * 2 ** -scale), 2 ** ((index + 1) * 2 ** -scale)];
      // Bounds are powers with a rounded exponent.
      assert.ok(value > low * (1 - 1e-9) && value <= high * (1 + 1e-9), `${low} < ${value} <= ${high}`);
    }),
    { numRuns: 2000 },
  );
});

test('the distribution is that of a direct computation, as fine as the size allows', () => {
  const values = fc.array(fc.oneof(fc.double({ min: 1e-6, max: 1e10, noNaN: true }), fc.constant(0)), {
    maxLength: 300,
  });
  fc.assert(
    fc.property(values, fc.integer({ min: 2, max: 160 }), (all, maxSize) => {
      const { scale, offset, counts, zeros, raw } = distributionOf(maxSize, all);
      const expected = direct(all, scale);
      const found = new Map(counts.flatMap((count, at) => (count > 0 ? [[offset + at, count] as const] : [])));
      assert.deepEqual(new Map([...found].sort()), new Map([...expected].sort()));
      assert.equal(zeros, all.filter((value) => value === 0).length);
      assert.ok(counts.length <= maxSize);
      assert.equal(Number(raw['count']), all.length);
      if (all.length > 0) assert.deepEqual([raw['min'], raw['max']], [Math.min(...all), Math.max(...all)]);
      if (scale < 20) {
        const finer = [...direct(all, scale + 1).keys()];
        assert.ok(Math.max(...finer) - Math.min(...finer) >= maxSize, 'a finer scale would have fitted');
      }
    }),
    { numRuns: 500 },
  );
});

test('a weight is so many values, and clearing begins anew at the finest scale', () => {
  const buckets = new ExponentialBuckets(4);
  for (const value of [1, 3, 1000]) buckets.observe(value, 5);
  const before = read(buckets);
  assert.equal(Number(before.raw['count']), 15);
  assert.equal(before.raw['sum'], 5020);
  assert.ok(before.scale < 20);
  buckets.clear();
  buckets.observe(7, 2);
  const after = read(buckets);
  assert.deepEqual([after.scale, after.counts], [20, [2]]);
  assert.equal(after.offset, bucketIndex(7, 20));
});

test('nothing observed has neither least nor greatest', () => {
  const writer = new Writer();
  new ExponentialBuckets(160).write(writer);
  const { min, max, count } = decodeMessage('ExponentialHistogramDataPoint', writer.take());
  assert.deepEqual([min, max, count], [undefined, undefined, '0']);
});
