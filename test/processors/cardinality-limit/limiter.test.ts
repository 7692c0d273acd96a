import assert from 'node:assert/strict';
import { test } from 'node:test';
import { RemoraError } from '../../../src/core/errors.ts';
import { ACCEPTED, retry } from '../../../src/core/verdict.ts';
import {
  isOverflow,
  metricBatch,
  type MetricPoint,
  type PointKind,
  type Temporality,
} from '../../support/metric-points.ts';
import { assertClosed, limited } from './limited.ts';

const WINDOW_MS = 600_000;

function pointsOf(kind: PointKind, temporality: Temporality) {
  return (user: string, value: number, time: number, more: Partial<MetricPoint> = {}): MetricPoint => ({
    metric: 'requests',
    kind,
    temporality,
    resource: { 'service.name': 'shop' },
    attributes: [
      ['method', 'GET'],
      ['user', user],
    ],
    start: 10,
    time,
    value,
    ...more,
  });
}

const counter = pointsOf('sum', 'cumulative');
const delta = pointsOf('sum', 'delta');
const level = pointsOf('level', 'cumulative');
const gauge = pointsOf('gauge', 'cumulative');

const overflowOf = (points: readonly MetricPoint[]): MetricPoint[] => points.filter(isOverflow);
const values = (points: readonly MetricPoint[]): number[] => points.map(({ value }) => value);

test('series within the limit pass as they came, in the very same batch', async () => {
  const limiter = await limited({ limit: 3 });
  const batch = metricBatch([counter('a', 1, 20), counter('b', 2, 20), counter('c', 3, 20)]);
  for (let i = 0; i < 3; i++) await limiter.send(batch);
  assert.ok(limiter.next.batches.every((passed) => passed === batch));
  assertClosed(limiter);
});

test('delta sums beyond the limit are added up in one point with the overflow attribute alone', async () => {
  const limiter = await limited({ limit: 2 });
  const out = await limiter.send([
    delta('a', 1, 20),
    delta('b', 2, 20),
    delta('c', 3, 21, { start: 9 }),
    delta('a', 4, 20),
    delta('d', 5, 20),
  ]);
  assert.deepEqual(values(out), [1, 2, 4, 8]);
  const [overflow] = overflowOf(out);
  assert.deepEqual(overflow?.attributes, [['otel.metric.overflow', true]]);
  assert.deepEqual([overflow.start, overflow.time], [9, 21]);
  assert.equal(limiter.dropped('cardinality_merged'), 1);
  assertClosed(limiter);
});

test('a cumulative overflow series is the total of what its members ever counted, and never goes down', async () => {
  const limiter = await limited({ limit: 1 });
  await limiter.send([counter('kept', 100, 20)]);
  assert.deepEqual(values(await limiter.send([counter('a', 5, 20), counter('b', 7, 21)])), [12]);
  // b is not there, a went on: what b had stays.
  const [second] = await limiter.send([counter('a', 6, 30)]);
  assert.deepEqual([second?.value, second?.start, second?.time], [13, 10, 30]);
  // a began anew, with a later start; b without one.
  assert.deepEqual(values(await limiter.send([counter('a', 2, 40, { start: 35 }), counter('b', 1, 40)])), [16]);
  // A point that came late, and one that came twice.
  assert.deepEqual(values(await limiter.send([counter('a', 1, 38, { start: 35 }), counter('b', 1, 40)])), [16]);
  assertClosed(limiter);
});

test('its start is the earliest of the points it began with', async () => {
  const limiter = await limited({ limit: 1 });
  await limiter.send([counter('kept', 100, 20)]);
  const starts = async (...points: MetricPoint[]) => overflowOf(await limiter.send(points)).map(({ start }) => start);
  assert.deepEqual(await starts(counter('a', 1, 20, { start: 15 }), counter('b', 1, 20, { start: 12 })), [12]);
  assert.deepEqual(await starts(counter('c', 1, 30, { start: 11 }), counter('b', 1, 30, { start: 25 })), [12]);
});

test('of gauges the last by its time is what the overflow series shows', async () => {
  const limiter = await limited({ limit: 1 });
  const out = await limiter.send([gauge('kept', 1, 20), gauge('a', 7, 22), gauge('b', 9, 25), gauge('c', 8, 24)]);
  assert.deepEqual(values(overflowOf(out)), [9]);
  assert.equal(overflowOf(out)[0]?.time, 25);
  assertClosed(limiter);
});

test('sums that may go down show what there is of all members together', async () => {
  const limiter = await limited({ limit: 1 });
  await limiter.send([level('kept', 1, 20)]);
  assert.deepEqual(values(await limiter.send([level('a', 5, 20), level('b', 7, 20)])), [12]);
  assert.deepEqual(values(await limiter.send([level('a', 2, 30), level('b', -1, 30)])), [1]);
  assert.deepEqual(values(await limiter.send([level('a', 3, 40, { start: 39 })])), [2]);
});

test('what a member of such a sum had is taken off when it is forgotten', async () => {
  const limiter = await limited({ limit: 1, window: '10m', remember: '30m' });
  await limiter.send([level('kept', 1, 20), level('a', 5, 20), level('b', 7, 20)]);
  for (let i = 0; i < 5; i++) {
    await limiter.send([level('kept', 1, 30 + i)]);
    assert.deepEqual(values(await limiter.send([level('b', 7, 30 + i)])), [i < 4 ? 12 : 7], `window ${i}`);
    await limiter.clock.advance(WINDOW_MS);
  }
});

test('histograms are added up bucket by bucket; those with other bounds are dropped and counted', async () => {
  const limiter = await limited({ limit: 1 });
  const histogram = pointsOf('histogram', 'cumulative');
  const shape = (buckets: number[], sum: number, bounds = [1, 2]) => ({ buckets, bounds, sum });
  await limiter.send([histogram('kept', 1, 20, shape([1, 0, 0], 0.5))]);
  const first = await limiter.send([
    histogram('a', 3, 20, shape([1, 1, 1], 6)),
    histogram('b', 2, 20, shape([0, 2, 0], 3)),
    histogram('c', 2, 20, shape([0, 2], 3, [1])),
  ]);
  assert.deepEqual(
    first.map(({ value, buckets, sum }) => [value, buckets, sum]),
    [[5, [1, 3, 1], 9]],
  );
  assert.equal(limiter.dropped('cardinality'), 1);
  const second = await limiter.send([
    histogram('a', 4, 30, shape([1, 2, 1], 7.5)),
    histogram('b', 1, 30, shape([1, 0, 0], 0.5)),
  ]);
  assert.deepEqual(
    second.map(({ value, buckets, sum }) => [value, buckets, sum]),
    [[7, [2, 4, 1], 11]],
  );
  assertClosed(limiter);
});

for (const temporality of ['cumulative', 'delta'] as const) {
  test(`merged ${temporality} histograms keep their bounds, however many there are`, async () => {
    const bounds = Array.from({ length: 40 }, (_, i) => i + 0.5);
    const shape = { buckets: Array.from({ length: 41 }, () => 1), bounds, sum: 7 };
    const limiter = await limited({ limit: 1 });
    const histogram = pointsOf('histogram', temporality);
    await limiter.send([histogram('kept', 41, 20, shape)]);
    for (const time of [20, 30]) {
      const out = await limiter.send([histogram('a', 41, time, shape), histogram('b', 41, time, shape)]);
      assert.deepEqual(
        out.map((point) => [point.value, point.bounds]),
        [[82, bounds]],
      );
    }
  });
}

test('summaries are merged without their quantiles', async () => {
  const limiter = await limited({ limit: 1 });
  const summary = pointsOf('summary', 'cumulative');
  await limiter.send([summary('kept', 1, 20, { sum: 1 })]);
  const sums = (out: MetricPoint[]) => out.map(({ value, sum }) => [value, sum]);
  assert.deepEqual(sums(await limiter.send([summary('a', 3, 20, { sum: 6 }), summary('b', 2, 20, { sum: 3 })])), [
    [5, 9],
  ]);
  assert.deepEqual(sums(await limiter.send([summary('a', 4, 30, { sum: 8 })])), [[6, 11]]);
});

test('a metric of another service or name has a limit of its own, and attributes in another order are the same series', async () => {
  const limiter = await limited({ limit: 1 });
  const turned = { attributes: [...counter('a', 1, 1).attributes].reverse() };
  const out = await limiter.send([
    counter('a', 1, 20),
    counter('a', 2, 21, turned),
    counter('a', 3, 20, { metric: 'other' }),
    counter('a', 4, 20, { resource: { 'service.name': 'cart' } }),
    counter('a', 5, 20, { resource: { 'service.name': 'shop', 'service.instance.id': '2' } }),
  ]);
  assert.deepEqual(
    out.map((point) => [point.value, isOverflow(point)]),
    [
      [1, false],
      [2, false],
      [3, false],
      [4, false],
      [5, true],
    ],
  );
});

test('within a window nothing changes its side; a series without a point in a whole one gives its place back', async () => {
  const limiter = await limited({ limit: 1, window: '10m' });
  assert.deepEqual(overflowOf(await limiter.send([delta('a', 1, 20), delta('b', 1, 20)])).length, 1);
  await limiter.clock.advance(WINDOW_MS);
  // a was seen in the window that ended, so b has no place yet.
  assert.deepEqual(overflowOf(await limiter.send([delta('b', 1, 30)])).length, 1);
  await limiter.clock.advance(WINDOW_MS);
  assert.deepEqual(overflowOf(await limiter.send([delta('b', 1, 40)])).length, 0);
  assert.deepEqual(overflowOf(await limiter.send([delta('a', 1, 40)])).length, 1);
});

test('a counter that lost its place and returns is counted exactly once, with a place or without', async () => {
  const limiter = await limited({ limit: 1, window: '10m', remember: '1h' });
  await limiter.send([counter('a', 100, 20)]);
  await limiter.clock.advance(2 * WINDOW_MS);
  await limiter.send([counter('b', 1, 30)]);
  // a is back, and its place is taken: of its 103 the 100 were counted in its own series.
  assert.deepEqual(values(overflowOf(await limiter.send([counter('a', 103, 40)]))), [3]);
  await limiter.clock.advance(3 * WINDOW_MS);
  // The place of b is free again, but what a had is part of the overflow series.
  assert.deepEqual(values(overflowOf(await limiter.send([counter('a', 104, 50)]))), [4]);
  const [back] = await limiter.send([counter('b', 2, 50)]);
  assert.deepEqual([back?.value, isOverflow(back!)], [2, false]);
});

test('a series that has ended passes its last point and gives its place back with the window', async () => {
  const limiter = await limited({ limit: 1 });
  await limiter.send([gauge('a', 1, 20)]);
  const [last] = await limiter.send([gauge('a', 0, 21, { isStale: true })]);
  assert.equal(last?.isStale, true);
  assert.equal(overflowOf(await limiter.send([gauge('b', 1, 22)])).length, 1);
  await limiter.clock.advance(WINDOW_MS);
  assert.equal(overflowOf(await limiter.send([gauge('b', 1, 23)])).length, 0);
  // That of one without a place goes nowhere.
  assert.deepEqual(await limiter.send([gauge('c', 0, 24, { isStale: true })]), []);
  assert.equal(limiter.dropped('cardinality_merged'), 1);
  assertClosed(limiter);
});

test('the overflow series of an SDK goes into ours, whether it comes before or after', async () => {
  const limiter = await limited({ limit: 1 });
  const own = { attributes: [['otel.metric.overflow', true]] } as const;
  assert.deepEqual(values(await limiter.send([counter('', 50, 20, own)])), [50]);
  assert.deepEqual(values(await limiter.send([counter('kept', 1, 20), counter('a', 2, 30)])), [1, 52]);
  assert.deepEqual(values(await limiter.send([counter('', 51, 40, own), counter('a', 4, 40)])), [55]);
  assertClosed(limiter);
});

test('a batch that is offered again counts once', async () => {
  for (const make of [counter, delta]) {
    const limiter = await limited({ limit: 1 });
    await limiter.send([make('kept', 1, 20)]);
    limiter.next.answer = () => retry(new RemoraError('upstream_unavailable', 'Busy.'), 1);
    const batch = metricBatch([make('a', 5, 20), make('b', 2, 20)]);
    for (let i = 0; i < 3; i++) assert.equal((await limiter.offer(batch)).status, 'retry');
    assert.equal(limiter.account.dropped.size, 0);
    limiter.next.answer = () => ACCEPTED;
    const [overflow] = await limiter.send(batch);
    assert.deepEqual([overflow?.value, overflow?.start, overflow?.time], [7, 10, 20]);
    assertClosed(limiter);
  }
});

test('delta points of one export that comes in several batches do not overlap', async () => {
  const limiter = await limited({ limit: 1 });
  await limiter.send([delta('kept', 1, 20)]);
  const spans: number[][] = [];
  for (const user of ['a', 'b', 'c']) {
    const [overflow] = await limiter.send([delta(user, 1, 1_000_000_000)]);
    spans.push([overflow?.start ?? 0, overflow?.time ?? 0]);
  }
  assert.deepEqual(spans, [
    [10, 1_000_000_000],
    [1_000_000_000, 1_000_000_001],
    [1_000_000_001, 1_000_000_002],
  ]);
  const [next] = await limiter.send([delta('a', 1, 2_000_000_000, { start: 1_000_000_000 })]);
  assert.deepEqual([next?.start, next?.time], [1_000_000_002, 2_000_000_000]);
});

test('drop lets go of what is beyond the limit, by name as it is set', async () => {
  const limiter = await limited({
    limit: 5,
    metrics: [
      { match: 'req*', limit: 1, on_overflow: 'drop' },
      { match: '/other|more/', limit: 1 },
    ],
  });
  const out = await limiter.send([
    counter('a', 1, 20),
    counter('b', 2, 20),
    counter('a', 3, 20, { metric: 'other' }),
    counter('b', 4, 20, { metric: 'other' }),
    counter('a', 5, 20, { metric: 'others' }),
    counter('b', 6, 20, { metric: 'others' }),
  ]);
  assert.deepEqual(values(out), [1, 3, 4, 5, 6]);
  assert.deepEqual(
    overflowOf(out).map(({ metric }) => metric),
    ['other'],
  );
  assert.equal(limiter.dropped('cardinality'), 1);
  assertClosed(limiter);
});

test('each tenant has a limit, and max_series is one for all of them', async () => {
  const limiter = await limited({
    limit: 3,
    max_series: 4,
    per_tenant: { resource_attribute: 'team', limit: 3 },
  });
  const of = (team: string, user: string, metric: string): MetricPoint =>
    counter(user, 1, 20, { resource: { team }, metric });
  const one = await limiter.send([of('x', 'a', 'm'), of('x', 'b', 'm'), of('x', 'a', 'n'), of('x', 'b', 'n')]);
  assert.deepEqual(
    overflowOf(one).map(({ metric }) => metric),
    ['n'],
  );
  const two = await limiter.send([of('y', 'a', 'm'), of('y', 'b', 'm')]);
  assert.equal(overflowOf(two).length, 1);
});

test('drop_label adds up what is left without the labels, marked as overflow; what lacks them is merged', async () => {
  const limiter = await limited({ limit: 1, on_overflow: 'drop_label', drop_labels: ['user'] });
  const post = {
    attributes: [
      ['user', 'z'],
      ['method', 'POST'],
    ],
  } as const;
  await limiter.send([counter('kept', 1, 20)]);
  const shown = (out: readonly MetricPoint[]) => out.map(({ attributes, value }) => [attributes, value]);
  const get = [
    ['method', 'GET'],
    ['otel.metric.overflow', true],
  ];
  const posted = [
    ['method', 'POST'],
    ['otel.metric.overflow', true],
  ];
  const first = [
    counter('a', 2, 20),
    counter('b', 3, 20),
    counter('', 4, 20, post),
    counter('', 5, 20, { attributes: [] }),
  ];
  assert.deepEqual(shown(await limiter.send(first)), [
    [get, 5],
    [posted, 4],
    [[['otel.metric.overflow', true]], 5],
  ]);
  assert.deepEqual(shown(await limiter.send([counter('a', 9, 30)])), [[get, 12]]);
  assertClosed(limiter);
});

test('bucket puts values together that differ in ids', async () => {
  const limiter = await limited({ limit: 1, on_overflow: 'bucket', bucket: { patterns: ['/users/{id}'] } });
  const route = (path: string, value: number) => delta('', value, 20, { attributes: [['http.route', path]] });
  const out = await limiter.send([
    route('/', 1),
    route('/users/anna', 2),
    route('/users/7', 3),
    route('/carts/9', 4),
    route('/about', 5),
  ]);
  assert.deepEqual(
    out.map(({ attributes, value }) => [attributes[0]?.[1], value]),
    [
      ['/', 1],
      ['/users/{id}', 5],
      ['/carts/{number}', 4],
      [true, 5],
    ],
  );
  assertClosed(limiter);
});

test('what drop_label and bucket make is bounded, too, and the rest is merged', async () => {
  const limiter = await limited({ limit: 20, on_overflow: 'drop_label', drop_labels: ['user'] });
  const points = Array.from({ length: 100 }, (_, i) =>
    delta('', 1, 20, {
      attributes: [
        ['user', String(i)],
        ['path', String(i)],
      ],
    }),
  );
  const out = await limiter.send(points);
  assert.equal(out.length, 41);
  assert.equal(
    values(out).reduce((sum, each) => sum + each, 0),
    100,
  );
  assert.deepEqual(out.at(-1)?.attributes, [['otel.metric.overflow', true]]);
  assertClosed(limiter);
});

test('an overflow series of another limiter goes on in ours, whatever its attributes', async () => {
  const limiter = await limited({ limit: 1, on_overflow: 'drop_label', drop_labels: ['user'] });
  const theirs = {
    attributes: [
      ['method', 'GET'],
      ['otel.metric.overflow', true],
    ],
  } as const;
  await limiter.send([counter('kept', 1, 20)]);
  const out = await limiter.send([counter('a', 2, 20), counter('', 10, 20, theirs)]);
  assert.deepEqual(values(out), [12]);
  assert.deepEqual(values(await limiter.send([counter('', 11, 30, theirs)])), [13]);
});

test('drop_labels auto drops what drives the series, as the explanation finds it', async () => {
  const limiter = await limited({ limit: 20, on_overflow: 'drop_label' });
  const points = Array.from({ length: 100 }, (_, i) =>
    delta('', 1, 20, {
      attributes: [
        ['session', String(i)],
        ['method', i % 2 === 0 ? 'GET' : 'POST'],
      ],
    }),
  );
  const out = await limiter.send(points);
  const over = overflowOf(out).map(({ attributes, value }) => [attributes[0]?.[1], value]);
  assert.deepEqual(over, [
    ['GET', 40],
    ['POST', 40],
  ]);
  await limiter.processor.stop?.(new AbortController().signal);
});

test('metrics beyond max_metrics have no places, and their totals stay right', async () => {
  const limiter = await limited({ max_metrics: 1 });
  const other = (user: string, value: number, time: number) => counter(user, value, time, { metric: 'other' });
  const out = await limiter.send([counter('a', 1, 20), counter('b', 2, 20), other('a', 3, 20), other('b', 4, 20)]);
  assert.deepEqual(values(out), [1, 2, 7]);
  assert.deepEqual(values(await limiter.send([other('a', 5, 30)])), [9]);
  // Once the first metric is gone, there is room for the other; what overflowed stays where it is.
  await limiter.clock.advance(20 * WINDOW_MS);
  assert.deepEqual(overflowOf(await limiter.send([other('c', 1, 40)])).length, 0);
  assertClosed(limiter);
});
