import assert from 'node:assert/strict';
import { test } from 'node:test';
import { VirtualClock } from '../../src/core/virtual-clock.ts';
import { bufferCollector, reclaimBuffers } from '../../src/service/buffer-reclaim.ts';

const MIB = 2 ** 20;

test('the memory of dead buffers comes back with the next look, and cancelling ends the looks', async () => {
  // V8 may collect at any moment by itself: what is dead from before goes first, and the buffers are held until they are seen.
  bufferCollector()();
  const clock = new VirtualClock();
  const reclaim = reclaimBuffers(clock);
  const before = process.memoryUsage().external;
  const held = Array.from({ length: 32 }, () => Buffer.allocUnsafeSlow(MIB).fill(1));
  assert.ok(process.memoryUsage().external > before + 16 * MIB, 'the buffers are there');
  held.length = 0;
  await clock.advance(250);
  assert.ok(process.memoryUsage().external < before + 8 * MIB, 'and gone');
  reclaim.cancel();
  assert.equal(clock.pending, 0);
});
