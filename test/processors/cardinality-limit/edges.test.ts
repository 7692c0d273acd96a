import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fc } from '../../support/property.ts';
import { batchBytes, joinBatches, makeBatch } from '../../../src/core/batch.ts';
import { metricPattern } from '../../../src/processors/cardinality-limit/metric-pattern.ts';
import { pathPattern } from '../../../src/processors/cardinality-limit/path-pattern.ts';
import { ValueBuckets } from '../../../src/processors/cardinality-limit/value-buckets.ts';
import {
  isOverflow,
  metricBatch,
  type MetricPoint,
  type PointKind,
  type Temporality,
} from '../../support/metric-points.ts';
import { assertClosed, limited } from './limited.ts';
import { cpuMsOf } from '../../support/cpu-time.ts';

function pointsOf(kind: PointKind, temporality: Temporality) {
  return (user: string, value: number, time: number, more: Partial<MetricPoint> = {}): MetricPoint => ({
    metric: 'requests',
    kind,
    temporality,
    resource: { 'service.name': 'shop' },
    attributes: [['user', user]],
    start: 10,
    time,
    value,
    ...more,
  });
}

const counter = pointsOf('sum', 'cumulative');
const delta = pointsOf('sum', 'delta');

test('a total of which all points of a batch were refused is not written, and the ledger stays closed', async () => {
  const limiter = await limited({ limit: 1, explain: false });
  const histogram = (user: string, value: number, time: number, bound: number): MetricPoint =>
    pointsOf('histogram', 'cumulative')(user, value, time, { sum: value, buckets: [value, 0], bounds: [bound] });
  await limiter.send([histogram('kept', 1, 20, 1), histogram('a', 2, 20, 1)]);
  assert.deepEqual(await limiter.send([histogram('b', 3, 30, 7)]), []);
  assert.equal(limiter.dropped('cardinality'), 1);
  assertClosed(limiter);
  const [next] = await limiter.send([histogram('a', 5, 40, 1)]);
  assert.deepEqual([next?.value, next?.time], [5, 40]);
});

test('where a metric stands in a batch more than once, its overflow deltas do not overlap', async () => {
  const limiter = await limited({ limit: 1, explain: false });
  const requests = [
    [delta('kept', 1, 20), delta('a', 2, 20)],
    [delta('kept', 1, 20), delta('b', 3, 20)],
    [delta('kept', 1, 20), delta('c', 4, 20)],
  ];
  const out = await limiter.send(joinBatches(requests.map(metricBatch)));
  const overflow = out.filter(isOverflow).map(({ start, time, value }) => [start, time, value]);
  assert.deepEqual(overflow, [
    [10, 20, 2],
    [20, 21, 3],
    [21, 22, 4],
  ]);
  assertClosed(limiter);
});

test('what members had when a damaged point broke a batch off is in the total that comes next', async () => {
  const limiter = await limited({ limit: 1, explain: false });
  await limiter.send([counter('kept', 1, 20), counter('a', 10, 20)]);
  const bytes = Buffer.from(batchBytes(metricBatch([counter('a', 100, 30), counter('b', 5, 30)])));
  const startOfB = bytes.lastIndexOf(Buffer.of(0x11, 10));
  bytes[startOfB] = 0x17;
  assert.equal((await limiter.offer(makeBatch('metrics', [bytes], 2))).status, 'rejected');
  const [total] = await limiter.send([counter('a', 150, 40)]);
  assert.equal(total?.value, 150);
});

test('an overflow series that began has no point from before that', async () => {
  const limiter = await limited({ limit: 1, explain: false });
  await limiter.send([counter('kept', 1, 120), counter('a', 10, 120, { start: 100 })]);
  const [total] = await limiter.send([counter('b', 150, 90, { start: 80 })]);
  assert.deepEqual([total?.value, total?.start, total?.time], [160, 100, 100]);
});

test('the mark of an overflow series stays, whatever labels are dropped', async () => {
  const dropLabels = ['user', 'otel.metric.overflow'];
  const limiter = await limited({ limit: 1, explain: false, on_overflow: 'drop_label', drop_labels: dropLabels });
  const marked = (user: string, value: number): MetricPoint =>
    delta(user, value, 20, {
      attributes: [
        ['user', user],
        ['otel.metric.overflow', true],
        ['region', 'north'],
      ],
    });
  const out = await limiter.send([delta('kept', 1, 20), marked('a', 2), marked('b', 3)]);
  assert.deepEqual(
    out.filter(isOverflow).map(({ attributes, value }) => [attributes, value]),
    [
      [
        [
          ['otel.metric.overflow', true],
          ['region', 'north'],
        ],
        5,
      ],
    ],
  );
  assertClosed(limiter);
});

test('no value and no name takes long, whatever the patterns', () => {
  const hostile = [
    'a'.repeat(1000),
    `${'1'.repeat(1000)}a`,
    '{a'.repeat(500),
    `/${'-'.repeat(900)}`,
    '_'.repeat(1000),
    'a_'.repeat(500),
  ];
  const buckets = new ValueBuckets(['/{a}-{b}-{c}-{d}/x', '{a}{b}{c}{d}{e}!', '/{a}-{b}-{c}*'], true);
  const glob = metricPattern('*_*_*_*_*_total');
  const tookMs = cpuMsOf(() => {
    for (let i = 0; i < 10; i++) for (const text of hostile) buckets.of(text);
    for (const text of hostile) assert.equal(glob.test(text), false);
  });
  // It takes a few milliseconds; by trying all ways it would be hours.
  assert.ok(tookMs < 2000, `${tookMs} ms`);
});

const text = (characters: string, maxLength: number) =>
  fc.string({ unit: fc.constantFrom(...Array.from(characters)), maxLength });

test('patterns of paths match what the regular expressions that say the same do', () => {
  const pattern = fc.array(fc.constantFrom('a', 'b', '/', '{x}'), { maxLength: 7 }).map((parts) => parts.join(''));
  fc.assert(
    fc.property(pattern, fc.boolean(), text('ab/', 9), (parts, isOpen, path) => {
      const source = parts.replaceAll('{x}', '[^/]+');
      const expected = new RegExp(`^${source}${isOpen ? '.*' : ''}$`).test(path);
      assert.equal(pathPattern(isOpen ? `${parts}*` : parts).matches(path), expected);
    }),
    { numRuns: 3000 },
  );
});

test('patterns of names match what the regular expressions that say the same do', () => {
  fc.assert(
    fc.property(text('ab*?', 7), text('abc', 9), (pattern, name) => {
      const source = pattern.replaceAll('*', '.*').replaceAll('?', '.');
      assert.equal(metricPattern(pattern).test(name), new RegExp(`^${source}$`).test(name));
    }),
    { numRuns: 3000 },
  );
});
