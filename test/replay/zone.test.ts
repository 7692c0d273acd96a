import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { openFixture } from '../../src/replay/fixture/fixture.ts';
import { replayFixture } from '../../src/replay/replay-fixture.ts';

const NGINX = fileURLToPath(new URL('../../fixtures/nginx', import.meta.url));
const HOUR_MS = 3_600_000;

/** Of the first entry of the error log, whose times name no zone; milliseconds. */
async function timeIn(zone: string): Promise<number> {
  const fixture = await openFixture(NGINX);
  const settings = fixture.manifest.replays['parsed'];
  assert.ok(settings);
  const { outputs } = await replayFixture({ ...fixture, manifest: { ...fixture.manifest, zone } }, settings);
  const lines = outputs.map(({ lines: text }) => Buffer.from(text ?? []).toString()).join('');
  const found = /"timeUnixNano":"(\d+)\d{6}"[^\n]*\[error\]/.exec(lines);
  return Number(found?.[1]);
}

test('times of a log that name no zone are those of the zone in which it was recorded, wherever it is replayed', async () => {
  process.env['TZ'] = 'America/New_York';
  const utcMs = await timeIn('UTC');
  process.env['TZ'] = 'America/New_York';
  assert.equal(utcMs - (await timeIn('Asia/Tokyo')), 9 * HOUR_MS);
  assert.equal((await timeIn('UTC')) - utcMs, 0);
});
