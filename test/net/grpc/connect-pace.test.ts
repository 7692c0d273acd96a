import assert from 'node:assert/strict';
import { test } from 'node:test';
import { seededRandom } from '../../../src/core/random.ts';
import { VirtualClock } from '../../../src/core/virtual-clock.ts';
import { ConnectPace } from '../../../src/net/grpc/connect-pace.ts';

const NEVER = new AbortController().signal;

function paceOn(clock: VirtualClock): ConnectPace {
  return new ConnectPace({ clock, random: seededRandom('pace'), initialMs: 250, maxMs: 2000 });
}

test('connections that break at once are spaced further and further apart, up to three seconds', async () => {
  const clock = new VirtualClock();
  const pace = paceOn(clock);
  const gapsMs: number[] = [];
  let lastMs = clock.monotonic();
  const looping = (async () => {
    for (let i = 0; i < 20; i++) {
      await pace.turn(NEVER);
      gapsMs.push(clock.monotonic() - lastMs);
      lastMs = clock.monotonic();
    }
  })();
  await clock.advance(120_000);
  await looping;
  assert.equal(gapsMs[0], 0);
  for (const gapMs of gapsMs.slice(1)) assert.ok(gapMs >= 125 && gapMs <= 3000, `${gapMs}`);
  const late = gapsMs.slice(10);
  assert.ok(late.reduce((sum, gapMs) => sum + gapMs, 0) / late.length > 1500);
});

test('after a connection that lived for a while the next comes at once', async () => {
  const clock = new VirtualClock();
  const pace = paceOn(clock);
  for (let i = 0; i < 3; i++) {
    assert.equal(await pace.turn(NEVER), true);
    assert.equal(clock.pending, 0);
    await clock.advance(10_000);
  }
});

test('an abort ends the waiting', async () => {
  const clock = new VirtualClock();
  const pace = paceOn(clock);
  await pace.turn(NEVER);
  const abort = new AbortController();
  const turn = pace.turn(abort.signal);
  abort.abort();
  assert.equal(await turn, false);
  assert.equal(clock.pending, 0);
});
