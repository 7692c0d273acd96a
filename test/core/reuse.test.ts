import assert from 'node:assert/strict';
import { test } from 'node:test';
import { joinBatches, makeBatch, type Batch } from '../../src/core/batch.ts';
import { systemClock } from '../../src/core/clock.ts';
import { fanout } from '../../src/core/fanout.ts';
import { MemoryQueue } from '../../src/core/memory-queue.ts';
import { freeBytes, keepBytes, offerBytes } from '../../src/core/reuse.ts';
import { opaqueBatch } from '../support/batches.ts';
import { CollectingConsumer } from '../support/context.ts';

function offered(): { readonly batch: Batch; readonly reuses: () => number } {
  let reuses = 0;
  const batch = opaqueBatch(1);
  offerBytes(batch, () => (reuses += 1));
  return { batch, reuses: () => reuses };
}

test('bytes are reused once, when their batch is freed, and not when it was kept', () => {
  const freed = offered();
  freeBytes(freed.batch);
  freeBytes(freed.batch);
  assert.equal(freed.reuses(), 1);
  const kept = offered();
  keepBytes(kept.batch);
  freeBytes(kept.batch);
  assert.equal(kept.reuses(), 0);
});

test('another batch with the same bytes frees nothing', () => {
  const { batch, reuses } = offered();
  freeBytes({ ...batch });
  freeBytes(makeBatch(batch.signal, batch.chunks, batch.items));
  freeBytes(joinBatches([batch, opaqueBatch(1)]));
  assert.equal(reuses(), 0);
});

test('a batch that a fan-out gave to several is kept', async () => {
  const { batch, reuses } = offered();
  const branches = [new CollectingConsumer(), new CollectingConsumer()];
  const options = { clock: systemClock, stopping: new AbortController().signal, onLost: () => undefined };
  await fanout(branches, options).consume(batch, new AbortController().signal);
  for (const branch of branches) for (const received of branch.batches) freeBytes(received);
  assert.equal(reuses(), 0);
});

test('a batch that came back to its queue is kept: an attempt that was given up may still read it', () => {
  const { batch, reuses } = offered();
  const queue = new MemoryQueue({ clock: systemClock, sizer: 'requests', capacity: 1, maxBytes: 10_000 });
  const reservation = queue.tryReserve(batch);
  assert.ok(reservation.status === 'reserved');
  void reservation.commit();
  queue.tryLease()?.giveBack();
  const again = queue.tryLease();
  assert.equal(again?.batch, batch);
  freeBytes(again.batch);
  assert.equal(reuses(), 0);
});
