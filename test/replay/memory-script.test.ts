import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import { openFixture } from '../../src/replay/fixture/fixture.ts';
import type { Outcome } from '../../src/replay/output/outcome.ts';
import { replayFixture } from '../../src/replay/replay-fixture.ts';
import { CONFIG, fixtureFolder, INPUT, MANIFEST } from './fixture-folder.ts';

const LIMITED = CONFIG.replace(
  'processors:\n',
  'processors:\n  memory_limiter: { check_interval: 1s, limit_mib: 200, spike_limit_mib: 50 }\n',
).replaceAll('[batch]', '[memory_limiter, batch]');

async function outcomeOf(t: TestContext, config: string, memory: string): Promise<Outcome> {
  const manifest = `${MANIFEST}memory: ${memory}\n`;
  const files = { 'config.yaml': config, 'manifest.yaml': manifest, 'requests.jsonl': INPUT['requests.jsonl'] };
  const fixture = await openFixture(await fixtureFolder(t, files));
  const settings = fixture.manifest.replays['app'];
  assert.ok(settings);
  return await replayFixture(fixture, settings);
}

function refusedSpans({ metrics }: Outcome): number {
  return Number(/memory_limiter_refused_spans\{[^}]*\} (\d+)/.exec(metrics)?.[1]);
}

function spans({ outputs }: Outcome): number {
  return outputs.find(({ signal }) => signal === 'traces')?.items ?? 0;
}

test('a limiter refuses while the script says that memory is used, and senders come again', async (t) => {
  const short = await outcomeOf(t, LIMITED, '[{ from: 1500ms, until: 10s, used: 160MiB }]');
  assert.ok(refusedSpans(short) >= 2, short.metrics);
  assert.ok(short.summary.requests.retries >= 2);
  assert.equal(spans(short), 3);
  assert.equal(short.summary.ledgerCloses, true);
  const below = await outcomeOf(t, LIMITED, '[{ from: 1500ms, until: 10s, used: 140MiB }]');
  assert.equal(refusedSpans(below), 0);
  assert.equal(below.summary.requests.retries, 0);
});

test('what is used for ever loses what senders give up, and the script is the same each time', async (t) => {
  const first = await outcomeOf(t, LIMITED, '[{ from: 1500ms, used: 300MiB }]');
  assert.equal(spans(first), 1);
  assert.deepEqual(await outcomeOf(t, LIMITED, '[{ from: 1500ms, used: 300MiB }]'), first);
});

test('the guard of the process refuses, too, without a limiter', async (t) => {
  const short = await outcomeOf(t, CONFIG, '[{ from: 1500ms, until: 10s, used: 1000MiB }]');
  assert.match(short.metrics, /^remora_overload_refused_requests\{.*reason="memory".*\} [1-9]/m);
  assert.equal(short.summary.requests.answers['overloaded'], 2);
  assert.equal(short.summary.ledgerCloses, true);
});
