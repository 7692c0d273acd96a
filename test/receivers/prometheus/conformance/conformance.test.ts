import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { errorMessage } from '../../../../src/core/errors.ts';
import { page, pageTarget, type PageTarget } from '../page-target.ts';
import { only } from '../scraped.ts';
import { Scraping } from '../scraping.ts';
import { BAD_OPENMETRICS } from './open-metrics-bad.ts';
import { GOOD_OPENMETRICS } from './open-metrics-good.ts';
import { shown, type BadPage, type GoodPage } from './pages.ts';
import { BAD_TEXT } from './text-bad.ts';
import { GOOD_TEXT } from './text-good.ts';

const FORMATS = [
  ['text 0.0.4', 'text/plain; version=0.0.4; charset=utf-8', GOOD_TEXT, BAD_TEXT],
  ['text 1.0.0', 'text/plain; version=1.0.0; charset=utf-8; escaping=allow-utf-8', GOOD_TEXT, BAD_TEXT],
  ['OpenMetrics 1.0', 'application/openmetrics-text; version=1.0.0; charset=utf-8', GOOD_OPENMETRICS, BAD_OPENMETRICS],
] as const;
const REPORTED = 5;

interface Served extends PageTarget {
  body: string | Uint8Array;
}

/** Every page of these tables goes through HTTP, as from a target. */
async function target(type: string): Promise<Served> {
  const answer: PageTarget['answer'] = (...call) => page(Buffer.from(served.body), { 'content-type': type })(...call);
  const served: Served = Object.assign(await pageTarget(answer), { body: '' });
  return served;
}

for (const [format, type, good, bad] of FORMATS) {
  suite(`conformance of ${format}`, () => {
    test('every good page becomes what its table says, the second time as the first', async (t) => {
      const served = await target(type);
      t.after(() => served[Symbol.asyncDispose]());
      assert.deepEqual(await problems(good, (row) => mustBecome(served, row)), []);
      assert.ok(good.length > 20);
    });

    test('every bad page is up 0 without any sample, with an error that says why, the second time as the first', async (t) => {
      const served = await target(type);
      t.after(() => served[Symbol.asyncDispose]());
      assert.deepEqual(await problems(bad, (row) => mustFail(served, row, type)), []);
      assert.ok(bad.length > 50);
    });
  });
}

/** What is wrong with each row, so that one failure does not hide the others. */
async function problems<Row>(rows: readonly Row[], check: (row: Row) => Promise<void>): Promise<string[]> {
  const found: string[] = [];
  for (const row of rows) {
    try {
      await check(row);
    } catch (error) {
      found.push(errorMessage(error));
    }
  }
  return found;
}

async function mustBecome(served: Served, row: GoodPage): Promise<void> {
  served.body = row.page;
  await using scraping = await Scraping.on(served);
  for (let twice = 0; twice < 2; twice++) {
    const firstMs = scraping.clock.nextMs ?? 0;
    const points = await scraping.scrape();
    const up = only(points, 'up');
    assert.equal(up.value, 1, `${row.what}: ${scraping.context.health.get('metrics')}`);
    const lines = points.slice(0, -REPORTED).map((point) => shown(point, up.timeMs));
    if (twice === 0) assert.deepEqual(lines, row.points, row.what);
    else assert.equal(lines.length, row.points.length, row.what);
    assert.equal(up.timeMs, firstMs);
  }
}

async function mustFail(served: Served, row: BadPage, type: string): Promise<void> {
  await using scraping = await Scraping.on(served);
  for (let twice = 0; twice < 2; twice++) {
    served.body = row.page;
    const points = await scraping.scrape();
    assert.deepEqual([only(points, 'up').value, points.length], [0, REPORTED], row.what);
    assert.match(scraping.context.health.get('metrics') ?? '', row.error, row.what);
  }
  assert.equal(scraping.value('remora_scrape_failures', { reason: 'parse' }), 2, row.what);
  // The target is read again as soon as it is well.
  served.body = type.startsWith('text') ? 'good 1\n' : 'good 1\n# EOF\n';
  assert.equal(only(await scraping.scrape(), 'good').value, 1, row.what);
}
