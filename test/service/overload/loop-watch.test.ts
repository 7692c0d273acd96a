import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LoopWatch } from '../../../src/service/overload/loop-watch.ts';

function setUp(maxLagMs: number) {
  let nowMs = 0;
  const clock = { now: () => nowMs, monotonic: () => nowMs, timer: () => ({ cancel: () => undefined }) };
  const watch = new LoopWatch(clock, 100, maxLagMs);
  const turn = (lagMs: number): boolean => {
    nowMs += 100 + lagMs;
    watch.tick();
    return watch.isLate;
  };
  return { watch, turn };
}

test('two turns in a row later than the limit say late, and a second without one half as late says well', () => {
  const { watch, turn } = setUp(500);
  assert.deepEqual([turn(0), turn(900), turn(500), turn(501), turn(501)], [false, false, false, false, true]);
  assert.equal(watch.lagMs, 501);
  assert.deepEqual([turn(100), turn(300)], [true, true], 'not yet calm');
  const calm = Array.from({ length: 10 }, () => turn(1));
  assert.deepEqual(calm, [true, true, true, true, true, true, true, true, true, false]);
});

test('a limit of 0 never says late', () => {
  const { watch, turn } = setUp(0);
  assert.equal(turn(60_000), false);
  assert.equal(watch.lagMs, 60_000);
});
