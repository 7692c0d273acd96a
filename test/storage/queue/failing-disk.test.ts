import assert from 'node:assert/strict';
import { test } from 'node:test';
import { sleep } from '../../../src/core/clock.ts';
import { seededRandom } from '../../../src/core/random.ts';
import { ACCEPTED } from '../../../src/core/verdict.ts';
import { VirtualClock } from '../../../src/core/virtual-clock.ts';
import type { Disk } from '../../../src/storage/disk.ts';
import type { DiskQueue } from '../../../src/storage/queue/disk-queue.ts';
import type { DiskQueueOptions } from '../../../src/storage/queue/options.ts';
import { CrashingDisk, type Call } from '../../model/disk-queue/crashing-disk.ts';
import { range } from '../../support/batches.ts';
import { offerAll, openedQueue, shutNow, tagged, tagOf, type QueueRig } from './rig.ts';

const FOR_EVER = Number.POSITIVE_INFINITY;

/** What runs without time passing has run. */
async function settled(): Promise<void> {
  for (let turns = 0; turns < 20; turns++) await new Promise((resolve) => setImmediate(resolve));
}

function onDisk(disk: Disk, options: Partial<DiskQueueOptions> = {}): Promise<QueueRig> {
  return openedQueue({ folder: () => Promise.resolve(disk), memoryBytes: 0, segmentBytes: 2500, ...options });
}

/** Leases and ends all that is there, as time passes; returns the tags. */
async function drained(queue: DiskQueue, clock: VirtualClock, forMs: number): Promise<number[]> {
  const tags: number[] = [];
  for (let passed = 0; passed <= forMs; passed += 500) {
    for (let lease = queue.tryLease(); lease !== undefined; lease = queue.tryLease()) {
      tags.push(tagOf(lease.batch));
      lease.done(ACCEPTED);
      await settled();
    }
    await clock.advance(500);
    await settled();
  }
  return tags;
}

for (const call of ['read', 'open'] satisfies Call[]) {
  test(`a disk on which every ${call} fails for a minute costs nothing of a backlog`, async () => {
    const disk = new CrashingDisk(seededRandom('minute'));
    const clock = new VirtualClock();
    const { queue, lost } = await onDisk(disk, { clock });
    disk.failures.set(call, FOR_EVER);
    await offerAll(queue, 1, 40, 200);
    assert.deepEqual(await drained(queue, clock, 60_000), []);
    disk.failures.clear();
    assert.deepEqual(await drained(queue, clock, 5000), range(1, 40));
    assert.deepEqual(lost, []);
    await shutNow(queue);
    assert.equal(disk.openFiles, 0);
  });
}

test('what stays unreadable for minutes is lost at last, and what stands behind it is not', async () => {
  const disk = new CrashingDisk(seededRandom('minutes'));
  const clock = new VirtualClock();
  const { queue, lost } = await onDisk(disk, { clock, segmentBytes: 600 });
  disk.failures.set('read', FOR_EVER);
  await offerAll(queue, 1, 9, 200);
  await drained(queue, clock, 310_000);
  disk.failures.clear();
  const came = await drained(queue, clock, 5000);
  const gone = lost.reduce((sum, { requests }) => sum + requests, 0);
  assert.ok(gone > 0 && gone < 9, `${gone} are lost`);
  assert.equal(came.length + gone, 9);
  assert.equal(queue.requests, 0);
  await shutNow(queue);
});

test('a process that may open no file for long loses nothing by it', async () => {
  const disk = new CrashingDisk(seededRandom('descriptors'));
  const clock = new VirtualClock();
  let refuses = false;
  const { queue, lost } = await onDisk(
    {
      list: () => disk.list(),
      open: (name, use) => {
        if (refuses && use === 'read') throw Object.assign(new Error('EMFILE'), { code: 'EMFILE' });
        return disk.open(name, use);
      },
      rename: (from, to) => disk.rename(from, to),
      unlink: (name) => disk.unlink(name),
      syncDirectory: () => disk.syncDirectory(),
    },
    { clock },
  );
  refuses = true;
  await offerAll(queue, 1, 20, 200);
  assert.deepEqual(await drained(queue, clock, 400_000), []);
  refuses = false;
  assert.deepEqual(await drained(queue, clock, 2000), range(1, 20));
  assert.deepEqual(lost, []);
  await shutNow(queue);
});

test('a disk that gives nothing while the queue opens costs nothing: the next start finds all of it', async () => {
  for (const sealed of [true, false]) {
    const disk = new CrashingDisk(seededRandom('start'));
    const clock = new VirtualClock();
    const first = await onDisk(disk, { clock });
    await offerAll(first.queue, 1, 20, 200);
    if (sealed) await shutNow(first.queue);
    const failing = disk.crash('kill');
    failing.failures.set('read', FOR_EVER);
    const second = await onDisk(failing, { clock });
    assert.equal(second.queue.requests, 0);
    assert.deepEqual(second.lost, []);
    await shutNow(second.queue);
    const third = await onDisk(failing.crash('kill'), { clock });
    assert.deepEqual(await drained(third.queue, clock, 1000), range(1, 20));
    await shutNow(third.queue);
  }
});

test('drop_oldest lets go of one segment, not of all, when a disk cannot delete', async () => {
  const disk = new CrashingDisk(seededRandom('undeletable'));
  const { queue, lost } = await onDisk(disk, { overflow: 'drop_oldest', maxBytes: 20_000, clock: new VirtualClock() });
  await offerAll(queue, 1, 80, 200);
  disk.failures.set('unlink', FOR_EVER);
  const { requests } = queue;
  for (let tag = 81; tag <= 90; tag++) {
    const reservation = queue.tryReserve(tagged(tag, 200));
    if (reservation.status !== 'reserved') break;
    const refused = await Promise.resolve(reservation.commit()).then(
      () => false,
      () => true,
    );
    if (refused) break;
  }
  const evicted = lost.reduce((sum, one) => sum + one.requests, 0);
  assert.ok(evicted > 0 && evicted <= 22, `${evicted} of ${requests} were let go of`);
  disk.failures.clear();
  await shutNow(queue);
});

test('drop_oldest makes room by requests that are larger than what is read at once', async () => {
  const disk = new CrashingDisk(seededRandom('large'));
  const { queue, lost } = await onDisk(disk, { overflow: 'drop_oldest', capacity: 4, chunkBytes: 100 });
  await offerAll(queue, 1, 4, 900);
  // Something leased keeps memory, so nothing is read ahead.
  await settled();
  assert.ok(queue.tryLease() !== undefined);
  for (let tag = 5; tag <= 12; tag++) {
    const reservation = queue.tryReserve(tagged(tag, 900));
    assert.ok(reservation.status === 'reserved');
    await reservation.commit();
  }
  assert.equal(queue.requests, 4);
  assert.equal(
    lost.reduce((sum, one) => sum + one.requests, 0),
    8,
  );
  await shutNow(queue);
});

test('a deleted segment is not kept open: its room is given back', async () => {
  const disk = new CrashingDisk(seededRandom('deleted'));
  const clock = new VirtualClock();
  const { queue } = await onDisk(disk, { clock });
  await offerAll(queue, 1, 40, 200);
  assert.deepEqual(await drained(queue, clock, 1000), range(1, 40));
  assert.deepEqual(disk.names(), []);
  assert.equal(disk.openFiles, 0);
  await shutNow(queue);
});

test('a queue that is shut while a full disk is tried again leaves no file open', async () => {
  const disk = new CrashingDisk(seededRandom('probe'));
  const clock = new VirtualClock();
  let creating = 0;
  const slow = slowToCreate(disk, clock, () => (creating += 1));
  const { queue } = await onDisk(slow, { clock });
  disk.capacity = 0;
  const refused = assert.rejects(offerAll(queue, 1, 1));
  await clock.advance(10);
  await refused;
  disk.capacity = FOR_EVER;
  // The probe has begun, and its file is not made yet when the queue is shut.
  creating = 0;
  while (creating === 0) await clock.advance(5);
  const shut = shutNow(queue);
  await settled();
  await clock.advance(10);
  await shut;
  await settled();
  assert.equal(disk.openFiles, 0);
});

test('what is withdrawn while a disk hangs is out of the counts at once, and does not come back', async () => {
  const disk = new CrashingDisk(seededRandom('hangs'));
  const clock = new VirtualClock();
  const { queue } = await onDisk(
    slowToCreate(disk, clock, () => undefined),
    { clock },
  );
  const reservation = queue.tryReserve(tagged(1));
  assert.ok(reservation.status === 'reserved');
  const committed = reservation.commit();
  await settled();
  reservation.cancel();
  reservation.cancel();
  assert.deepEqual([queue.requests, queue.items, queue.bytes], [0, 0, 0]);
  await clock.advance(20);
  await committed;
  assert.deepEqual([queue.requests, queue.items, queue.bytes], [0, 0, 0]);
  await shutNow(queue);
  const next = await onDisk(disk.crash('kill'), { clock });
  assert.equal(next.queue.requests, 0);
  await shutNow(next.queue);
});

test('a queue that is shut when its deadline has passed still notes what is done', async () => {
  const disk = new CrashingDisk(seededRandom('late'));
  const clock = new VirtualClock();
  const { queue } = await onDisk(disk, { clock, memoryBytes: 1e6 });
  await offerAll(queue, 1, 3);
  queue.tryLease()?.done(ACCEPTED);
  await queue.shut(AbortSignal.abort());
  assert.equal(disk.openFiles, 0);
  const next = await onDisk(disk.crash('kill'), { clock, memoryBytes: 1e6 });
  assert.equal(next.queue.requests, 2);
  await shutNow(next.queue);
});

test('a queue that is shut while its disk hangs settles soon after the deadline', async () => {
  const disk = new CrashingDisk(seededRandom('hanging'));
  const clock = new VirtualClock();
  const { queue } = await onDisk(disk, { clock });
  void offerAll(queue, 1, 1);
  // On a dead disk no call ever ends.
  disk.crash('kill');
  const shut = queue.shut(AbortSignal.abort());
  await clock.advance(250);
  await shut;
  assert.equal(queue.requests, 1);
});

function slowToCreate(disk: CrashingDisk, clock: VirtualClock, onCreate: () => void): Disk {
  return {
    list: () => disk.list(),
    open: async (name, use) => {
      if (use === 'create') {
        onCreate();
        await sleep(clock, 10, new AbortController().signal);
      }
      return disk.open(name, use);
    },
    rename: (from, to) => disk.rename(from, to),
    unlink: (name) => disk.unlink(name),
    syncDirectory: () => disk.syncDirectory(),
  };
}
