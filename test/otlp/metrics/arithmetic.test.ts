import assert from 'node:assert/strict';
import { test } from 'node:test';
import { addHistogram, addNumber, subtractHistogram, subtractNumber } from '../../../src/otlp/metrics/arithmetic.ts';
import { HistogramPoint } from '../../../src/otlp/metrics/histogram-point.ts';
import { NumberPoint } from '../../../src/otlp/metrics/number-point.ts';
import type { Point } from '../../../src/otlp/metrics/point.ts';
import { Writer } from '../../../src/otlp/writer.ts';
import { decodeMessage, encodeMessage, type PlainObject } from '../../support/otlp-proto.ts';

function read<P extends Point>(point: P, message: string, object: PlainObject): P {
  const bytes = encodeMessage(message, object);
  point.read(bytes, 0, bytes.length);
  return point;
}

function plain(point: Point, message: string): PlainObject {
  const writer = new Writer();
  point.writeValues(writer);
  return decodeMessage(message, writer.take());
}

const numberOf = (object: PlainObject): NumberPoint => read(new NumberPoint(), 'NumberDataPoint', object);
const histogramOf = (object: PlainObject): HistogramPoint => read(new HistogramPoint(), 'HistogramDataPoint', object);

function valueOf(point: NumberPoint): unknown {
  const { asInt, asDouble } = plain(point, 'NumberDataPoint');
  return asInt ?? asDouble;
}

const BIG = '9007199254740993'; // 2^53 + 1, which no double is
const MOST = '9223372036854775807';

test('integers are added exactly while 64 bits hold the sum, and as doubles from there on', () => {
  const table: [PlainObject, PlainObject, unknown][] = [
    [{ asInt: 1 }, { asInt: 2 }, '3'],
    [{ asInt: BIG }, { asInt: 1 }, '9007199254740994'],
    [{ asInt: -5 }, { asInt: 3 }, '-2'],
    [{ asInt: MOST }, { asInt: 1 }, 2 ** 63],
    [{ asInt: `-${MOST}` }, { asInt: -2 }, -(2 ** 63)],
    [{ asInt: 1 }, { asDouble: 0.5 }, 1.5],
    [{ asDouble: 0.5 }, { asInt: -1 }, -0.5],
    [{}, { asInt: 7 }, '7'],
    [{ asInt: 7 }, {}, '7'],
  ];
  for (const [a, b, expected] of table) {
    const into = numberOf(a);
    addNumber(into, numberOf(b));
    assert.deepEqual(valueOf(into), expected, JSON.stringify([a, b]));
  }
});

test('a difference of numbers is exact, and one below zero is a reset', () => {
  const table: [PlainObject, PlainObject, 'done' | 'reset', unknown][] = [
    [{ asInt: BIG }, { asInt: 1 }, 'done', '9007199254740992'],
    [{ asInt: 5 }, { asInt: 5 }, 'done', '0'],
    [{ asInt: 4 }, { asInt: 5 }, 'reset', '4'],
    [{ asInt: 1 }, { asInt: -1 }, 'done', '2'],
    [{ asDouble: 1.5 }, { asInt: 1 }, 'done', 0.5],
    [{ asDouble: 0.5 }, { asDouble: 1 }, 'reset', 0.5],
  ];
  for (const [later, earlier, outcome, expected] of table) {
    const point = numberOf(later);
    assert.equal(subtractNumber(point, numberOf(earlier)), outcome);
    assert.deepEqual(valueOf(point), expected, JSON.stringify([later, earlier]));
  }
});

const BOUNDS = [1, 2];

test('histograms of equal bounds are added bucket by bucket, counts exactly', () => {
  const into = histogramOf({ count: BIG, sum: 1, bucketCounts: [BIG, 0, 0], explicitBounds: BOUNDS, min: 0.5, max: 3 });
  const other = histogramOf({ count: 3, sum: 5, bucketCounts: [1, 0, 2], explicitBounds: BOUNDS, min: 0.1, max: 2 });
  assert.equal(addHistogram(into, other), true);
  const sum = plain(into, 'HistogramDataPoint');
  assert.deepEqual(sum['bucketCounts'], ['9007199254740994', '0', '2']);
  assert.deepEqual([sum['count'], sum['sum'], sum['min'], sum['max']], ['9007199254740996', 6, 0.1, 3]);
});

test('histograms of other bounds are not added', () => {
  const into = histogramOf({ count: 1, bucketCounts: [1, 0, 0], explicitBounds: BOUNDS });
  const before = plain(into, 'HistogramDataPoint');
  for (const other of [
    { count: 1, bucketCounts: [1, 0, 0], explicitBounds: [1, 3] },
    { count: 1, bucketCounts: [1, 0], explicitBounds: [1] },
    { count: 1, bucketCounts: [], explicitBounds: [] },
  ]) {
    assert.equal(addHistogram(into, histogramOf(other)), false);
    assert.deepEqual(plain(into, 'HistogramDataPoint'), before);
    assert.equal(subtractHistogram(into, histogramOf(other)), 'unlike');
  }
});

test('what only one of two histograms says is not said of both together, unless the other is empty', () => {
  const rich = { count: 1, sum: 1, min: 1, max: 1 };
  const into = histogramOf(rich);
  addHistogram(into, histogramOf({ count: 1 }));
  const sum = plain(into, 'HistogramDataPoint');
  assert.deepEqual([sum['count'], sum['sum'], sum['min'], sum['max']], ['2', undefined, undefined, undefined]);
  for (const [a, b] of [
    [rich, { count: 0 }],
    [{ count: 0 }, rich],
  ] as const) {
    const point = histogramOf(a);
    addHistogram(point, histogramOf(b));
    assert.deepEqual(plain(point, 'HistogramDataPoint'), plain(histogramOf(rich), 'HistogramDataPoint'));
  }
});

test('a difference of histograms has no extremes; a bucket that went down is a reset', () => {
  const earlier = { count: 3, sum: 5, bucketCounts: [1, 0, 2], explicitBounds: BOUNDS, min: 0.1, max: 9 };
  const later = histogramOf({ ...earlier, count: 5, sum: 4, bucketCounts: [1, 1, 3] });
  assert.equal(subtractHistogram(later, histogramOf(earlier)), 'done');
  const rest = plain(later, 'HistogramDataPoint');
  assert.deepEqual(rest['bucketCounts'], ['0', '1', '1']);
  assert.deepEqual([rest['count'], rest['sum'], rest['min'], rest['max']], ['2', -1, undefined, undefined]);

  for (const changed of [
    { count: 2, bucketCounts: [1, 0, 1] },
    { count: 9, bucketCounts: [0, 0, 9] },
  ]) {
    const reset = histogramOf({ ...earlier, ...changed });
    assert.equal(subtractHistogram(reset, histogramOf(earlier)), 'reset');
    assert.deepEqual(
      plain(reset, 'HistogramDataPoint'),
      plain(histogramOf({ ...earlier, ...changed }), 'HistogramDataPoint'),
    );
  }
});
