import assert from 'node:assert/strict';
import { test } from 'node:test';
import { retryAfterMs } from '../../src/net/outcome.ts';

const NOW_MS = Date.UTC(2026, 0, 4, 12);

test('Retry-After is seconds or any of the three forms of an HTTP date, in GMT wherever this runs', (t) => {
  const zone = process.env['TZ'];
  process.env['TZ'] = 'America/New_York';
  t.after(() => {
    if (zone === undefined) delete process.env['TZ'];
    else process.env['TZ'] = zone;
  });
  for (const [header, expected] of [
    ['120', 120_000],
    [' 0 ', 0],
    ['99999999999999', 3_600_000],
    ['Sun, 04 Jan 2026 12:00:30 GMT', 30_000],
    ['Sunday, 04-Jan-26 12:00:30 GMT', 30_000],
    ['Sun Jan  4 12:00:30 2026', 30_000],
    ['Sun, 04 Jan 2026 11:00:00 GMT', 0],
    ['-1', undefined],
    ['1.5', undefined],
    ['soon', undefined],
    ['', undefined],
  ] as const) {
    assert.equal(retryAfterMs(header, NOW_MS), expected, header);
  }
  assert.equal(retryAfterMs(undefined, NOW_MS), undefined);
});
