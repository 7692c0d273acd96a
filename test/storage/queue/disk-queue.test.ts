import assert from 'node:assert/strict';
import { readdirSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { freeBytes } from '../../../src/core/reuse.ts';
import { ACCEPTED } from '../../../src/core/verdict.ts';
import { range } from '../../support/batches.ts';
import { until } from '../../support/until.ts';
import { leaseAll, offer, offerAll, openQueue, shutNow, tagged, tagOf, temporaryDirectory } from './rig.ts';

test('what was committed is leased in order, and is on disk until it is done', async (t) => {
  const directory = temporaryDirectory(t);
  const { queue, meter } = await openQueue(t, directory);
  await offerAll(queue, 1, 20);
  assert.deepEqual(
    { requests: queue.requests, items: queue.items, bytes: queue.bytes },
    { requests: 20, items: 20, bytes: 2000 },
  );
  const leases = await leaseAll(queue, 20);
  assert.deepEqual(
    leases.map(({ batch }) => tagOf(batch)),
    range(1, 20),
  );
  assert.equal(queue.requests, 20);
  for (const lease of leases) lease.done(ACCEPTED);
  assert.deepEqual(
    { requests: queue.requests, items: queue.items, bytes: queue.bytes },
    { requests: 0, items: 0, bytes: 0 },
  );
  await shutNow(queue);
  assert.deepEqual(
    readdirSync(directory).filter((name) => name.endsWith('.segment')),
    [],
  );
  assert.ok(meter.total('remora_exporter_queue_syncs') < 20, 'commits that come together are synced together');
});

test('a restart replays what was not done, in order, once', async (t) => {
  const directory = temporaryDirectory(t);
  const first = await openQueue(t, directory);
  await offerAll(first.queue, 1, 10);
  const leases = await leaseAll(first.queue, 6);
  for (const at of [0, 1, 3, 4]) leases[at]?.done(ACCEPTED);
  leases[2]?.giveBack();
  leases[5]?.giveBack();
  await shutNow(first.queue);
  const second = await openQueue(t, directory);
  assert.equal(second.queue.requests, 6);
  const again = await leaseAll(second.queue, 6);
  assert.deepEqual(
    again.map(({ batch }) => tagOf(batch)),
    [3, 6, 7, 8, 9, 10],
  );
  for (const lease of again) lease.done(ACCEPTED);
  await shutNow(second.queue);
  const third = await openQueue(t, directory);
  assert.equal(third.queue.requests, 0);
  assert.equal(third.queue.tryLease(), undefined);
});

test('a backlog larger than memory is read back in order, and its segments go as it drains', async (t) => {
  const directory = temporaryDirectory(t);
  const { queue, meter } = await openQueue(t, directory, { memoryBytes: 64 * 1024, segmentBytes: 128 * 1024 });
  await offerAll(queue, 1, 1000, 1000);
  assert.ok(meter.total('remora_exporter_queue_segments') >= 8);
  const seen: number[] = [];
  for (let at = 0; at < 1000; at++) {
    const [lease] = await leaseAll(queue, 1);
    assert.ok(lease !== undefined);
    seen.push(tagOf(lease.batch));
    lease.done(ACCEPTED);
    freeBytes(lease.batch);
  }
  assert.deepEqual(seen, range(1, 1000));
  await until(() => meter.total('remora_exporter_queue_segments') <= 1, 'the segments are deleted');
  assert.ok(meter.total('remora_exporter_queue_disk_bytes') <= 128 * 1024);
});

test('a segment that was read back and deleted is not kept open, so that the disk has its room again', async (t) => {
  const directory = temporaryDirectory(t);
  const { queue, meter } = await openQueue(t, directory, { memoryBytes: 64 * 1024, segmentBytes: 1024 * 1024 });
  await offerAll(queue, 1, 800, 1000);
  for (let at = 0; at < 800; at++) {
    const [lease] = await leaseAll(queue, 1);
    lease?.done(ACCEPTED);
  }
  await until(() => meter.total('remora_exporter_queue_segments') === 0, 'the segment is deleted');
  assert.ok(meter.total('remora_exporter_queue_read_bytes') > 0, 'it was read');
  await until(() => openBelow(directory).length === 0, 'nothing of it is open');
});

function openBelow(directory: string): readonly string[] {
  return readdirSync('/proc/self/fd')
    .map((fd) => linkOf(join('/proc/self/fd', fd)))
    .filter((name) => name.startsWith(directory));
}

function linkOf(path: string): string {
  try {
    return readlinkSync(path);
  } catch {
    return '';
  }
}

test('what is given back comes first again, also when it is only on disk', async (t) => {
  const { queue } = await openQueue(t, temporaryDirectory(t), { memoryBytes: 64 * 1024 });
  await offerAll(queue, 1, 200, 1000);
  const leases = await leaseAll(queue, 5);
  queue.shed(1024 * 1024);
  for (const lease of leases.reverse()) lease.giveBack();
  const seen: number[] = [];
  while (queue.requests > 0) {
    const [lease] = await leaseAll(queue, 1);
    if (lease !== undefined) seen.push(tagOf(lease.batch));
    lease?.done(ACCEPTED);
  }
  assert.deepEqual(seen, range(1, 200));
});

test('a full queue refuses, and wakes who waits when something leaves', async (t) => {
  const { queue } = await openQueue(t, temporaryDirectory(t), { capacity: 3 });
  await offerAll(queue, 1, 3);
  assert.equal(queue.tryReserve(tagged(4)).status, 'full');
  const room = queue.waitForRoom(AbortSignal.timeout(120_000));
  const [lease] = await leaseAll(queue, 1);
  lease?.done(ACCEPTED);
  await room;
  await offer(queue, tagged(4));
  assert.equal(queue.requests, 3);
});

test('drop_oldest lets the oldest go that nobody has leased, at the commit, and says so', async (t) => {
  const { queue, lost } = await openQueue(t, temporaryDirectory(t), { capacity: 4, overflow: 'drop_oldest' });
  await offerAll(queue, 1, 4);
  const [leased] = await leaseAll(queue, 1);
  const reservation = queue.tryReserve(tagged(5));
  assert.ok(reservation.status === 'reserved');
  assert.deepEqual(lost, []);
  await reservation.commit();
  assert.deepEqual(lost, [{ requests: 1, items: 1, bytes: 100, reason: 'evicted' }]);
  leased?.giveBack();
  const rest = await leaseAll(queue, 4);
  assert.deepEqual(
    rest.map(({ batch }) => tagOf(batch)),
    [1, 3, 4, 5],
  );
});

test('fresh_first lends what is new before the backlog, which gets every fourth lease', async (t) => {
  const directory = temporaryDirectory(t);
  const first = await openQueue(t, directory);
  await offerAll(first.queue, 1, 4);
  await shutNow(first.queue);
  const { queue } = await openQueue(t, directory, { freshFirst: true });
  assert.equal(queue.requests, 4);
  await offerAll(queue, 100, 8);
  await offer(queue, tagged(108));
  const order = (await leaseAll(queue, 13)).map(({ batch }) => tagOf(batch));
  assert.deepEqual(
    order.filter((tag) => tag >= 100),
    range(100, 108),
  );
  assert.deepEqual(
    order.filter((tag) => tag < 100),
    range(1, 4),
  );
  assert.deepEqual(order.slice(0, 8), [100, 101, 102, 1, 103, 104, 105, 2]);
});
