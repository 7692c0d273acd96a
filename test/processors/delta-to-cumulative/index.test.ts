import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Batch } from '../../../src/core/batch.ts';
import { RemoraError } from '../../../src/core/errors.ts';
import { retry } from '../../../src/core/verdict.ts';
import { deltaToCumulativeProcessor } from '../../../src/processors/delta-to-cumulative/index.ts';
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

function rig(config: object = {}): Rig {
  return Rig.of(deltaToCumulativeProcessor, config);
}

function counter(start: number, time: number, value: number, attributes: PlainObject[] = []): Batch {
  return metricsBatch(sum('requests', DELTA, numberPoint(start, time, value, attributes)));
}

test('deltas add up from the start of the first one', async () => {
  const made = rig();
  await made.mustTake(counter(1, 10, 5), counter(10, 20, 2), counter(20, 30, 0.5));
  assert.deepEqual(made.numbers, [
    [1, 10, 5],
    [1, 20, 7],
    [1, 30, 7.5],
  ]);
  assert.ok(made.points.every(({ temporality }) => temporality === CUMULATIVE));
  assert.equal(made.context.meter.total('otelcol_deltatocumulative_datapoints'), 3);
});

test('totals of integers are exact beyond 2^53', async () => {
  const made = rig();
  const point = (time: number, asInt: string): PlainObject => ({ ...numberPoint(1, time, 0), asInt });
  await made.mustTake(metricsBatch(sum('a', DELTA, point(10, '9007199254740993'), point(20, '1'), point(30, '1'))));
  assert.equal(made.points[2]?.point['asInt'], '9007199254740995');
});

test('a gap ends nothing and is counted', async () => {
  const made = rig();
  await made.mustTake(counter(1, 10, 5), counter(15, 20, 2), counter(20, 30, 1));
  assert.deepEqual(made.numbers.at(-1), [1, 30, 8]);
  assert.equal(made.context.meter.total('remora_temporality_gaps'), 1);
});

test('what comes twice, too late or from before the stream is dropped with the reason', async () => {
  const made = rig();
  await made.mustTake(counter(5, 20, 5), counter(5, 20, 5), counter(5, 10, 1), counter(2, 30, 1), counter(20, 30, 1));
  assert.deepEqual(made.numbers, [
    [5, 20, 5],
    [5, 30, 6],
  ]);
  assert.deepEqual(made.dropped, { duplicate_point: 1, out_of_order: 2 });
  const { meter } = made.context;
  const labels = { processor: 'test', pipeline: 'metrics' };
  assert.equal(meter.value('otelcol_deltatocumulative_datapoints', { ...labels, error: 'out_of_order' }), 2);
});

test('deltas without any times add up in the order in which they come', async () => {
  const made = rig();
  await made.mustTake(counter(0, 0, 5), counter(0, 0, 5));
  assert.deepEqual(made.numbers, [
    [0, 0, 5],
    [0, 0, 10],
  ]);
});

test('sums that are not monotonic add up as well; what is cumulative, or a gauge, goes on as it came', async () => {
  const made = rig();
  const upDown = (time: number, value: number): PlainObject => ({
    name: 'up_down',
    sum: { dataPoints: [numberPoint(1, time, value)], aggregationTemporality: DELTA },
  });
  await made.mustTake(metricsBatch(upDown(10, 5)), metricsBatch(upDown(20, -7)));
  assert.deepEqual(made.numbers.at(-1), [1, 20, -2]);
  const batch = metricsBatch(
    sum('cumulative', CUMULATIVE, numberPoint(1, 10, 5)),
    { name: 'gauge', gauge: { dataPoints: [numberPoint(1, 10, 5)] } },
    { name: 'summary', summary: { dataPoints: [{ timeUnixNano: nanos(1), count: 1 }] } },
  );
  await made.mustTake(batch);
  assert.equal(made.next.batches.at(-1), batch);
});

test('exemplars and attributes are those of the delta', async () => {
  const made = rig();
  const withExemplar = { ...numberPoint(10, 20, 2, attributesOf({ a: 'b' })), exemplars: [{ asDouble: 9 }] };
  await made.mustTake(counter(1, 10, 5, attributesOf({ a: 'b' })), metricsBatch(sum('requests', DELTA, withExemplar)));
  const { point } = made.points[1] ?? {};
  assert.equal(point?.['asInt'], '7');
  assert.equal((point['exemplars'] as unknown[]).length, 1);
  assert.equal((point['attributes'] as unknown[]).length, 1);
});

test('histograms add up bucket by bucket, and begin anew with other bounds', async () => {
  const made = rig();
  const at = (start: number, time: number, bucketCounts: number[], explicitBounds = [1, 2]): Batch => {
    const count = bucketCounts.reduce((a, b) => a + b);
    const times = { startTimeUnixNano: nanos(start), timeUnixNano: nanos(time) };
    const rest = { explicitBounds, bucketCounts, count, sum: count, min: time, max: time };
    return metricsBatch(histogram('latency', DELTA, { ...times, ...rest }));
  };
  await made.mustTake(at(1, 10, [1, 2, 3]), at(10, 20, [1, 0, 1]), at(20, 30, [1, 1, 1], [1, 3]));
  const shown = made.points.map(({ point }) => [point['startTimeUnixNano'], point['bucketCounts'], point['min']]);
  assert.deepEqual(shown, [
    [nanos(1), ['1', '2', '3'], 10],
    [nanos(1), ['2', '2', '4'], 10],
    [nanos(20), ['1', '1', '1'], 30],
  ]);
  assert.equal(made.context.meter.total('remora_temporality_resets'), 1);
});

test('exponential histograms add up over changes of scale and zero threshold, in 160 buckets at most', async () => {
  const made = rig();
  const at = (time: number, rest: PlainObject): Batch => {
    const times = { startTimeUnixNano: nanos(time - 10), timeUnixNano: nanos(time) };
    return metricsBatch(exponential('latency', DELTA, { ...times, ...rest }));
  };
  await made.mustTake(
    at(10, { scale: 3, count: 2, positive: { offset: 8, bucketCounts: [1, 1] } }),
    at(20, { scale: 2, count: 2, zeroCount: 1, zeroThreshold: 0.1, positive: { offset: 4, bucketCounts: [1] } }),
    at(30, { scale: 2, count: 1, positive: { offset: 2000, bucketCounts: [1] } }),
  );
  const [, second, third] = made.points.map(({ point }) => point);
  assert.deepEqual(
    [second?.['scale'], second?.['zeroCount'], second?.['zeroThreshold'], second?.['positive']],
    [2, '1', 0.1, { offset: 4, bucketCounts: ['3'] }],
  );
  const { offset, bucketCounts } = third?.['positive'] as { offset: number; bucketCounts: string[] };
  assert.deepEqual([third?.['scale'], third?.['count'], offset], [-2, '5', 0]);
  assert.deepEqual([bucketCounts.length, bucketCounts[0], bucketCounts.at(-1)], [126, '3', '1']);
});

test('what is not accepted is in no total, and is counted once when it comes again', async () => {
  const made = rig();
  await made.mustTake(counter(1, 10, 5));
  made.next.answer = () => retry(new RemoraError('upstream_unavailable', 'Not now.'));
  for (let time = 0; time < 3; time++) assert.equal((await made.offer(counter(10, 20, 2))).status, 'retry');
  made.next.answer = () => ({ status: 'accepted', rejectedItems: 0 });
  await made.mustTake(counter(10, 20, 2));
  assert.deepEqual(made.numbers.at(-1), [1, 20, 7]);
});

test('a stream without points for max_stale begins anew, with its own start time', async () => {
  const made = rig({ max_stale: '60s' });
  await made.mustTake(counter(1, 10, 5));
  await made.clock.advance(59_000);
  await made.mustTake(counter(10, 70, 1));
  await made.clock.advance(120_000);
  await made.mustTake(counter(180, 190, 2));
  assert.deepEqual(made.numbers.slice(1), [
    [1, 70, 6],
    [180, 190, 2],
  ]);
});

test('points of streams beyond max_streams are dropped and counted; those that are known go on', async () => {
  const made = rig({ max_streams: 2, max_stale: '60s' });
  const of = (name: string, start: number, time: number): PlainObject => sum(name, DELTA, numberPoint(start, time, 1));
  await made.mustTake(metricsBatch(of('a', 1, 10), of('b', 1, 10), of('c', 1, 10)));
  await made.mustTake(metricsBatch(of('a', 10, 20), of('c', 10, 20)));
  assert.deepEqual(made.dropped, { stream_limit: 2 });
  assert.deepEqual(made.numbers.at(-1), [1, 20, 2]);
  await made.clock.advance(120_000);
  await made.mustTake(metricsBatch(of('c', 20, 30)));
  assert.deepEqual(made.numbers.at(-1), [20, 30, 1]);
});

test('max_bytes bounds what is known of streams, whatever they are', async () => {
  const made = rig({ max_bytes: '256KiB' });
  const wide = (name: string, time: number): PlainObject => {
    const bucketCounts = Array.from({ length: 1000 }, () => 300);
    const times = { startTimeUnixNano: nanos(time - 1), timeUnixNano: nanos(time) };
    return exponential(name, DELTA, { ...times, count: 300_000, positive: { offset: 0, bucketCounts } });
  };
  const names = Array.from({ length: 300 }, (_, index) => `metric ${index}`);
  await made.mustTake(metricsBatch(...names.map((name) => wide(name, 10))));
  const bytes = made.context.meter.total('remora_temporality_state_bytes');
  assert.ok(bytes > 200_000 && bytes <= 256 * 1024, String(bytes));
  const dropped = made.dropped['stream_limit'] ?? 0;
  assert.ok(dropped > 150 && dropped < 250, String(dropped));
  // The next sum has 160 buckets.
  await made.mustTake(metricsBatch(wide('metric 0', 20)));
  assert.equal(made.points.at(-1)?.point['count'], '600000');
});

test('streams are forgotten when nothing comes any more, and nothing is left behind after a stop', async () => {
  const made = rig({ max_stale: '60s' });
  await made.processor.start?.();
  await made.mustTake(counter(1, 10, 5));
  assert.equal(made.context.meter.total('otelcol_deltatocumulative_streams_tracked'), 1);
  await made.clock.advance(120_000);
  assert.equal(made.context.meter.total('otelcol_deltatocumulative_streams_tracked'), 0);
  await made.processor.stop?.(AbortSignal.abort());
  assert.equal(made.clock.pending, 0);
});

test('the largest integer there is, which is the bound of the Collector, is one here', async () => {
  const made = rig({ max_streams: Number('9223372036854775807') });
  await made.mustTake(counter(1, 10, 5));
  assert.equal(made.numbers.length, 1);
  for (const max_streams of [0, -1, 1.5, '5']) {
    assert.ok(!deltaToCumulativeProcessor.parse({ max_streams }).ok, String(max_streams));
  }
});
