import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fc } from '../../support/property.ts';
import type { Batch } from '../../../src/core/batch.ts';
import type { Consumer, Processor, ProcessorDefinition } from '../../../src/core/component.ts';
import { RemoraError } from '../../../src/core/errors.ts';
import { ACCEPTED, retry } from '../../../src/core/verdict.ts';
import { VirtualClock } from '../../../src/core/virtual-clock.ts';
import { cardinalityLimitProcessor } from '../../../src/processors/cardinality-limit/index.ts';
import { cumulativeToDeltaProcessor } from '../../../src/processors/cumulative-to-delta/index.ts';
import { deltaToCumulativeProcessor } from '../../../src/processors/delta-to-cumulative/index.ts';
import { CollectingConsumer, processorContext } from '../../support/context.ts';
import { metricBatch, pointsIn, seriesOf, type MetricPoint, type Temporality } from '../../support/metric-points.ts';

const NEVER = new AbortController().signal;
const BUSY = retry(new RemoraError('upstream_unavailable', 'Busy.'), 1);
const WINDOW_MS = 60_000;

/** What one round has: increases by user, how often it is refused, and whether a window passes behind it. */
const rounds = fc.array(
  fc.record({
    increases: fc.dictionary(fc.constantFrom('a', 'b', 'c', 'd', 'e', 'f'), fc.nat(9), { maxKeys: 5 }),
    refusals: fc.nat(2),
    windows: fc.constantFrom(0, 0, 0, 1, 2),
    /** Users whose application began anew. */
    restarts: fc.array(fc.constantFrom('a', 'b', 'c', 'd', 'e', 'f'), { maxLength: 2 }),
  }),
  { maxLength: 12 },
);

async function made(definition: ProcessorDefinition, config: object, next: Consumer, clock: VirtualClock) {
  const parsed = definition.parse(config);
  assert.ok(parsed.ok);
  const processor: Processor = await parsed.prepared.create(processorContext('metrics', next, { clock }));
  await processor.start?.();
  return processor;
}

function pointOf(temporality: Temporality, user: string, value: number, start: number, time: number): MetricPoint {
  const series = { metric: 'requests', kind: 'sum', resource: { 'service.name': 'shop' } } as const;
  return { ...series, temporality, attributes: [['user', user]], start, time, value };
}

for (const mode of ['merge', 'drop_label'] as const) {
  const limit = { limit: 2, window: '60s', on_overflow: mode, ...(mode === 'merge' ? {} : { drop_labels: ['user'] }) };

  test(`deltas that are limited (${mode}) and added up again are what was sent, whatever is refused`, async () => {
    await fc.assert(
      fc.asyncProperty(rounds, async (list) => {
        const [clock, next] = [new VirtualClock(), new CollectingConsumer()];
        const totals = await made(deltaToCumulativeProcessor, { max_stale: '10h' }, next, clock);
        const limiter = await made(cardinalityLimitProcessor, limit, totals, clock);
        let sent = 0;
        for (const [index, { increases, refusals, windows }] of list.entries()) {
          const time = 100 + index * 10;
          const points = Object.entries(increases).map(([user, value]) =>
            pointOf('delta', user, value, time - 10, time),
          );
          sent += points.reduce((sum, { value }) => sum + value, 0);
          await offer(limiter, next, points, refusals);
          await clock.advance(windows * WINDOW_MS);
        }
        const latest = new Map<string, number>();
        for (const point of next.batches.flatMap(pointsIn)) {
          const before = latest.get(seriesOf(point)) ?? 0;
          assert.ok(point.value >= before, 'a total went down');
          assert.ok(point.start <= point.time);
          latest.set(seriesOf(point), point.value);
        }
        assert.equal(sumOf(latest.values()), sent);
      }),
      { numRuns: 150 },
    );
  });

  test(`counters that are limited (${mode}) and made deltas are what was counted, over restarts and refusals`, async () => {
    await fc.assert(
      fc.asyncProperty(rounds, async (list) => {
        const [clock, next] = [new VirtualClock(), new CollectingConsumer()];
        const deltas = await made(cumulativeToDeltaProcessor, { initial_value: 'keep' }, next, clock);
        const limiter = await made(cardinalityLimitProcessor, limit, deltas, clock);
        const counters = new Map<string, { start: number; value: number }>();
        let counted = 0;
        for (const [index, { increases, refusals, windows, restarts }] of list.entries()) {
          const time = 100 + index * 10;
          for (const user of restarts) counters.set(user, { start: time - 5, value: 0 });
          const points = Object.entries(increases).map(([user, increase]) => {
            const { start, value } = counters.get(user) ?? { start: 10, value: 0 };
            counters.set(user, { start, value: value + increase });
            counted += increase;
            return pointOf('cumulative', user, value + increase, start, time);
          });
          await offer(limiter, next, points, refusals);
          await clock.advance(windows * WINDOW_MS);
        }
        assert.equal(sumOf(next.batches.flatMap(pointsIn).map(({ value }) => value)), counted);
      }),
      { numRuns: 150 },
    );
  });
}

/** Offers the points as one batch until it is taken; it is refused so often before. */
async function offer(first: Processor, last: CollectingConsumer, points: MetricPoint[], refusals: number) {
  if (points.length === 0) return;
  const batch: Batch = metricBatch(points);
  last.answer = () => BUSY;
  for (let i = 0; i < refusals; i++) await first.consume(batch, NEVER);
  last.answer = () => ACCEPTED;
  assert.equal((await first.consume(batch, NEVER)).status, 'accepted');
}

function sumOf(values: Iterable<number>): number {
  let sum = 0;
  for (const value of values) sum += value;
  return sum;
}
