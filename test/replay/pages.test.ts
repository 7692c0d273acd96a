import assert from 'node:assert/strict';
import { test } from 'node:test';
import { VirtualClock } from '../../src/core/virtual-clock.ts';
import type { PageRecord } from '../../src/replay/input.ts';
import { Pages } from '../../src/replay/world/pages.ts';

const URL_OF_APP = 'http://app:9090/metrics';
const NEVER = new AbortController().signal;

function page(atMs: number, tookMs?: number): PageRecord {
  return { atMs, tookMs, url: URL_OF_APP, reply: { status: 200, contentType: '', body: Buffer.from(`at ${atMs}`) } };
}

test('a page comes after the time that it took, and not at all when nobody waits as long', async () => {
  const clock = new VirtualClock();
  const pages = new Pages([page(0, 700)], clock, clock.now());
  const url = new URL(URL_OF_APP);
  const fetched = pages.fetch(url, NEVER).then(() => clock.monotonic());
  await clock.advance(1000);
  assert.equal(await fetched, 700);
  const abort = new AbortController();
  const late = pages.fetch(url, abort.signal);
  clock.timer(500, () => abort.abort(new Error('too late')));
  await Promise.all([assert.rejects(late, /too late/), clock.advance(500)]);
});

test('a scrape has the time of the recorded one that it is, once, and else that of the clock', () => {
  const clock = new VirtualClock();
  const startMs = clock.now();
  const url = new URL(URL_OF_APP);
  const late = new Pages([page(13, 2), page(15_040, 2)], clock, startMs);
  assert.equal(late.scrapeMs(url), startMs + 13);
  assert.equal(late.scrapeMs(url), startMs + 14, 'never the same time twice');
  const withoutTimes = new Pages([page(13)], clock, startMs);
  assert.equal(withoutTimes.scrapeMs(url), startMs);
  const farAway = new Pages([page(5000, 2)], clock, startMs);
  assert.equal(farAway.scrapeMs(url), startMs);
});

test('a configuration with credentials in its URL finds the page that was recorded without them', async () => {
  const clock = new VirtualClock();
  const pages = new Pages([page(0)], clock, clock.now());
  const reply = await pages.fetch(new URL('http://me:secret@app:9090/metrics'), NEVER);
  assert.ok('body' in reply);
  assert.deepEqual([...pages.unknown], []);
});
