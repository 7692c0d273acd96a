import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { RateLimit } from '../../src/core/rate-limit.ts';
import { TokenBucket } from '../../src/core/token-bucket.ts';
import { VirtualClock } from '../../src/core/virtual-clock.ts';

interface Taken {
  readonly atMs: number;
  readonly tokens: number;
}

/** The most that went through in any window, above what the rate gives in that window. */
function worstExcess(taken: readonly Taken[], perSecond: number): number {
  let worst = 0;
  for (let from = 0; from < taken.length; from++) {
    let sum = 0;
    for (let to = from; to < taken.length; to++) {
      sum += taken[to]?.tokens ?? 0;
      const windowMs = (taken[to]?.atMs ?? 0) - (taken[from]?.atMs ?? 0);
      worst = Math.max(worst, sum - (perSecond * windowMs) / 1000);
    }
  }
  return worst;
}

const step = fc.record({
  pauseMs: fc.double({ min: 0, max: 500, noNaN: true }),
  tokens: fc.integer({ min: 1, max: 3000 }),
});
const bucket = fc.record({
  perSecond: fc.double({ min: 0.5, max: 1e6, noNaN: true }),
  burstMs: fc.double({ min: 1, max: 10_000, noNaN: true }),
});

describe('token bucket', () => {
  it('lets no more than rate * t + burst + one batch through in any window, whoever asks whenever', async () => {
    await fc.assert(
      fc.asyncProperty(
        bucket,
        fc.array(step, { minLength: 1, maxLength: 40 }),
        async ({ perSecond, burstMs }, steps) => {
          const clock = new VirtualClock(0);
          const limit = new TokenBucket(clock, perSecond, burstMs);
          const taken: Taken[] = [];
          for (const { pauseMs, tokens } of steps) {
            await clock.advance(pauseMs);
            if (limit.waitMs() > 0) continue;
            limit.take(tokens);
            taken.push({ atMs: clock.monotonic(), tokens });
          }
          const largest = Math.max(0, ...taken.map(({ tokens }) => tokens));
          const allowed = (perSecond * burstMs) / 1000 + largest;
          assert.ok(worstExcess(taken, perSecond) <= allowed * (1 + 1e-9));
        },
      ),
      { numRuns: 200 },
    );
  });

  it('gives exactly the rate in the long run to somebody who always waits as long as he is told', async () => {
    const pieces = fc.array(fc.integer({ min: 1, max: 5000 }), { minLength: 20, maxLength: 60 });
    await fc.assert(
      fc.asyncProperty(fc.double({ min: 10, max: 1e5, noNaN: true }), pieces, async (perSecond, costs) => {
        const clock = new VirtualClock(0);
        const limit = new TokenBucket(clock, perSecond, 1000);
        let taken = 0;
        for (const tokens of costs) {
          await clock.advance(limit.waitMs());
          assert.equal(limit.waitMs(), 0, 'the wait was too short');
          limit.take(tokens);
          taken += tokens;
        }
        await clock.advance(limit.waitMs());
        // It was full at the start, and what it owed is paid: all of it came from the time that passed and the burst.
        const given = (perSecond * (clock.monotonic() + 1000)) / 1000;
        assert.ok(taken <= given * (1 + 1e-9));
        if (taken > perSecond) assert.ok(given - taken <= (2 * perSecond) / 1000, `${given - taken} tokens were lost`);
      }),
      { numRuns: 100 },
    );
  });

  it('lets a batch far larger than the burst through when its turn comes, and makes the next one wait for it', async () => {
    const clock = new VirtualClock();
    const limit = new TokenBucket(clock, 100, 1000);
    limit.take(1100);
    assert.equal(limit.waitMs(), 10_000);
    await clock.advance(9999);
    assert.equal(limit.waitMs(), 1);
    await clock.advance(1);
    assert.equal(limit.waitMs(), 0);
  });

  it('is as if nothing had been taken after what was taken is given back', async () => {
    const clock = new VirtualClock();
    const limit = new TokenBucket(clock, 100, 1000);
    await clock.advance(5000);
    limit.take(5000);
    limit.giveBack(5000);
    assert.equal(limit.isFull, true);
    limit.take(100);
    assert.equal(limit.waitMs(), 0);
    limit.take(1);
    assert.equal(limit.waitMs(), 10, 'given back tokens are no more than there were');
  });

  it('does not save up more than its burst', async () => {
    const clock = new VirtualClock();
    const limit = new TokenBucket(clock, 1000, 100);
    await clock.advance(3_600_000);
    limit.take(150);
    assert.equal(limit.waitMs(), 50);
  });
});

describe('rate of bytes and items', () => {
  it('waits for the slower of the two', async () => {
    const clock = new VirtualClock();
    const limit = new RateLimit(clock, { bytes_per_second: 1000, items_per_second: 10 }, 1000);
    limit.take({ bytes: 2000, items: 11 });
    assert.equal(limit.waitMs(), 1000);
    await clock.advance(1000);
    limit.take({ bytes: 1, items: 50 });
    assert.equal(limit.waitMs(), 4100);
    limit.giveBack({ bytes: 1, items: 50 });
    assert.equal(limit.waitMs(), 0);
    assert.equal(limit.isFull, false);
    await clock.advance(1000);
    assert.equal(limit.isFull, true);
  });
});
