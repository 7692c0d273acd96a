import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fc } from '../../support/property.ts';
import { isOpen, nextChangeMs, type Schedule } from '../../../src/extensions/fault-injection/schedule.ts';

const NEVER = Number.POSITIVE_INFINITY;
const ALWAYS: Schedule = { startAfterMs: 0, durationMs: undefined, everyMs: undefined, stopAfterMs: NEVER };

/** The times at which it changes, from the start on. */
function edges(schedule: Schedule, count: number): number[] {
  const found: number[] = [];
  for (let atMs = nextChangeMs(schedule, 0); atMs !== undefined && found.length < count;) {
    found.push(atMs);
    atMs = nextChangeMs(schedule, atMs);
  }
  return found;
}

test('windows begin after start_after, last for duration, come every so often and end with stop_after', () => {
  for (const [schedule, onAtStart, expected] of [
    [ALWAYS, true, []],
    [{ ...ALWAYS, stopAfterMs: 50 }, true, [50]],
    [{ ...ALWAYS, startAfterMs: 30 }, false, [30]],
    [{ ...ALWAYS, startAfterMs: 30, durationMs: 10 }, false, [30, 40]],
    [{ ...ALWAYS, startAfterMs: 5, durationMs: 10, everyMs: 100 }, false, [5, 15, 105, 115, 205, 215]],
    [{ startAfterMs: 0, durationMs: 10, everyMs: 100, stopAfterMs: 105 }, true, [10, 100, 105]],
    [{ startAfterMs: 0, durationMs: 10, everyMs: 100, stopAfterMs: 60 }, true, [10]],
    [{ ...ALWAYS, startAfterMs: 60, stopAfterMs: 50 }, false, []],
  ] as const) {
    assert.equal(isOpen(schedule, 0), onAtStart, JSON.stringify(schedule));
    assert.deepEqual(edges(schedule, 6), expected, JSON.stringify(schedule));
  }
});

test('between two edges nothing changes, and at each edge something does', () => {
  const time = fc.integer({ min: 1, max: 60 });
  const schedules = fc.record({
    startAfterMs: fc.integer({ min: 0, max: 60 }),
    durationMs: fc.option(time, { nil: undefined }),
    gapMs: fc.option(time, { nil: undefined }),
    stopAfterMs: fc.oneof(fc.integer({ min: 1, max: 200 }), fc.constant(NEVER)),
  });
  const property = fc.property(schedules, ({ gapMs, ...rest }) => {
    const { durationMs } = rest;
    const everyMs = durationMs === undefined || gapMs === undefined ? undefined : durationMs + gapMs;
    const schedule = { ...rest, everyMs };
    const changes = edges(schedule, 1000).filter((atMs) => atMs <= 300);
    const seen = Array.from({ length: 300 }, (_, index) => index + 1).filter(
      (atMs) => isOpen(schedule, atMs) !== isOpen(schedule, atMs - 1),
    );
    assert.deepEqual(changes, seen);
  });
  fc.assert(property, { numRuns: 300 });
});
