import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { ExponentialPoint } from '../../../src/otlp/metrics/exponential-point.ts';
import { HistogramPoint } from '../../../src/otlp/metrics/histogram-point.ts';
import { readKept, writeKept } from '../../../src/otlp/metrics/kept-point.ts';
import { NumberPoint } from '../../../src/otlp/metrics/number-point.ts';
import { fieldBit, type Point } from '../../../src/otlp/metrics/point.ts';
import { SummaryPoint } from '../../../src/otlp/metrics/summary-point.ts';
import { NUMBER_POINT } from '../../../src/otlp/fields.ts';
import { Writer } from '../../../src/otlp/writer.ts';
import { decodeMessage, encodeMessage, type PlainObject } from '../../support/otlp-proto.ts';

const uint64 = fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }).map(String);
const int64 = fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }).map(String);
const double = fc.double({ noNaN: true });
const attributes = fc.array(
  fc.record({ key: fc.string({ maxLength: 8 }), value: fc.record({ stringValue: fc.string({ maxLength: 40 }) }) }),
  { maxLength: 4 },
);
const exemplars = fc.array(fc.record({ timeUnixNano: uint64, asDouble: double, filteredAttributes: attributes }), {
  maxLength: 2,
});
const flags = fc.integer({ min: 0, max: 2 ** 31 - 1 });
const common = { startTimeUnixNano: uint64, timeUnixNano: uint64, attributes, flags };
const whole = { count: uint64, sum: double, min: double, max: double };
const optional = { requiredKeys: [] };
const sint32 = fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 });
const buckets = fc.record({
  offset: fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 41 }),
  bucketCounts: fc.array(uint64, { maxLength: 40 }),
});

const KINDS: readonly (readonly [string, Point, fc.Arbitrary<PlainObject>])[] = [
  [
    'NumberDataPoint',
    new NumberPoint(),
    fc.oneof(
      fc.record({ ...common, exemplars, asInt: int64 }, optional),
      fc.record({ ...common, exemplars, asDouble: double }, optional),
    ),
  ],
  [
    'HistogramDataPoint',
    new HistogramPoint(),
    fc.record(
      { ...common, ...whole, exemplars, bucketCounts: fc.array(uint64), explicitBounds: fc.array(double) },
      optional,
    ),
  ],
  [
    'ExponentialHistogramDataPoint',
    new ExponentialPoint(),
    fc.record(
      {
        ...common,
        ...whole,
        exemplars,
        scale: sint32,
        zeroCount: uint64,
        zeroThreshold: double,
        positive: buckets,
        negative: buckets,
      },
      optional,
    ),
  ],
  [
    'SummaryDataPoint',
    new SummaryPoint(),
    fc.record(
      {
        ...common,
        count: uint64,
        sum: double,
        quantileValues: fc.array(fc.record({ quantile: double, value: double }), { maxLength: 3 }),
      },
      optional,
    ),
  ],
];

test('a histogram is kept in a third of its bytes when its bounds are thousandths, and never with other bounds', () => {
  const boundsThat = (...explicitBounds: number[]): number => {
    const bucketCounts = Array.from({ length: explicitBounds.length + 1 }, (_, at) => `${at * 30}`);
    const bytes = encodeMessage('HistogramDataPoint', { timeUnixNano: '9', count: '9', bucketCounts, explicitBounds });
    const point = new HistogramPoint();
    point.read(bytes, 0, bytes.length);
    const writer = new Writer(16);
    writeKept(point, writer);
    point.readKept(writer.buffer, 0, writer.pos);
    assert.deepEqual([...point.bounds.subarray(0, point.boundCount)], explicitBounds);
    return writer.pos / bytes.length;
  };
  assert.ok(boundsThat(0, 0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10) < 0.34);
  for (const odd of [-0, -1, 0.0005, 1e9, 2 ** 28 / 1000, Infinity, 1 / 3]) assert.ok(boundsThat(odd, 1) > 0.5);
  assert.ok(boundsThat() <= 1);
});

test('what stands for bounds among what is kept means nothing in a point that came', () => {
  const point = new HistogramPoint();
  const bytes = Buffer.from([(13 << 3) | 2, 2, 5, 10]);
  point.read(bytes, 0, bytes.length);
  assert.equal(point.boundCount, 0);
  const writer = new Writer(16);
  point.writeRest(writer);
  assert.deepEqual(Buffer.from(writer.take()), bytes);
});

/** What is read and written again, with something else in front and behind. */
function roundTrip(point: Point, bytes: Uint8Array, leaveOut = 0): Uint8Array {
  const around = Buffer.concat([Buffer.from([0xff, 0xff]), bytes, Buffer.from([0xff])]);
  const writer = new Writer(16);
  point.read(around, 2, 2 + bytes.length);
  point.writeValues(writer);
  point.writeRest(writer, leaveOut);
  point.release();
  return writer.take();
}

for (const [message, point, arbitrary] of KINDS) {
  test(`a ${message} that is read and written says the same, to the last bit`, () => {
    fc.assert(
      fc.property(arbitrary, (object) => {
        const bytes = encodeMessage(message, object);
        const again = decodeMessage(message, roundTrip(point, bytes));
        const expected = decodeMessage(message, bytes);
        for (const sign of ['positive', 'negative']) {
          // Buckets without a count say nothing.
          const { bucketCounts } = (expected[sign] ?? {}) as { bucketCounts?: unknown[] };
          if (bucketCounts?.length === 0) expected[sign] = null;
        }
        assert.deepEqual(again, expected);
      }),
      { numRuns: 300 },
    );
  });

  test(`what is written of the values of a ${message} can be read again`, () => {
    fc.assert(
      fc.property(arbitrary, (object) => {
        const writer = new Writer(16);
        const bytes = encodeMessage(message, object);
        point.read(bytes, 0, bytes.length);
        point.writeValues(writer);
        const values = writer.take();
        assert.deepEqual(roundTrip(point, values), values);
      }),
      { numRuns: 100 },
    );
  });

  test(`what is kept of the values of a ${message} says the same, to the last bit`, () => {
    fc.assert(
      fc.property(arbitrary, (object) => {
        const [kept, before, after] = [new Writer(16), new Writer(16), new Writer(16)];
        const bytes = encodeMessage(message, object);
        point.read(bytes, 0, bytes.length);
        point.writeValues(before);
        writeKept(point, kept);
        point.read(bytes, 0, 0);
        readKept(point, kept.buffer, 0, kept.pos);
        point.writeValues(after);
        assert.deepEqual(after.take(), before.take());
      }),
      { numRuns: 300 },
    );
  });

  test(`a ${message} that is cut off, or damaged, is malformed and nothing else`, () => {
    fc.assert(
      fc.property(arbitrary, fc.nat(), fc.nat(), fc.nat(255), (object, cutAt, damagedAt, byte) => {
        const bytes = encodeMessage(message, object);
        const damaged = Uint8Array.from(bytes.subarray(0, cutAt % (bytes.length + 1)));
        if (damaged.length > 0) damaged[damagedAt % damaged.length] = byte;
        try {
          roundTrip(point, damaged);
        } catch (error) {
          assert.equal((error as { code?: unknown }).code, 'payload_malformed');
        }
      }),
      { numRuns: 500 },
    );
  });
}

test('lists that are not packed are read as well', () => {
  const point = new HistogramPoint();
  const writer = new Writer();
  for (const count of [1n, 2n]) writer.fixed64(6, count);
  writer.double(7, 0.5);
  const bytes = writer.take();
  assert.deepEqual(decodeMessage('HistogramDataPoint', roundTrip(point, bytes)), {
    ...decodeMessage('HistogramDataPoint', bytes),
    bucketCounts: ['1', '2'],
    explicitBounds: [0.5],
  });

  const exponential = new ExponentialPoint();
  const inner = writer.begin(8);
  for (const count of [300, 2]) writer.uint(2, count);
  writer.end(inner);
  const read = decodeMessage('ExponentialHistogramDataPoint', roundTrip(exponential, writer.take()));
  assert.deepEqual(read['positive'], { offset: 0, bucketCounts: ['300', '2'] });
});

test('fields that nobody knows, and attributes, stay unless they are left out', () => {
  const writer = new Writer();
  writer.string(40, 'of tomorrow');
  const attribute = writer.begin(NUMBER_POINT.attributes);
  writer.string(1, 'key');
  writer.end(attribute);
  writer.double(NUMBER_POINT.asDouble, 1.5);
  writer.string(41, 'as well');
  const bytes = writer.take();
  const point = new NumberPoint();
  assert.equal(decodeMessage('NumberDataPoint', roundTrip(point, bytes))['asDouble'], 1.5);
  assert.ok(Buffer.from(roundTrip(point, bytes)).includes('of tomorrow'));
  const without = Buffer.from(roundTrip(point, bytes, fieldBit(NUMBER_POINT.attributes)));
  assert.ok(without.includes('as well') && without.includes('of tomorrow') && !without.includes('key'));
});

test('the last of values that come twice counts', () => {
  const writer = new Writer();
  writer.fixed64(NUMBER_POINT.asInt, 1n);
  writer.double(NUMBER_POINT.asDouble, 2.5);
  writer.fixed64(NUMBER_POINT.timeUnixNano, 3n);
  writer.fixed64(NUMBER_POINT.timeUnixNano, 4n);
  const read = decodeMessage('NumberDataPoint', roundTrip(new NumberPoint(), writer.take()));
  assert.deepEqual([read['asDouble'], read['asInt'], read['timeUnixNano']], [2.5, undefined, '4']);
});

test('buckets whose numbers do not fit into 32 bits are malformed', () => {
  const message = 'ExponentialHistogramDataPoint';
  const read = (bucketCounts: number[]) => {
    roundTrip(new ExponentialPoint(), encodeMessage(message, { positive: { offset: 2 ** 31 - 2, bucketCounts } }));
  };
  read([1, 1]);
  assert.throws(() => read([1, 1, 1]), { code: 'payload_malformed' });
});
