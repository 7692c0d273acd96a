import assert from 'node:assert/strict';
import { test } from 'node:test';
import { makeBatch, type Batch } from '../../../src/core/batch.ts';
import { METRIC, METRIC_DATA, NUMBER_POINT, SCOPE_X } from '../../../src/otlp/fields.ts';
import type { MetricPlace } from '../../../src/otlp/metrics/metric-place.ts';
import { walkMetrics, type MetricVisitor } from '../../../src/otlp/metrics/walk.ts';
import { countItems } from '../../../src/otlp/count.ts';
import { SpareBuffers } from '../../../src/otlp/spare-buffers.ts';
import { Cursor, utf8 } from '../../../src/otlp/wire.ts';
import { decodeRequest, encodeRequest, type PlainObject } from '../../support/otlp-proto.ts';

const spare = new SpareBuffers();
const point = (asInt: number): PlainObject => ({ asInt });
const sum = (name: string, ...values: number[]): PlainObject => ({
  name,
  unit: 'By',
  sum: { dataPoints: values.map(point), aggregationTemporality: 2, isMonotonic: true },
});
const request = (...resources: PlainObject[][]): Uint8Array =>
  encodeRequest('metrics', {
    resourceMetrics: resources.map((metrics) => ({ resource: {}, scopeMetrics: [{ scope: { name: 's' }, metrics }] })),
  });
const batchOf = (...chunks: Uint8Array[]): Batch =>
  makeBatch(
    'metrics',
    chunks,
    chunks.reduce((items, chunk) => items + countItems('metrics', chunk), 0),
  );
const decoded = (batch: Batch | undefined): unknown => decodeRequest('metrics', Buffer.concat(batch?.chunks ?? []));
const same = (batch: Batch | undefined, ...resources: PlainObject[][]): void =>
  assert.deepEqual(decoded(batch), decodeRequest('metrics', request(...resources)));

function valueAt({ bytes, start, end }: { bytes: Uint8Array; start: number; end: number }): number {
  for (const fields = new Cursor(bytes, start, end); fields.next();) {
    if (fields.field === NUMBER_POINT.asInt) return Number(fields.fixed64());
  }
  return 0;
}

const visitAll: MetricVisitor = { metric: () => 'visit', point: () => true };

test('a walk that changes nothing gives back the very same batch and shows every metric as it is', () => {
  const batch = batchOf(request([sum('a', 1, 2), { name: 'b', gauge: { dataPoints: [point(3)] } }], [sum('c', 4)]));
  const seen: unknown[] = [];
  const values: number[] = [];
  const walked = walkMetrics(
    batch,
    {
      metric: (metric) => {
        const { points, temporality, isMonotonic, dataField, attributesField } = metric;
        seen.push([metric.name(), unitOf(metric), points, temporality, isMonotonic, dataField, attributesField]);
        return 'visit';
      },
      point: (_metric, at) => values.push(valueAt(at)) > 0,
    },
    spare,
  );
  assert.equal(walked.batch, batch);
  assert.deepEqual(seen, [
    ['a', 'By', 2, 2, true, METRIC.sum, NUMBER_POINT.attributes],
    ['b', '', 1, 0, false, METRIC.gauge, NUMBER_POINT.attributes],
    ['c', 'By', 1, 2, true, METRIC.sum, NUMBER_POINT.attributes],
  ]);
  assert.deepEqual(values, [1, 2, 3, 4]);
});

function unitOf(metric: MetricPlace): string {
  return utf8(metric.bytes, metric.unitStart, metric.unitEnd);
}

test('points are left out, and with the last one the metric, the scope and the resource', () => {
  const batch = batchOf(request([sum('a', 1, 2, 3), sum('b', 1)], [sum('c', 1, 1)]));
  const walked = walkMetrics(batch, { ...visitAll, point: (_metric, at) => valueAt(at) > 1 }, spare);
  assert.deepEqual([walked.dropped, walked.added, walked.batch?.items, walked.copied], [4, 0, 2, true]);
  same(walked.batch, [sum('a', 2, 3)]);
  const nothing = walkMetrics(batch, { ...visitAll, point: () => false }, spare);
  assert.deepEqual([nothing.batch, nothing.dropped], [undefined, 6]);
});

test('a metric is dropped whole, or goes on without its points being shown', () => {
  const batch = batchOf(request([sum('a', 1, 2), sum('b', 3), { name: 'empty' }], [sum('a', 4)]));
  const walked = walkMetrics(
    batch,
    {
      metric: (metric) => (metric.name() === 'a' ? 'drop' : 'keep'),
      point: () => assert.fail('no metric is visited'),
    },
    spare,
  );
  assert.equal(walked.dropped, 3);
  same(walked.batch, [sum('b', 3), { name: 'empty' }]);
});

test('points are written behind the last one, and keep a metric that lost all of its own', () => {
  const batch = batchOf(request([sum('a', 1, 2), sum('b', 3)]));
  const walked = walkMetrics(
    batch,
    {
      metric: (metric) => (metric.name() === 'a' ? 'visit' : 'keep'),
      point: () => false,
      pointsEnd: (metric, copier) => {
        const writer = copier.cut(metric.dataEnd, metric.dataEnd);
        const mark = writer.begin(METRIC_DATA.dataPoints);
        writer.sfixed64(NUMBER_POINT.asInt, 9n);
        writer.end(mark);
        return 1;
      },
    },
    spare,
  );
  assert.deepEqual([walked.dropped, walked.added, walked.batch?.items], [2, 1, 2]);
  same(walked.batch, [sum('a', 9), sum('b', 3)]);
});

test('other fields of a metric and of its data are replaced, and metrics are written behind the last', () => {
  const batch = batchOf(request([sum('a', 1)]));
  const walked = walkMetrics(
    batch,
    {
      ...visitAll,
      metricField: (_metric, at, copier) => {
        if (at.field === METRIC.name) copier.cut(at.tagStart, at.end).string(METRIC.name, 'renamed');
      },
      dataField: (_metric, at, copier) => {
        if (at.field === METRIC_DATA.aggregationTemporality) copier.cut(at.tagStart, at.end).uint(at.field, 1);
      },
      metricEnd: (metric, copier) => {
        copier.cut(metric.metricEnd, metric.metricEnd).string(METRIC.description, 'written last');
        return 0;
      },
      scopeEnd: (_metric, end, copier) => {
        const writer = copier.cut(end, end);
        const mark = writer.begin(SCOPE_X.items);
        writer.string(METRIC.name, 'more');
        writer.end(mark);
        return 0;
      },
    },
    spare,
  );
  const renamed = { ...sum('renamed', 1), description: 'written last' };
  const delta = { dataPoints: [point(1)], aggregationTemporality: 1, isMonotonic: true };
  same(walked.batch, [{ ...renamed, sum: delta }, { name: 'more' }]);
});

test('chunks in which nothing changes are shared, and a request cut short is malformed', () => {
  const untouched = request([sum('b', 5)]);
  const whole = request([sum('a', 1)]);
  const { batch } = walkMetrics(
    batchOf(whole, untouched),
    { ...visitAll, point: (_metric, at) => valueAt(at) > 1 },
    spare,
  );
  assert.equal(batch?.chunks[0], untouched);
  const cut = makeBatch('metrics', [whole.subarray(0, whole.length - 1)], 1);
  assert.throws(() => walkMetrics(cut, visitAll, spare), { code: 'payload_malformed' });
});
