import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { ACCEPTED, retry } from '../../../src/core/verdict.ts';
import { Bench, request, span, sumOf, type Point } from './bench.ts';

const step = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constant('spans' as const),
      service: fc.integer({ min: 0, max: 4 }),
      names: fc.array(fc.integer({ min: 0, max: 12 }), { maxLength: 8 }),
    }),
  },
  { weight: 2, arbitrary: fc.constant({ kind: 'flush' as const }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('upstream' as const), takes: fc.boolean() }) },
);

const settings = fc.record({
  aggregation_temporality: fc.constantFrom('AGGREGATION_TEMPORALITY_CUMULATIVE', 'AGGREGATION_TEMPORALITY_DELTA'),
  aggregation_cardinality_limit: fc.integer({ min: 1, max: 20 }),
  resource_metrics_cache_size: fc.integer({ min: 1, max: 5 }),
  calls_dimensions: fc.constantFrom([], [{ name: 'own' }]),
  histogram: fc.constantFrom({}, { exponential: { max_size: 4 } }),
});

/** What is known of a series in the end: its last point, or the sum of its deltas. */
function totals(points: readonly Point[], kind: Point['kind']): number {
  const last = new Map<string, number>();
  const lines = points.filter((point) => point.kind === kind);
  // A cumulative series that ended and came again has another start.
  for (const point of lines) {
    const id = JSON.stringify([point.resource, point.attributes, point.startMs, point.isDelta ? point.timeMs : 0]);
    last.set(id, point.value);
  }
  return [...last.values()].reduce((sum, value) => sum + value, 0);
}

for (const expiring of [false, true]) {
  test(`the calls of all series are the spans that came in${expiring ? ', also when series end' : ''}`, async () => {
    await fc.assert(
      fc.asyncProperty(settings, fc.array(step, { maxLength: 30 }), async (raw, steps) => {
        const bench = await Bench.start({ ...raw, ...(expiring ? { series_expiration: '90s' } : {}) });
        const points: Point[] = [];
        let spans = 0;
        for (const each of steps) {
          if (each.kind === 'spans') {
            const list = each.names.map((name) => span(`r${name}`, name * 100, {}, { own: name % 3 }));
            await bench.take(request({ 'service.name': `s${each.service}` }, list));
            spans += list.length;
          } else if (each.kind === 'flush') points.push(...(await bench.flush()));
          else bench.sink.answer = () => (each.takes ? ACCEPTED : retry(new Error('Not now.')));
        }
        bench.sink.answer = () => ACCEPTED;
        points.push(...(await bench.stop()));
        assert.equal(totals(points, 'sum'), spans);
        const measured = 'exponential' in raw.histogram ? 'exponentialHistogram' : 'histogram';
        assert.equal(totals(points, measured), spans);
        for (const one of points) assert.ok(one.startMs <= one.timeMs);
        if (steps.length === 0) assert.equal(sumOf(points), 0);
      }),
      { numRuns: 60 },
    );
  });
}
