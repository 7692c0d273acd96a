import assert from 'node:assert/strict';
import { test } from 'node:test';
import { poisson, randomId, SamplerBed, spanBatch, type SampleSpan } from './sampler-bed.ts';

const TARGET = 200;
const STEP_MS = 100;
/** Spans a second without the burst. */
const ROUTES: Readonly<Record<string, number>> = { hot: 90, warm: 30, rare1: 2, rare2: 1, rare3: 0.5 };
const ERRORS_PER_SECOND = 5;
const BURST_FROM_S = 20;
const BURST_TO_S = 40;

interface Second {
  came: number;
  kept: number;
  rareCame: number;
  rareKept: number;
  errorsCame: number;
  errorsKept: number;
  adjusted: number;
}

/** 60 s of traffic, in the middle of them one route at 100 times its usual rate. */
async function burst(settings: Readonly<Record<string, unknown>>, seed: string): Promise<Second[]> {
  const bed = new SamplerBed({ items_per_second: TARGET, ...settings }, 'traces', seed);
  const seconds: Second[] = [];
  for (let ms = 0; ms < 60_000; ms += STEP_MS) {
    const second = Math.floor(ms / 1000);
    const spans: SampleSpan[] = [];
    for (const [name, perSecond] of Object.entries(ROUTES)) {
      const isBurst = name === 'hot' && second >= BURST_FROM_S && second < BURST_TO_S;
      const count = poisson((perSecond * (isBurst ? 100 : 1) * STEP_MS) / 1000, bed.random);
      for (let i = 0; i < count; i++) spans.push({ name, traceId: randomId(bed.random) });
    }
    const errors = poisson((ERRORS_PER_SECOND * STEP_MS) / 1000, bed.random);
    for (let i = 0; i < errors; i++) spans.push({ name: 'hot', error: true, traceId: randomId(bed.random) });
    const kept = await bed.send(spanBatch(spans));
    const now = (seconds[second] ??= emptySecond());
    const isRare = ({ name }: { name?: string }): boolean => name?.startsWith('rare') === true;
    now.came += spans.length;
    now.kept += kept.length;
    now.rareCame += spans.filter(isRare).length;
    now.rareKept += kept.filter(isRare).length;
    now.errorsCame += errors;
    now.errorsKept += kept.filter(({ isError }) => isError).length;
    now.adjusted += kept.reduce((sum, { adjusted }) => sum + adjusted, 0);
    await bed.clock.advance(STEP_MS);
  }
  assert.equal(bed.context.account.imbalance, 0);
  return seconds;
}

const emptySecond = (): Second => ({
  came: 0,
  kept: 0,
  rareCame: 0,
  rareKept: 0,
  errorsCame: 0,
  errorsKept: 0,
  adjusted: 0,
});

function over(seconds: readonly Second[], from: number, to: number, of: (second: Second) => number): number {
  return seconds.slice(from, to).reduce((sum, second) => sum + of(second), 0);
}

test('a burst of 100 times on one route: the target is held within 20 % after 5 s, rare routes and errors are complete', async (t) => {
  const seconds = await burst({}, 'burst');
  const rate = (from: number, to: number): number => over(seconds, from, to, ({ kept }) => kept) / (to - from) / TARGET;
  t.diagnostic(
    `kept / target by second of the burst: ${seconds
      .slice(20, 40)
      .map(({ kept }) => (kept / TARGET).toFixed(2))
      .join(' ')}`,
  );
  for (let from = BURST_FROM_S + 5; from + 3 <= BURST_TO_S; from++) {
    const held = rate(from, from + 3);
    assert.ok(Math.abs(held - 1) <= 0.2, `${held} of the target from second ${from} on`);
  }
  // Never more than the target, and what was not used of it over the window, before.
  assert.ok(
    rate(BURST_FROM_S, BURST_FROM_S + 1) <= 1 + 5 + 1.5,
    `${rate(BURST_FROM_S, BURST_FROM_S + 1)} in the first second`,
  );
  assert.ok(over(seconds, 20, 40, ({ came }) => came) > 20 * 9000);
  assert.equal(
    over(seconds, 0, 60, ({ rareKept }) => rareKept),
    over(seconds, 0, 60, ({ rareCame }) => rareCame),
  );
  assert.equal(
    over(seconds, 0, 60, ({ errorsKept }) => errorsKept),
    over(seconds, 0, 60, ({ errorsCame }) => errorsCame),
  );
  // Before and some seconds after the burst nothing is thinned.
  assert.equal(
    over(seconds, 0, 20, ({ kept }) => kept),
    over(seconds, 0, 20, ({ came }) => came),
  );
  assert.equal(
    over(seconds, 45, 60, ({ kept }) => kept),
    over(seconds, 45, 60, ({ came }) => came),
  );
});

test('a burst is held from its first second on where the target was used before', async () => {
  const seconds = await burst({ items_per_second: 100, window: '2s' }, 'busy');
  for (let second = BURST_FROM_S; second < BURST_TO_S; second++) {
    const kept = seconds[second]?.kept ?? 0;
    assert.ok(kept < 300, `${kept} in second ${second}`);
  }
});

test('adjusted counts are an unbiased estimate of what came, before, in and after a burst', async () => {
  const parts = [
    [5, 20],
    [20, 22],
    [22, 40],
    [40, 60],
  ] as const;
  const differences: number[][] = parts.map(() => []);
  const runs = Number(process.env['REMORA_ADAPTIVE_SEEDS'] ?? 6);
  for (let run = 0; run < runs; run++) {
    const seconds = await burst(
      { items_per_second: 100, window: '2s', scope: run % 2 === 0 ? 'span' : 'trace' },
      `seed ${run}`,
    );
    parts.forEach(([from, to], part) => {
      const came = over(seconds, from, to, (second) => second.came);
      differences[part]?.push((over(seconds, from, to, ({ adjusted }) => adjusted) - came) / came);
    });
  }
  differences.forEach((each, part) => {
    const mean = each.reduce((sum, one) => sum + one, 0) / runs;
    const deviation = Math.sqrt(each.reduce((sum, one) => sum + (one - mean) ** 2, 0) / (runs - 1));
    const error = deviation / Math.sqrt(runs);
    assert.ok(Math.abs(mean) <= 4 * error + 1e-9, `part ${part}: ${mean} +- ${error}`);
    assert.ok(error < 0.05, `part ${part}: ${error} says nothing`);
  });
});
