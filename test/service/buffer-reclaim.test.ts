import assert from 'node:assert/strict';
import { test } from 'node:test';
import { VirtualClock } from '../../src/core/virtual-clock.ts';
import { reclaimBuffers } from '../../src/service/buffer-reclaim.ts';

const MIB = 2 ** 20;

/** Buffers that nobody holds once this returns. */
function leaveDeadBuffers(): void {
  for (let i = 0; i < 32; i++) Buffer.allocUnsafeSlow(MIB).fill(1);
}

test('the memory of dead buffers comes back with the next look, and cancelling ends the looks', async () => {
  const clock = new VirtualClock();
  const reclaim = reclaimBuffers(clock);
  const before = process.memoryUsage().external;
  leaveDeadBuffers();
  assert.ok(process.memoryUsage().external > before + 16 * MIB, 'the buffers are there');
  await clock.advance(250);
  assert.ok(process.memoryUsage().external < before + 8 * MIB, 'and gone');
  reclaim.cancel();
  assert.equal(clock.pending, 0);
});
