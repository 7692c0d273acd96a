import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LoopShare } from '../../../src/service/overload/loop-share.ts';

test('refused connections rest while the loop has no time to spare, up to a second, and less as it has again', () => {
  let share = 0.5;
  const loop = new LoopShare(() => share);
  const rests = (busy: number, looks: number): number[] => {
    share = busy;
    return Array.from({ length: looks }, () => {
      loop.look();
      return loop.restMs;
    });
  };
  assert.deepEqual(rests(0.5, 2), [0, 0]);
  assert.deepEqual(rests(0.95, 7), [50, 100, 200, 400, 800, 1000, 1000]);
  assert.deepEqual(rests(0.8, 2), [1000, 1000], 'neither busy nor idle');
  assert.deepEqual(rests(0.4, 6), [500, 250, 125, 62.5, 31.25, 0]);
});
