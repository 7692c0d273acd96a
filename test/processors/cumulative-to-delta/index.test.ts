import assert from 'node:assert/strict';
import { test } from 'node:test';
import { metricBatch, type MetricPoint } from '../../support/metric-points.ts';
import type { Batch } from '../../../src/core/batch.ts';
import { RemoraError } from '../../../src/core/errors.ts';
import { rejected, retry } from '../../../src/core/verdict.ts';
import { cumulativeToDeltaProcessor } from '../../../src/processors/cumulative-to-delta/index.ts';
import type { PlainObject } from '../../support/otlp-proto.ts';
import {
  attributesOf,
  CUMULATIVE,
  DELTA,
  exponential,
  histogram,
  metricsBatch,
  nanos,
  numberPoint,
  sum,
} from '../temporality/metric-batches.ts';
import { Rig } from '../temporality/rig.ts';

const KEEP = { initial_value: 'keep' };

function rig(config: object = KEEP): Rig {
  return Rig.of(cumulativeToDeltaProcessor, config);
}

/** A batch of one point of a counter. */
function counter(start: number, time: number, value: number, attributes: PlainObject[] = []): Batch {
  return metricsBatch(sum('requests', CUMULATIVE, numberPoint(start, time, value, attributes)));
}

test('what is between two points goes on, from the time of the one to that of the other', async () => {
  const made = rig();
  await made.mustTake(counter(1, 10, 5), counter(1, 20, 7), counter(1, 30, 7), counter(1, 40, 10.5));
  assert.deepEqual(made.numbers, [
    [1, 10, 5],
    [10, 20, 2],
    [20, 30, 0],
    [30, 40, 3.5],
  ]);
  assert.ok(made.points.every(({ temporality }) => temporality === DELTA));
});

test('a point that is less than the one before counts whole, for the stream has begun anew', async () => {
  const made = rig();
  await made.mustTake(counter(1, 10, 5), counter(1, 20, 2), counter(25, 30, 1), counter(25, 40, 4));
  assert.deepEqual(made.numbers, [
    [1, 10, 5],
    [10, 20, 2],
    [25, 30, 1],
    [30, 40, 3],
  ]);
  assert.equal(made.context.meter.total('remora_temporality_resets'), 2);
});

test('a start time behind the last point says that the stream has begun anew, though its value is larger', async () => {
  const made = rig();
  await made.mustTake(counter(1, 10, 5), counter(15, 20, 8));
  assert.deepEqual(made.numbers[1], [15, 20, 8]);
});

test('start times that move without a reset, or are those of their own points, are no reset', async () => {
  const made = rig();
  await made.mustTake(counter(1, 10, 5), counter(3, 20, 8), counter(30, 30, 9), counter(0, 40, 11));
  assert.deepEqual(
    made.numbers.map(([, , value]) => value),
    [5, 3, 1, 2],
  );
  assert.equal(made.context.meter.total('remora_temporality_resets'), 0);
});

test('points that are not behind the last one are dropped, and made up for by the next', async () => {
  const made = rig();
  await made.mustTake(counter(1, 20, 5), counter(1, 10, 3), counter(1, 20, 6), counter(1, 30, 9));
  assert.deepEqual(made.numbers, [
    [1, 20, 5],
    [20, 30, 4],
  ]);
  assert.deepEqual(made.dropped, { out_of_order: 1, duplicate_point: 1 });
  assert.equal(made.context.meter.total('otelcol_cumulativetodelta_datapoints_dropped'), 2);
});

test('points without a time are taken in the order in which they come', async () => {
  const made = rig();
  await made.mustTake(counter(0, 0, 5), counter(0, 0, 7));
  assert.deepEqual(made.numbers, [
    [0, 0, 5],
    [0, 0, 2],
  ]);
});

test('the first point of a stream goes on where all of it came about after the start, with auto', async () => {
  const first = async (config: object, start: number, time: number): Promise<number> => {
    const made = rig(config);
    await made.mustTake(counter(start, time, 5), counter(start, 1030, 9));
    return made.numbers.reduce((total, [, , value]) => total + value, 0);
  };
  // The clock stands at 1,000 s.
  assert.equal(await first({}, 999, 1010), 4);
  assert.equal(await first({}, 1001, 1010), 9);
  assert.equal(await first({}, 0, 1010), 4);
  assert.equal(await first({}, 1010, 1010), 4);
  assert.equal(await first({ initial_value: 'drop' }, 1001, 1010), 4);
  assert.equal(await first({ initial_value: 'keep' }, 999, 1010), 9);
});

test('streams are told apart by resource, name, unit, kind and attributes, whose order makes no difference', async () => {
  const made = rig();
  const labels = attributesOf({ path: '/a', method: 'GET' });
  await made.mustTake(
    metricsBatch(
      sum('a', CUMULATIVE, numberPoint(1, 10, 5, labels), numberPoint(1, 10, 50, attributesOf({ path: '/b' }))),
      sum('b', CUMULATIVE, numberPoint(1, 10, 500, labels)),
      { ...sum('a', CUMULATIVE, numberPoint(1, 10, 5000, labels)), unit: 's' },
    ),
    metricsBatch(sum('a', CUMULATIVE, numberPoint(1, 20, 7, [...labels].reverse()))),
  );
  assert.deepEqual(
    made.numbers.map(([, , value]) => value),
    [5, 50, 500, 5000, 2],
  );
  assert.equal(made.context.meter.total('otelcol_cumulativetodelta_streams_tracked'), 4);
});

test('the order of the attributes of a resource makes no difference', async () => {
  const made = rig();
  const point = (resource: Record<string, string>, time: number, value: number): MetricPoint => ({
    metric: 'requests',
    kind: 'sum',
    temporality: 'cumulative',
    resource,
    attributes: [],
    start: 1,
    time,
    value,
  });
  await made.mustTake(metricBatch([point({ 'service.name': 'shop', host: 'a' }, 10, 5)]));
  await made.mustTake(metricBatch([point({ host: 'a', 'service.name': 'shop' }, 20, 8)]));
  await made.mustTake(metricBatch([point({ host: 'b', 'service.name': 'shop' }, 20, 100)]));
  assert.equal(made.context.meter.total('otelcol_cumulativetodelta_streams_tracked'), 2);
});

test('what is no cumulative monotonic sum or histogram goes on as it came, byte for byte', async () => {
  const made = rig();
  const points = { dataPoints: [numberPoint(1, 10, 5), numberPoint(1, 10, 4)] };
  const batch = metricsBatch(
    { name: 'gauge', gauge: points },
    { name: 'up_down', sum: { ...points, aggregationTemporality: CUMULATIVE } },
    sum('delta', DELTA, numberPoint(1, 10, 5)),
    sum('unspecified', 0, numberPoint(1, 10, 5)),
    { name: 'summary', summary: { dataPoints: [{ timeUnixNano: nanos(1), count: 1 }] } },
  );
  await made.mustTake(batch, batch);
  assert.equal(made.next.batches[0], batch);
  assert.equal(made.next.batches[1], batch);
});

test('markers of staleness, points without a value and values that are no numbers go on, and end nothing', async () => {
  const made = rig();
  const blank = { startTimeUnixNano: nanos(1), timeUnixNano: nanos(15) };
  await made.mustTake(
    counter(1, 10, 5),
    metricsBatch(sum('requests', CUMULATIVE, { ...blank, flags: 1 }, blank, { ...blank, asDouble: Number.NaN })),
    counter(1, 20, 7),
  );
  assert.deepEqual(
    made.points.map(({ point }) => point['flags']),
    [0, 1, 0, 0, 0],
  );
  assert.deepEqual(made.numbers.at(-1), [10, 20, 2]);
});

const BUCKETS = { explicitBounds: [1, 2], startTimeUnixNano: nanos(1) };

function histogramAt(time: number, bucketCounts: number[], rest: PlainObject = {}): Batch {
  const count = bucketCounts.reduce((a, b) => a + b);
  const point = { ...BUCKETS, timeUnixNano: nanos(time), bucketCounts, count, sum: count * 2, min: 1, max: 9, ...rest };
  return metricsBatch(histogram('latency', CUMULATIVE, point));
}

function counts(made: Rig): unknown[] {
  return made.points.map(({ point }) => point['bucketCounts']);
}

test('buckets, count and sum of a histogram are taken apart; what is extreme in between is not known', async () => {
  const made = rig();
  await made.mustTake(histogramAt(10, [1, 2, 3]), histogramAt(20, [1, 4, 4]));
  const [, second] = made.points;
  assert.deepEqual(counts(made), [
    ['1', '2', '3'],
    ['0', '2', '1'],
  ]);
  const { count, sum: total, min, max, startTimeUnixNano } = second?.point ?? {};
  assert.deepEqual([count, total, min, max, startTimeUnixNano], ['3', 6, undefined, undefined, nanos(10)]);
});

test('a histogram of which a bucket went down has begun anew', async () => {
  const made = rig();
  await made.mustTake(histogramAt(10, [1, 2, 3]), histogramAt(20, [0, 9, 9]));
  assert.deepEqual(counts(made)[1], ['0', '9', '9']);
});

test('a histogram that comes with other bounds is dropped and taken from there, or has begun anew', async () => {
  const made = rig();
  const other = { explicitBounds: [1, 3] };
  await made.mustTake(histogramAt(10, [1, 2, 3]), histogramAt(20, [3, 3, 3], other), histogramAt(30, [3, 4, 3], other));
  assert.deepEqual(counts(made), [
    ['1', '2', '3'],
    ['0', '1', '0'],
  ]);
  assert.deepEqual(made.dropped, { bounds_changed: 1 });
  // Fewer values, or a later start: it is another process that counts otherwise.
  await made.mustTake(
    histogramAt(40, [1, 1, 1]),
    histogramAt(50, [9, 9, 9], { ...other, startTimeUnixNano: nanos(45) }),
  );
  assert.deepEqual(counts(made).slice(2), [
    ['1', '1', '1'],
    ['9', '9', '9'],
  ]);
});

test('an exponential histogram is taken apart over a change of scale', async () => {
  const made = rig();
  const at = (time: number, scale: number, offset: number, bucketCounts: number[]): Batch => {
    const count = bucketCounts.reduce((a, b) => a + b);
    const common = { startTimeUnixNano: nanos(1), timeUnixNano: nanos(time), count, sum: count };
    return metricsBatch(exponential('latency', CUMULATIVE, { ...common, scale, positive: { offset, bucketCounts } }));
  };
  await made.mustTake(at(10, 1, 0, [1, 1, 1]), at(20, 0, 0, [2, 3, 1]));
  const { scale, positive, count } = made.points[1]?.point ?? {};
  assert.deepEqual([scale, positive, count], [0, { offset: 1, bucketCounts: ['2', '1'] }, '3']);
});

test('only metrics that are meant are converted', async () => {
  const convertedOf = async (config: object): Promise<string[]> => {
    const made = rig({ ...KEEP, ...config });
    const point = { startTimeUnixNano: nanos(1), timeUnixNano: nanos(5), count: 1 };
    await made.mustTake(
      metricsBatch(
        sum('http.requests', CUMULATIVE, numberPoint(1, 5, 1)),
        sum('http.errors', CUMULATIVE, numberPoint(1, 5, 1)),
        histogram('http.latency', CUMULATIVE, point),
        exponential('latency', CUMULATIVE, point),
      ),
    );
    return made.points.filter(({ temporality }) => temporality === DELTA).map(({ metric }) => metric);
  };
  const strict = { match_type: 'strict' };
  const regexp = { match_type: 'regexp' };
  assert.equal((await convertedOf({})).length, 4);
  assert.deepEqual(await convertedOf({ include: { ...strict, metrics: ['http.errors', 'http'] } }), ['http.errors']);
  assert.deepEqual(await convertedOf({ include: { ...regexp, metrics: ['^lat', 'errors$'] } }), [
    'http.errors',
    'latency',
  ]);
  assert.deepEqual(await convertedOf({ exclude: { ...regexp, metrics: ['^http'] } }), ['latency']);
  const both = { include: { ...regexp, metrics: ['http'] }, exclude: { ...strict, metrics: ['http.errors'] } };
  assert.deepEqual(await convertedOf(both), ['http.requests', 'http.latency']);
  assert.deepEqual(await convertedOf({ include: { metric_types: ['Histogram'] } }), ['http.latency']);
  const exponentials = { exclude: { metric_types: ['sum', 'exponential_histogram'] } };
  assert.deepEqual(await convertedOf(exponentials), ['http.latency']);
});

test('a configuration that cannot mean anything is refused with the reason', () => {
  const problem = (config: object): string => {
    const parsed = cumulativeToDeltaProcessor.parse(config);
    assert.ok(!parsed.ok, JSON.stringify(config));
    return parsed.issues.map(({ path, message }) => `${path.join('.')}: ${message}`).join('\n');
  };
  assert.match(problem({ include: { metrics: ['a'] } }), /^include.match_type: must be strict or regexp/);
  assert.match(problem({ exclude: { match_type: 'strict' } }), /^exclude.metrics: must name at least one metric/);
  assert.match(
    problem({ include: { match_type: 'regexp', metrics: ['*a'] } }),
    /^include.metrics.0: "\*a" is not a usable/,
  );
  assert.match(problem({ include: { metric_types: ['gauge'] } }), /include.metric_types.0/);
  assert.match(problem({ initial_value: 'maybe' }), /initial_value/);
  assert.match(problem({ max_streams: 0 }), /max_streams/);
  assert.match(problem({ max_bytes: '1KiB' }), /max_bytes: must be at least 256KiB/);
});

test('what is not accepted changes nothing: the batch may be offered again, or never', async () => {
  const made = rig();
  await made.mustTake(counter(1, 10, 5));
  const busy = new RemoraError('upstream_unavailable', 'Not now.');
  for (const verdict of [retry(busy), retry(busy), rejected(busy)]) {
    made.next.answer = () => verdict;
    const batch = metricsBatch(
      sum('requests', CUMULATIVE, numberPoint(1, 20, 7), numberPoint(1, 30, 8)),
      sum('new', CUMULATIVE, numberPoint(1, 20, 1)),
    );
    assert.equal((await made.offer(batch)).status, verdict.status);
  }
  assert.equal(made.context.meter.total('otelcol_cumulativetodelta_streams_tracked'), 1);
  made.next.answer = () => ({ status: 'accepted', rejectedItems: 0 });
  await made.mustTake(counter(1, 20, 7), counter(1, 30, 9));
  assert.deepEqual(
    made.numbers.map(([, , value]) => value),
    [5, 2, 2],
  );
});

test('a stream without points is forgotten, and its next point is a first one', async () => {
  const made = rig({ max_staleness: '60s' });
  await made.mustTake(counter(1001, 1002, 5));
  await made.clock.advance(50_000);
  await made.mustTake(counter(1001, 1052, 7));
  await made.clock.advance(120_000);
  await made.mustTake(metricsBatch(sum('other', CUMULATIVE, numberPoint(1171, 1172, 1))));
  assert.equal(made.context.meter.total('otelcol_cumulativetodelta_streams_tracked'), 1);
  // It began after the start of this process, but before it was forgotten: part of it has gone on already.
  await made.mustTake(counter(1001, 1173, 9));
  assert.deepEqual(made.dropped, { initial_value: 1 });
  assert.deepEqual(
    made.numbers.map(([, , value]) => value),
    [5, 2, 1],
  );
});
