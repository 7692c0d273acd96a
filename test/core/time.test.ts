import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { repeat, sleep, systemClock } from '../../src/core/clock.ts';
import { hash32, jittered, seededRandom } from '../../src/core/random.ts';
import { backoffMs } from '../../src/core/retry.ts';
import { VirtualClock } from '../../src/core/virtual-clock.ts';

describe('VirtualClock', () => {
  it('fires timers in order of time, then of setting, and stands at each while it fires', async () => {
    const clock = new VirtualClock(1000);
    const fired: string[] = [];
    const note = (name: string) => () => void fired.push(`${name}@${clock.monotonic()}`);
    clock.timer(20, note('c'));
    clock.timer(10, note('a'));
    clock.timer(10, note('b'));
    clock.timer(-5, note('past'));
    await clock.advance(15);
    assert.deepEqual(fired, ['past@0', 'a@10', 'b@10']);
    assert.deepEqual([clock.now(), clock.monotonic(), clock.pending, clock.nextMs], [1015, 15, 1, 1020]);
  });

  it('lets promises settle between timers, and fires timers that they set', async () => {
    const clock = new VirtualClock();
    const turns: number[] = [];
    const loop = async (): Promise<void> => {
      while (turns.length < 3) {
        await sleep(clock, 10, new AbortController().signal);
        turns.push(clock.monotonic());
      }
    };
    const done = loop();
    await clock.advance(100);
    await done;
    assert.deepEqual(turns, [10, 20, 30]);
  });

  it('does not fire a timer that was cancelled, also by a timer of the same time', async () => {
    const clock = new VirtualClock();
    clock.timer(10, () => timer.cancel());
    const timer = clock.timer(10, () => assert.fail('It was cancelled.'));
    await clock.advance(10);
    timer.cancel();
    assert.equal(clock.pending, 0);
  });
});

describe('sleep and repeat', () => {
  it('sleep ends early when aborted, leaves no timer, and says which it was', async () => {
    const clock = new VirtualClock();
    const abort = new AbortController();
    const [whole, early] = [sleep(clock, 10, abort.signal), sleep(clock, 50, abort.signal)];
    await clock.advance(10);
    abort.abort();
    assert.deepEqual(await Promise.all([whole, early]), [true, false]);
    assert.equal(await sleep(clock, 10, abort.signal), false);
    assert.equal(clock.pending, 0);
  });

  it('repeat asks for each period and ends when cancelled, also from within', async () => {
    const clock = new VirtualClock();
    const periods = [10, 20, 30, 40];
    const fired: number[] = [];
    const timer = repeat(
      clock,
      () => periods.shift() ?? 1,
      () => {
        fired.push(clock.monotonic());
        if (fired.length === 3) timer.cancel();
      },
    );
    await clock.advance(1000);
    assert.deepEqual(fired, [10, 30, 60]);
    assert.equal(clock.pending, 0);
  });

  it('the system clock fires once, and not after cancel', async () => {
    let fired = 0;
    const cancelled = systemClock.timer(0, () => assert.fail('It was cancelled.'));
    cancelled.cancel();
    await new Promise<void>((resolve) => {
      const timer = systemClock.timer(1, () => {
        fired += 1;
        timer.cancel();
        resolve();
      });
    });
    assert.equal(fired, 1);
    systemClock.timer(2 ** 40, () => assert.fail('Too early.')).cancel();
    assert.ok(systemClock.monotonic() > 0 && systemClock.now() > 1.7e12);
  });
});

describe('randomness', () => {
  it('hashes as FNV-1a, the same for ever', () => {
    assert.equal(hash32(''), 0x811c9dc5);
    assert.equal(hash32('a'), 0xe40c292c);
    assert.equal(hash32('foobar'), 0xbf9cf968);
  });

  it('repeats for a seed, differs between seeds, and is uniform in [0, 1)', () => {
    const [one, same, other] = [seededRandom('pod-1'), seededRandom('pod-1'), seededRandom('pod-2')];
    const buckets = new Array<number>(10).fill(0);
    let equal = 0;
    for (let i = 0; i < 10_000; i++) {
      const value = one();
      assert.equal(same(), value);
      if (other() === value) equal += 1;
      buckets[Math.floor(value * 10)]! += 1;
    }
    assert.ok(equal < 3);
    assert.ok(
      buckets.every((count) => count > 850 && count < 1150),
      buckets.join(' '),
    );
  });

  it('jitters inside plus or minus the fraction', () => {
    assert.deepEqual(
      [0, 0.5, 0.75].map((drawn) => jittered(200, 0.1, () => drawn)),
      [180, 200, 210],
    );
    assert.equal(
      jittered(200, 0, () => 0.9),
      200,
    );
  });
});

describe('backoff', () => {
  const options = { initialMs: 1000, maxMs: 5000, multiplier: 2 };

  it('is full jitter below an interval that grows to its bound', () => {
    assert.deepEqual(
      [1, 2, 3, 4, 50].map((tries) => backoffMs(options, tries, () => 0.5)),
      [500, 1000, 2000, 2500, 2500],
    );
    assert.equal(
      backoffMs(options, 1, () => 0),
      0,
    );
  });

  it("is the Collector's with a smaller randomization factor", () => {
    const around = { ...options, randomizationFactor: 0.5 };
    assert.deepEqual(
      [0, 0.5].map((drawn) => backoffMs(around, 2, () => drawn)),
      [1000, 2000],
    );
    assert.equal(
      backoffMs({ ...options, randomizationFactor: 0 }, 3, () => 0.3),
      4000,
    );
  });

  it('is never less than what the upstream asked for, spreads those it told the same, and stays finite', () => {
    assert.deepEqual(
      [0, 0.5, 1].map((drawn) => backoffMs(options, 1, () => drawn, 60_000)),
      [60_000, 75_000, 90_000],
    );
    assert.equal(
      backoffMs(options, 1, () => 0.5, 100),
      500,
    );
    assert.equal(
      backoffMs(options, 100_000, () => 0.5),
      2500,
    );
  });
});
