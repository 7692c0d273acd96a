import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { RemoraError } from '../../src/core/errors.ts';
import { ACCEPTED, retry } from '../../src/core/verdict.ts';
import {
  isOverflow,
  metricBatch,
  seriesOf,
  type MetricPoint,
  type PointKind,
  type Temporality,
} from '../support/metric-points.ts';
import { MetricTotals } from '../support/metric-totals.ts';
import { assertClosed, limited, type Limited } from '../processors/cardinality-limit/limited.ts';

/**
 * Whatever is sent, in all series together exactly as much is counted behind the limiter as in front of it: with series
 * over the limit and without, that begin anew, go idle, end, return, and in batches that are offered again.
 */
const RUNS = Number(process.env['REMORA_CARDINALITY_RUNS'] ?? 150);

const KINDS: readonly (readonly [PointKind, Temporality])[] = [
  ['sum', 'cumulative'],
  ['sum', 'delta'],
  ['level', 'cumulative'],
  ['level', 'delta'],
  ['histogram', 'cumulative'],
  ['histogram', 'delta'],
  ['exponential', 'cumulative'],
  ['exponential', 'delta'],
  ['summary', 'cumulative'],
];
const USERS = 7;
const INSTANCES = 2;
const WINDOW_MS = 60_000;
const BOUNDS = [1, 2];
const BUSY = retry(new RemoraError('upstream_unavailable', 'Busy.'), 1);

/** One step: what each series of the senders does, in the order of the steps; what is absent is not sent. */
const sent = fc.record({
  instance: fc.nat(INSTANCES - 1),
  user: fc.nat(USERS - 1),
  what: fc.constantFrom('grow', 'grow', 'grow', 'same', 'reset', 'stale'),
  by: fc.nat(5),
  isTurned: fc.boolean(),
});
const step = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({
      kind: fc.constant('send' as const),
      points: fc.array(sent, { minLength: 1, maxLength: 12 }),
      refusals: fc.nat(2),
    }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('windows' as const), count: fc.integer({ min: 1, max: 3 }) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('restart' as const), instance: fc.nat(INSTANCES - 1) }) },
);
type Step = typeof step extends fc.Arbitrary<infer S> ? S : never;
type Sent = typeof sent extends fc.Arbitrary<infer S> ? S : never;

/** The application: what it has counted. */
class Senders {
  readonly #kind: PointKind;
  readonly #temporality: Temporality;
  readonly #counted = new Map<string, number[]>();
  readonly #starts = new Map<string, number>();
  #now = 1000;

  constructor(kind: PointKind, temporality: Temporality) {
    this.#kind = kind;
    this.#temporality = temporality;
  }

  tick(): void {
    this.#now += 10;
  }

  restart(instance: number): void {
    for (let user = 0; user < USERS; user++) this.#reset(`${instance}/${user}`);
  }

  point({ instance, user, what, by, isTurned }: Sent): MetricPoint {
    this.#now += 1;
    const name = `${instance}/${user}`;
    if (what === 'reset') this.#reset(name);
    const counted = this.#counted.get(name) ?? [0, 0, 0];
    const added = what === 'same' ? 0 : by;
    if (this.#temporality === 'delta') counted.fill(0);
    counted[user % 3] = (counted[user % 3] ?? 0) + (this.#kind === 'level' ? added - 2 : added);
    this.#counted.set(name, counted);
    const attributes: [string, string][] = [
      ['method', 'GET'],
      ['user', String(user)],
    ];
    const value = counted.reduce((sum, each) => sum + each, 0);
    return {
      metric: 'requests',
      kind: this.#kind,
      temporality: this.#temporality,
      resource: { 'service.name': 'shop', 'service.instance.id': String(instance) },
      attributes: isTurned ? attributes.reverse() : attributes,
      start: this.#starts.get(name) ?? 1000,
      time: this.#now,
      value,
      ...(this.#isPlain ? {} : { sum: value * 2 }),
      ...(this.#isPlain || this.#kind === 'summary' ? {} : { buckets: [...counted], bounds: BOUNDS }),
      ...(what === 'stale' ? { isStale: true } : {}),
    };
  }

  get #isPlain(): boolean {
    return this.#kind === 'sum' || this.#kind === 'level';
  }

  #reset(name: string): void {
    if (this.#kind === 'level') return;
    this.#counted.delete(name);
    // Half of them do not say that they began anew.
    if (name.endsWith('1') || name.endsWith('3')) return;
    this.#starts.set(name, this.#now);
  }
}

async function run(limiter: Limited, senders: Senders, steps: readonly Step[]): Promise<void> {
  const [before, behind] = [new MetricTotals(), new MetricTotals()];
  for (const each of steps) {
    senders.tick();
    if (each.kind === 'windows') await limiter.clock.advance(each.count * WINDOW_MS);
    else if (each.kind === 'restart') senders.restart(each.instance);
    else {
      const points = each.points.map((point) => senders.point(point));
      const batch = metricBatch(points);
      // Of a batch of which nothing goes on nobody is asked.
      const isAsked = points.some(({ isStale }) => isStale !== true);
      limiter.next.answer = () => BUSY;
      for (let i = 0; isAsked && i < each.refusals; i++) assert.equal((await limiter.offer(batch)).status, 'retry');
      limiter.next.answer = () => ACCEPTED;
      before.add(points);
      behind.add(await limiter.send(batch));
      assert.deepEqual(nonZero(behind), nonZero(before));
    }
  }
  assertClosed(limiter);
  assert.equal(limiter.dropped('cardinality'), 0);
}

/** A series that was seen with nothing counted, or not at all, is the same. */
function nonZero(totals: MetricTotals): unknown {
  return Object.entries(totals.all)
    .map(([name, amounts]) => [name, trimmed(amounts)])
    .filter(([, amounts]) => amounts?.length !== 0);
}

function trimmed(amounts: readonly number[]): number[] {
  const length = amounts.findLastIndex((amount) => amount !== 0) + 1;
  return amounts.slice(0, length);
}

for (const [kind, temporality] of KINDS) {
  test(`as much is counted behind the limiter as in front of it: ${temporality} ${kind}`, async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(step, { maxLength: 25 }),
        fc.constantFrom(1, 2, 4, 100),
        fc.constantFrom('merge', 'merge', 'drop_label', 'bucket'),
        async (steps, limit, on_overflow) => {
          const limiter = await limited({ limit, on_overflow, drop_labels: ['user'], window: '1m', remember: '1000m' });
          await run(limiter, new Senders(kind, temporality), steps);
          await limiter.processor.stop?.(new AbortController().signal);
        },
      ),
      { numRuns: RUNS },
    );
  });
}

test('a metric never has more series than its limit in a window, beside one overflow series for each resource', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 25 }), fc.constantFrom(1, 2, 4), async (steps, limit) => {
      const limiter = await limited({ limit, window: '1m' });
      const senders = new Senders('sum', 'delta');
      let seen = new Set<string>();
      for (const each of steps) {
        if (each.kind === 'windows') {
          await limiter.clock.advance(each.count * WINDOW_MS);
          seen = new Set();
        } else if (each.kind === 'send') {
          const out = await limiter.send(each.points.map((point) => senders.point(point)));
          for (const point of out) if (!isOverflow(point) && point.isStale !== true) seen.add(seriesOf(point));
          const overflows = out.filter(isOverflow).length;
          assert.ok(overflows <= each.points.length);
        }
        assert.ok(seen.size <= limit, `${seen.size} series`);
      }
    }),
    { numRuns: RUNS },
  );
});
