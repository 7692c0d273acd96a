import assert from 'node:assert/strict';
import { test } from 'node:test';
import { VirtualClock } from '../../src/core/virtual-clock.ts';
import { linger } from '../../src/service/linger.ts';

const LINGER_MS = 10_000;
const IDLE_MS = 2000;

class Bench {
  readonly clock = new VirtualClock();
  readonly hurry = new AbortController();
  arrived = 0;
  over: string | undefined;
  overAtMs: number | undefined;

  begin(lingerMs = LINGER_MS): void {
    const { clock, hurry } = this;
    const options = { clock, lingerMs, idleMs: IDLE_MS, arrivals: () => this.arrived, hurry: hurry.signal };
    void linger(options).then((over) => {
      this.over = over;
      this.overAtMs = clock.monotonic();
    });
  }
}

test('lingering ends when nothing has arrived for the idle time, counted from its begin', async () => {
  const bench = new Bench();
  bench.arrived = 17;
  bench.begin();
  await bench.clock.advance(IDLE_MS - 1);
  assert.equal(bench.over, undefined);
  await bench.clock.advance(IDLE_MS / 10 + 1);
  assert.equal(bench.over, 'idle');
  assert.equal(bench.clock.pending, 0);
});

test('whatever arrives moves its end, and never past the whole time', async () => {
  const bench = new Bench();
  bench.begin();
  for (let ms = 0; ms < LINGER_MS; ms += 500) {
    assert.equal(bench.over, undefined, `${ms} ms`);
    bench.arrived += 1;
    await bench.clock.advance(500);
  }
  assert.deepEqual([bench.over, bench.overAtMs], ['time', LINGER_MS]);
});

test('an arrival late in the idle time gives all of it again', async () => {
  const bench = new Bench();
  bench.begin();
  await bench.clock.advance(1900);
  bench.arrived += 1;
  await bench.clock.advance(1900);
  assert.equal(bench.over, undefined);
  await bench.clock.advance(500);
  assert.equal(bench.over, 'idle');
});

test('who is in a hurry does not wait, and no linger time is no wait', async () => {
  const bench = new Bench();
  bench.begin();
  await bench.clock.advance(100);
  bench.hurry.abort();
  await bench.clock.advance(0);
  assert.deepEqual([bench.over, bench.overAtMs, bench.clock.pending], ['hurry', 100, 0]);
  const none = new Bench();
  none.begin(0);
  await none.clock.advance(0);
  assert.deepEqual([none.over, none.clock.pending], ['time', 0]);
});
