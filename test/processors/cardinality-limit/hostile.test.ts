import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fc } from '../../support/property.ts';
import { batchBytes, makeBatch } from '../../../src/core/batch.ts';
import type { Reservation } from '../../../src/core/component.ts';
import { RemoraError } from '../../../src/core/errors.ts';
import { ACCEPTED, retry, type Verdict } from '../../../src/core/verdict.ts';
import { countItems } from '../../../src/otlp/count.ts';
import { cardinalityLimitProcessor } from '../../../src/processors/cardinality-limit/index.ts';
import { CollectingConsumer, processorContext } from '../../support/context.ts';
import { isOverflow, metricBatch, pointsIn, type MetricPoint, type PointKind } from '../../support/metric-points.ts';
import { limited } from './limited.ts';

const NEVER = new AbortController().signal;

const point = (kind: PointKind, user: string, value: number, time: number): MetricPoint => ({
  metric: kind,
  kind,
  temporality: 'cumulative',
  resource: { 'service.name': 'shop' },
  attributes: [['user', user]],
  start: 10,
  time,
  value,
  ...(kind === 'sum' ? {} : { sum: value, buckets: [value, 0], bounds: [1] }),
});

test('a damaged request is passed on, merged or refused, never a crash, and the next one is as it should be', async () => {
  const good = batchBytes(
    metricBatch(
      (['sum', 'histogram', 'exponential', 'summary'] as const).flatMap((kind) =>
        ['a', 'b', 'c'].map((user) => point(kind, user, 5, 20)),
      ),
    ),
  );
  const damages = fc.array(fc.tuple(fc.nat(good.length - 1), fc.nat(255)), { minLength: 1, maxLength: 6 });
  await fc.assert(
    fc.asyncProperty(damages, async (list) => {
      const limiter = await limited({ limit: 1, explain: false });
      const bytes = Uint8Array.from(good);
      for (const [at, byte] of list) bytes[at] = byte;
      let items = 0;
      try {
        items = countItems('metrics', bytes);
      } catch {
        return;
      }
      const verdict = await limiter.processor.consume(makeBatch('metrics', [bytes], items), NEVER);
      assert.ok(verdict.status === 'accepted' || verdict.status === 'rejected');
      await limiter.send([point('sum', 'x', 1, 30)].map((one) => ({ ...one, metric: 'next' })));
      const [next] = await limiter.send([{ ...point('sum', 'y', 7, 30), metric: 'next' }]);
      assert.deepEqual([next?.value, next === undefined ? false : isOverflow(next)], [7, true]);
    }),
    { numRuns: 400 },
  );
});

test('of batches that are under way at once no total goes down, whichever is taken', async () => {
  const next = new CollectingConsumer();
  const open: ((verdict: Verdict) => void)[] = [];
  next.answer = () => new Promise((resolve) => open.push(resolve));
  const parsed = cardinalityLimitProcessor.parse({ limit: 1, explain: false });
  assert.ok(parsed.ok);
  const processor = await parsed.prepared.create(processorContext('metrics', next));
  const offer = (...points: MetricPoint[]) => processor.consume(metricBatch(points), NEVER);
  const first = offer(point('sum', 'kept', 1, 20), point('sum', 'a', 10, 20));
  const second = offer(point('sum', 'b', 5, 21));
  const third = offer(point('sum', 'a', 12, 22));
  const [answerFirst, answerSecond, answerThird] = open;
  answerSecond?.(ACCEPTED);
  answerThird?.(ACCEPTED);
  answerFirst?.(retry(new RemoraError('upstream_unavailable', 'Busy.'), 1));
  assert.deepEqual(
    (await Promise.all([first, second, third])).map(({ status }) => status),
    ['retry', 'accepted', 'accepted'],
  );
  next.answer = () => ACCEPTED;
  await offer(point('sum', 'kept', 1, 20), point('sum', 'a', 10, 20));
  const totals = next.batches.flatMap(pointsIn).filter(isOverflow);
  assert.deepEqual(
    totals.map(({ value }) => value),
    [15, 17, 17],
  );
});

test('a reservation that is cancelled leaves nothing behind but what comes again', async () => {
  let cancelled = 0;
  const next = new CollectingConsumer();
  const reserved: Reservation = { status: 'reserved', commit: () => ACCEPTED, cancel: () => void (cancelled += 1) };
  const taken: MetricPoint[][] = [];
  const consumer = {
    consume: next.consume.bind(next),
    tryReserve: (batch: Parameters<typeof pointsIn>[0]) => (taken.push(pointsIn(batch)), reserved),
  };
  const parsed = cardinalityLimitProcessor.parse({ limit: 1, explain: false });
  assert.ok(parsed.ok);
  const context = processorContext('metrics', consumer);
  const processor = await parsed.prepared.create(context);
  const batch = metricBatch([point('sum', 'kept', 1, 20), point('sum', 'a', 10, 20), point('sum', 'b', 5, 20)]);
  const one = processor.tryReserve?.(batch);
  assert.ok(one?.status === 'reserved');
  one.cancel();
  assert.deepEqual([cancelled, context.account.dropped.size], [1, 0]);
  const two = processor.tryReserve?.(batch);
  assert.ok(two?.status === 'reserved');
  await two.commit(NEVER);
  assert.equal(context.account.dropped.get('cardinality_merged'), 1);
  assert.deepEqual(taken[1], taken[0]);
});
