import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { makeBatch, type Batch } from '../../src/core/batch.ts';
import { MemoryQueue, type MemoryQueueOptions } from '../../src/core/memory-queue.ts';
import type { Lease, QueueReservation } from '../../src/core/queue.ts';
import { ACCEPTED, retry, type Verdict } from '../../src/core/verdict.ts';
import { VirtualClock } from '../../src/core/virtual-clock.ts';
import { opaqueBatch } from '../support/batches.ts';

const NEVER = new AbortController().signal;

function setUp(options: Partial<MemoryQueueOptions> = {}) {
  const clock = new VirtualClock();
  return { clock, queue: new MemoryQueue({ clock, sizer: 'requests', capacity: 3, maxBytes: 10_000, ...options }) };
}

function reserve(queue: MemoryQueue, batch: Batch): Extract<QueueReservation, { status: 'reserved' }> {
  const reservation = queue.tryReserve(batch);
  assert.ok(reservation.status === 'reserved', reservation.status);
  return reservation;
}

function put(queue: MemoryQueue, batch: Batch, onSettled?: (verdict: Verdict) => void) {
  const reservation = reserve(queue, batch);
  void reservation.commit(onSettled);
  return reservation;
}

function take(queue: MemoryQueue): Lease {
  const lease = queue.tryLease();
  assert.ok(lease !== undefined);
  return lease;
}

function itemsOf(lease: Lease | undefined): number | undefined {
  return lease?.batch.items;
}

/** Runs promise chains dry. */
function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

describe('MemoryQueue bounds', () => {
  it('counts what is reserved, waiting and leased until it is done', () => {
    const { queue } = setUp();
    const reservation = reserve(queue, opaqueBatch(2));
    put(queue, opaqueBatch(3));
    assert.deepEqual([queue.requests, queue.items, queue.bytes], [2, 5, 50]);
    const lease = take(queue);
    assert.deepEqual([queue.requests, queue.items, queue.bytes], [2, 5, 50]);
    lease.done(ACCEPTED);
    lease.done(ACCEPTED);
    lease.giveBack();
    assert.deepEqual([queue.requests, queue.items, queue.bytes], [1, 2, 20]);
    reservation.cancel();
    reservation.cancel();
    void reservation.commit();
    assert.deepEqual([queue.requests, queue.items, queue.bytes], [0, 0, 0]);
    assert.equal(queue.tryLease(), undefined);
  });

  for (const [sizer, capacity] of [
    ['requests', 2],
    ['items', 10],
    ['bytes', 100],
  ] as const) {
    it(`is full by ${sizer} exactly above its capacity`, () => {
      const { queue } = setUp({ sizer, capacity });
      put(queue, opaqueBatch(5));
      put(queue, opaqueBatch(5));
      assert.equal(queue.tryReserve(opaqueBatch(1)).status, 'full');
      take(queue).done(ACCEPTED);
      assert.equal(queue.tryReserve(opaqueBatch(5)).status, 'reserved');
    });
  }

  it('tells what can never fit from what does not fit now', () => {
    const { queue } = setUp({ sizer: 'items', capacity: 10, maxBytes: 80 });
    const reservation = queue.tryReserve(opaqueBatch(11, 1));
    assert.ok(reservation.status === 'too_large');
    assert.equal(reservation.reason.code, 'item_too_large');
    assert.equal(queue.tryReserve(opaqueBatch(9, 10)).status, 'too_large', 'by bytes');
    put(queue, opaqueBatch(8, 10));
    assert.equal(queue.tryReserve(opaqueBatch(1, 1)).status, 'full', 'by bytes, although there is room for items');
  });

  it('holds at most max_bytes of memory, also when batches use only half of what they pin', () => {
    const { queue } = setUp({ maxBytes: 250 });
    const slice = (): Batch => makeBatch('logs', [new Uint8Array(150).subarray(0, 100)], 1);
    put(queue, slice());
    put(queue, slice());
    assert.equal(queue.bytes, 200);
    const [first, second] = [take(queue), take(queue)];
    assert.equal(first.batch.chunks[0]?.buffer.byteLength, 150);
    assert.equal(second.batch.chunks[0]?.buffer.byteLength, 100, 'copied, because what it pinned did not fit');
    assert.equal(queue.tryReserve(slice()).status, 'full');
  });

  it('copies a batch that pins more than twice its size', () => {
    const { queue } = setUp();
    put(queue, makeBatch('logs', [new Uint8Array(5000).subarray(7, 17)], 1));
    assert.equal(take(queue).batch.chunks[0]?.buffer.byteLength, 10);
  });
});

describe('MemoryQueue order', () => {
  it('lends in order of commit and takes back at the old place', () => {
    const { queue } = setUp({ capacity: 10 });
    for (const items of [1, 2, 3, 4]) put(queue, opaqueBatch(items));
    const leases = [take(queue), take(queue), take(queue)];
    leases[2]?.giveBack();
    leases[0]?.giveBack();
    assert.equal(itemsOf(take(queue)), 1);
    leases[1]?.giveBack();
    assert.deepEqual([2, 3, 4], [itemsOf(take(queue)), itemsOf(take(queue)), itemsOf(take(queue))]);
    assert.equal(queue.requests, 4);
  });

  it('stays in order over thousands of entries', () => {
    const { queue } = setUp({ capacity: 5000, maxBytes: 1e9 });
    let next = 1;
    for (let items = 1; items <= 3000; items++) {
      put(queue, opaqueBatch(items, 1));
      if (items % 3 !== 0) assert.equal(itemsOf(take(queue)), next++);
    }
    while (next <= 3000) assert.equal(itemsOf(take(queue)), next++);
    assert.equal(queue.tryLease(), undefined);
  });

  it('knows the age of its oldest entry, leased or not', async () => {
    const { queue, clock } = setUp();
    assert.equal(queue.oldestAgeMs(), 0);
    put(queue, opaqueBatch(1));
    await clock.advance(100);
    put(queue, opaqueBatch(1));
    const lease = take(queue);
    await clock.advance(50);
    assert.equal(queue.oldestAgeMs(), 150);
    lease.done(ACCEPTED);
    assert.equal(queue.oldestAgeMs(), 50);
  });
});

describe('MemoryQueue takers', () => {
  it('wakes one for each entry, in the order they asked', async () => {
    const { queue } = setUp();
    const first = queue.lease(NEVER);
    const second = queue.lease(NEVER);
    put(queue, opaqueBatch(1));
    put(queue, opaqueBatch(2));
    assert.deepEqual([itemsOf(await first), itemsOf(await second)], [1, 2]);
  });

  it('does not lose an entry when the taker woken for it leaves in the same tick', async () => {
    const { queue } = setUp();
    const leaving = new AbortController();
    const first = queue.lease(leaving.signal);
    const second = queue.lease(NEVER);
    put(queue, opaqueBatch(1));
    leaving.abort();
    assert.equal(await first, undefined);
    assert.equal(itemsOf(await second), 1);
  });

  it('lends nothing to a taker that has already left', async () => {
    const { queue } = setUp();
    put(queue, opaqueBatch(1));
    assert.equal(await queue.lease(AbortSignal.abort()), undefined);
    assert.equal(itemsOf(await queue.lease(NEVER)), 1);
  });

  it('gets what was given back', async () => {
    const { queue } = setUp();
    put(queue, opaqueBatch(1));
    const lease = take(queue);
    const taker = queue.lease(NEVER);
    lease.giveBack();
    assert.equal(itemsOf(await taker), 1);
  });
});

describe('MemoryQueue closing', () => {
  it('takes nothing new, lends what is inside, and ends takers once everything is done', async () => {
    const { queue } = setUp();
    put(queue, opaqueBatch(1));
    queue.close();
    queue.close();
    const reservation = queue.tryReserve(opaqueBatch(1));
    assert.ok(reservation.status === 'closed');
    assert.equal(reservation.reason.code, 'shutting_down');
    const lease = take(queue);
    let ended = false;
    const taker = queue.lease(NEVER).then((next) => {
      ended = true;
      return next;
    });
    await turn();
    assert.equal(ended, false, 'the lease may still come back');
    lease.done(ACCEPTED);
    assert.equal(await taker, undefined);
  });

  it('ends takers when the last reservation is cancelled', async () => {
    const { queue } = setUp();
    const reservation = reserve(queue, opaqueBatch(1));
    queue.close();
    const taker = queue.lease(NEVER);
    reservation.cancel();
    assert.equal(await taker, undefined);
  });

  it('honours a reservation made before', async () => {
    const { queue } = setUp();
    const reservation = reserve(queue, opaqueBatch(1));
    queue.close();
    const taker = queue.lease(NEVER);
    await reservation.commit();
    assert.equal(itemsOf(await taker), 1);
  });

  it('wakes those who wait for room', async () => {
    const { queue } = setUp({ capacity: 1 });
    put(queue, opaqueBatch(1));
    const room = queue.waitForRoom(NEVER);
    queue.close();
    await room;
    await queue.waitForRoom(NEVER);
  });
});

describe('MemoryQueue waiting for room', () => {
  it('resolves when something leaves, and when the waiter does', async () => {
    const { queue } = setUp({ capacity: 1 });
    put(queue, opaqueBatch(1));
    const leaving = new AbortController();
    const [room, left] = [queue.waitForRoom(NEVER), queue.waitForRoom(leaving.signal)];
    leaving.abort();
    await left;
    take(queue).done(ACCEPTED);
    await room;
  });

  it('is not woken by a reservation that was cancelled without anybody having been refused for it', async () => {
    const { queue } = setUp({ capacity: 2 });
    put(queue, opaqueBatch(1));
    let woken = false;
    const room = queue.waitForRoom(NEVER).then(() => (woken = true));
    reserve(queue, opaqueBatch(1)).cancel();
    await turn();
    assert.equal(woken, false);
    const reservation = reserve(queue, opaqueBatch(1));
    assert.equal(queue.tryReserve(opaqueBatch(1)).status, 'full');
    reservation.cancel();
    await room;
  });
});

describe('MemoryQueue settling', () => {
  it('tells the offerer the verdict once', () => {
    const { queue } = setUp();
    const verdicts: Verdict[] = [];
    put(queue, opaqueBatch(1), (verdict) => verdicts.push(verdict));
    take(queue).giveBack();
    assert.deepEqual(verdicts, []);
    take(queue).done(ACCEPTED);
    assert.deepEqual(verdicts, [ACCEPTED]);
  });

  it('withdraws an entry whose offerer left before a lease held it', () => {
    const { queue } = setUp();
    put(queue, opaqueBatch(1));
    const withdrawn = put(queue, opaqueBatch(2), () => assert.fail('Nobody waits.'));
    put(queue, opaqueBatch(3));
    withdrawn.cancel();
    withdrawn.cancel();
    assert.deepEqual([queue.requests, queue.items], [2, 4]);
    assert.deepEqual([itemsOf(take(queue)), itemsOf(take(queue))], [1, 3]);
  });

  it('marks a lease whose offerer left, tells nobody, and does not take it back', () => {
    const { queue } = setUp();
    const reservation = put(queue, opaqueBatch(1), () => assert.fail('Nobody waits.'));
    const other = put(queue, opaqueBatch(1), () => assert.fail('Nobody waits.'));
    const [lease, second] = [take(queue), take(queue)];
    assert.equal(lease.abandoned, false);
    reservation.cancel();
    other.cancel();
    assert.equal(lease.abandoned, true);
    assert.equal(queue.requests, 2);
    lease.giveBack();
    second.done(retry(new Error('Too late.')));
    assert.equal(queue.requests, 0);
    assert.equal(queue.tryLease(), undefined);
  });
});
