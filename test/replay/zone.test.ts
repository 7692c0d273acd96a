import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';
import { openFixture } from '../../src/replay/fixture/fixture.ts';
import { replayFixture } from '../../src/replay/replay-fixture.ts';
import { CONFIG, fixtureFolder, MANIFEST } from './fixture-folder.ts';

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

test('times of a log that name no zone are those of the zone in which it was recorded, wherever it is replayed', async (t) => {
  inZone(t, 'America/New_York');
  const utcMs = await timeIn('UTC');
  assert.equal(utcMs - (await timeIn('Asia/Tokyo')), 9 * HOUR_MS);
  assert.equal((await timeIn('UTC')) - utcMs, 0);
});

test('replays in several zones at once each have their own, and leave the process its own', async (t) => {
  inZone(t, 'America/New_York');
  const before = { ...process.env };
  const [utcMs, tokyoMs, delhiMs] = await Promise.all(['UTC', 'Asia/Tokyo', 'Asia/Kolkata'].map(timeIn));
  assert.equal((utcMs ?? 0) - (tokyoMs ?? 0), 9 * HOUR_MS);
  assert.equal((utcMs ?? 0) - (delhiMs ?? 0), 5.5 * HOUR_MS);
  assert.deepEqual({ ...process.env }, before);
  assert.equal(new Date(Date.UTC(2026, 0, 1)).getHours(), 19);
});

const ENV_CONFIG = CONFIG.replace(
  'start_at: beginning',
  `start_at: beginning, operators: [{ type: add, field: body, value: 'EXPR(env("POD") + env("MACHINE"))' }]`,
);

test('expressions read the variables of the manifest, and none of the machine', async (t) => {
  process.env['MACHINE'] = 'a machine';
  t.after(() => delete process.env['MACHINE']);
  const manifest = MANIFEST.replace('config.yaml]', 'config.yaml], env: { POD: pod-1 }');
  const fixture = await openFixture(await fixtureFolder(t, { 'config.yaml': ENV_CONFIG, 'manifest.yaml': manifest }));
  const settings = fixture.manifest.replays['app'];
  assert.ok(settings);
  const { outputs } = await replayFixture(fixture, settings);
  const logs = outputs.find(({ signal }) => signal === 'logs')?.lines;
  assert.match(Buffer.from(logs ?? []).toString(), /"body":\{"stringValue":"pod-1"\}/);
  assert.equal(process.env['MACHINE'], 'a machine');
});

function inZone(t: TestContext, zone: string): void {
  const before = process.env['TZ'];
  process.env['TZ'] = zone;
  t.after(() => {
    if (before === undefined) delete process.env['TZ'];
    else process.env['TZ'] = before;
  });
}
