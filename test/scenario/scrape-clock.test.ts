import assert from 'node:assert/strict';
import { test } from 'node:test';
import { page, pageTarget } from '../receivers/prometheus/page-target.ts';
import { only, type Scraped } from '../receivers/prometheus/scraped.ts';
import { INTERVAL_MS, Scraping } from '../receivers/prometheus/scraping.ts';

const HOUR_MS = 3_600_000;
const counter = (value: number): ReturnType<typeof page> => page(`# TYPE c counter\nc ${value}\ng 1\n`);

/** The times of one scrape, which are those of all its points; its series are all alive. */
function timeOf(points: readonly Scraped[]): number {
  const { timeMs } = only(points, 'up');
  assert.equal(only(points, 'up').value, 1);
  assert.ok(points.every((point) => point.timeMs === timeMs && !point.stale && point.startMs <= timeMs));
  return timeMs;
}

test('a wall clock that is set forward and back moves the times of points, not the pace of scrapes', async () => {
  await using target = await pageTarget(counter(5));
  await using scraping = await Scraping.on(target);
  const firstMs = timeOf(await scraping.scrape());
  const seen: [atMs: number, startMs: number][] = [];
  for (const [step, value] of [
    [0, 6],
    [HOUR_MS, 7],
    [HOUR_MS, 8],
    [-HOUR_MS, 9],
    [-HOUR_MS, 10],
    [0, 11],
    [0, 2],
  ] as const) {
    scraping.stepMs = step;
    target.answer = counter(value);
    const startedMs = scraping.clock.now();
    const points = await scraping.scrape();
    assert.equal(scraping.clock.now() - startedMs, INTERVAL_MS);
    assert.equal(only(points, 'c').value, value);
    seen.push([timeOf(points) - firstMs, only(points, 'c').startMs - firstMs]);
  }
  const at = (scrape: number, stepMs: number): number => scrape * INTERVAL_MS + stepMs;
  assert.deepEqual(seen, [
    [at(1, 0), 0],
    // Forward: the start stays.
    [at(2, HOUR_MS), 0],
    [at(3, HOUR_MS), 0],
    // Back, before the start: the series starts anew, and stays so.
    [at(4, -HOUR_MS), at(4, -HOUR_MS)],
    [at(5, -HOUR_MS), at(4, -HOUR_MS)],
    [at(6, 0), at(4, -HOUR_MS)],
    // A reset starts at the scrape before.
    [at(7, 0), at(6, 0)],
  ]);
});

test('a target that fails while the clock is set back is ended once, and comes back', async () => {
  await using target = await pageTarget(counter(5));
  await using scraping = await Scraping.on(target);
  await scraping.scrape();
  scraping.stepMs = -HOUR_MS;
  target.answer = (_, response) => void response.writeHead(503).end();
  const failed = await scraping.scrape();
  assert.deepEqual(
    ['c', 'g'].map((name) => only(failed, name).stale),
    [true, true],
  );
  assert.equal((await scraping.scrape()).length, 5);
  target.answer = counter(6);
  const back = await scraping.scrape();
  assert.equal(only(back, 'c').value, 6);
  assert.ok(only(back, 'c').startMs <= only(back, 'c').timeMs);
});
