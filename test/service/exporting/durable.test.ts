import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { RemoraError } from '../../../src/core/errors.ts';
import { ACCEPTED, retry, type Verdict } from '../../../src/core/verdict.ts';
import { numberedLogs, numbersIn, opaqueBatch, range } from '../../support/batches.ts';
import { TestDisk } from '../../support/durable-queue.ts';
import { senderRig } from '../../support/sender.ts';

const BUSY = retry(new RemoraError('upstream_unavailable', 'Busy.'));
const LABELS = { exporter: 'otlp', data_type: 'logs' };
const HOUR_MS = 3_600_000;

type Raw = NonNullable<Parameters<typeof senderRig>[0]>;
type Queue = NonNullable<Raw['sending_queue']>;
type Rig = ReturnType<typeof senderRig>;

/** A sender over a disk, with requests as the unit unless told otherwise. */
function rigOn(disk: TestDisk, queue: Queue = {}, more: Raw = {}): Rig {
  const sending_queue = { storage: 'file_storage', queue_size: 100, num_consumers: 1, ...queue };
  return senderRig({ sending_queue, ...more }, { durableQueue: disk.queue });
}

let next = 1;

/** Offers numbered records until `count` of them were taken, or says what came instead. */
async function offer(rig: Rig, count = 1): Promise<Verdict> {
  const verdict = rig.consumer.consume(numberedLogs(next, count), rig.caller.signal);
  await rig.clock.advance(0);
  const answer = await verdict;
  if (answer.status === 'accepted') next += count;
  return answer;
}

function closes({ account }: Rig): void {
  assert.equal(account.imbalance, 0, 'the account closes');
}

function numbersOn(disk: TestDisk): number[] {
  return numbersIn([...disk.entries]);
}

async function stop(rig: Rig): Promise<void> {
  const stopped = rig.sender.stop(rig.deadline.signal);
  await rig.clock.advance(0);
  rig.deadline.abort();
  await rig.clock.advance(1000);
  await stopped;
}

describe('a sender with a queue on disk', () => {
  it('tells senders to retry until its queue is open, and delivers what an earlier process left', async () => {
    next = 1;
    const disk = new TestDisk();
    disk.entries.add(numberedLogs(1, 3)).add(numberedLogs(4, 2));
    const gate = Promise.withResolvers<undefined>();
    disk.gate = gate.promise;
    const rig = rigOn(disk);
    const started = rig.sender.start();
    assert.equal((await offer(rig)).status, 'retry');
    assert.equal(rig.account.received, 0);
    gate.resolve(undefined);
    await started;
    assert.deepEqual([rig.account.received, rig.account.held()], [5, 5]);
    closes(rig);
    assert.equal(rig.meter.value('remora_exporter_queue_recovered_items', LABELS), 5);
    await rig.clock.advance(0);
    assert.deepEqual(numbersIn(rig.exporter.delivered), range(1, 5));
    assert.equal(disk.entries.size, 0);
    closes(rig);
  });

  it('does not start where its queue cannot be kept', async () => {
    const disk = new TestDisk();
    disk.state = 'unusable';
    const rig = rigOn(disk);
    await assert.rejects(rig.sender.start(), { code: 'storage_failed' });
    await stop(rig);
    assert.equal(rig.exporter.attempts.length, 0);
  });

  it('books what is damaged as received and dropped, found at the start or later', async () => {
    const disk = new TestDisk();
    disk.entries.add(numberedLogs(1, 3));
    disk.damaged = { reason: 'damaged', requests: 1, items: 7, bytes: 70 };
    const rig = rigOn(disk);
    await rig.sender.start();
    assert.deepEqual([rig.account.received, [...rig.account.dropped]], [10, [['damaged', 7]]]);
    closes(rig);
    assert.equal(rig.meter.value('remora_exporter_dropped_items', { ...LABELS, reason: 'damaged' }), 7);
    assert.ok(rig.log.lines.some((line) => line.startsWith('ERROR Data of the queue on disk is damaged')));
  });

  it('keeps on disk what the deadline cut off, in flight or not, and says how much', async () => {
    next = 1;
    const disk = new TestDisk();
    const rig = rigOn(disk);
    rig.exporter.hold();
    await rig.sender.start();
    await offer(rig, 3);
    await offer(rig, 4);
    await stop(rig);
    assert.deepEqual([rig.account.held(), rig.account.dropped.size, rig.account.imbalance], [7, 0, 0]);
    assert.equal(rig.sender.leftover().items, 7);
    assert.deepEqual(numbersOn(disk), range(1, 7));
    assert.ok(rig.log.lines.some((line) => line.startsWith('WARN The stop ended with data in the queue on disk')));
  });

  it('retries through an outage of an hour and loses nothing', async () => {
    next = 1;
    const disk = new TestDisk();
    const rig = rigOn(disk);
    rig.exporter.fallback = BUSY;
    await rig.sender.start();
    for (let minute = 0; minute < 60; minute++) {
      assert.deepEqual(await offer(rig), ACCEPTED);
      await rig.clock.advance(HOUR_MS / 60);
    }
    assert.equal(rig.account.dropped.size, 0);
    assert.equal(rig.account.held(), 60);
    assert.equal(rig.meter.value('remora_exporter_queue_oldest_age_seconds', LABELS), 3600);
    rig.exporter.fallback = ACCEPTED;
    await rig.clock.advance(120_000);
    assert.deepEqual(numbersIn(rig.exporter.delivered), range(1, 60));
    assert.deepEqual([rig.account.passed, disk.entries.size], [60, 0]);
    closes(rig);
  });

  it('gives up when it is told to, also on disk, and counts it', async () => {
    const disk = new TestDisk();
    const rig = rigOn(disk, {}, { retry_on_failure: { max_elapsed_time: '1m' } });
    rig.exporter.fallback = BUSY;
    await rig.sender.start();
    await offer(rig, 5);
    await rig.clock.advance(HOUR_MS);
    assert.deepEqual([...rig.account.dropped], [['retry_exhausted', 5]]);
    assert.equal(disk.entries.size, 0);
    closes(rig);
  });

  it('is full with the time after which the disk is tried again, and takes data once it works', async () => {
    const disk = new TestDisk();
    const rig = rigOn(disk);
    await rig.sender.start();
    disk.state = 'full';
    assert.partialDeepStrictEqual(await offer(rig, 2), { status: 'retry', afterMs: 750 });
    disk.state = 'failing';
    assert.equal((await offer(rig, 2)).status, 'retry');
    closes(rig);
    assert.equal(rig.account.received, 0);
    assert.equal(rig.meter.value('otelcol_exporter_enqueue_failed_log_records', { exporter: 'otlp' }), 4);
    disk.state = 'well';
    assert.deepEqual(await offer(rig, 2), ACCEPTED);
    closes(rig);
  });
});

describe('a full queue on disk', () => {
  /** Fills two places, then offers three more. */
  async function overfilled(queue: Queue): Promise<Rig> {
    next = 1;
    const rig = rigOn(new TestDisk(), { queue_size: 3, ...queue });
    rig.exporter.hold();
    await rig.sender.start();
    for (let i = 0; i < 6; i++) await offer(rig);
    closes(rig);
    rig.exporter.release();
    await rig.clock.advance(0);
    closes(rig);
    return rig;
  }

  it('pushes back', async () => {
    const { exporter, account } = await overfilled({});
    assert.deepEqual(numbersIn(exporter.delivered), [1, 2, 3]);
    assert.deepEqual([account.received, account.dropped.size], [3, 0]);
  });

  it('drops the newest and counts it', async () => {
    const { exporter, account, meter } = await overfilled({ overflow: 'drop_newest' });
    assert.deepEqual(numbersIn(exporter.delivered), [1, 2, 3]);
    assert.deepEqual([account.received, [...account.dropped]], [6, [['queue_full', 3]]]);
    assert.equal(meter.value('remora_exporter_dropped_items', { ...LABELS, reason: 'queue_full' }), 3);
  });

  it('drops the oldest that is not under way and counts it', async () => {
    const { exporter, account, meter } = await overfilled({ overflow: 'drop_oldest' });
    assert.deepEqual(numbersIn(exporter.delivered), [1, 5, 6]);
    assert.deepEqual([account.received, [...account.dropped]], [6, [['evicted', 3]]]);
    assert.equal(meter.value('remora_exporter_dropped_items', { ...LABELS, reason: 'evicted' }), 3);
  });

  it('never makes an optional exporter wait for its disk, and counts what that cost', async () => {
    const disk = new TestDisk();
    const rig = rigOn(disk, { optional: true });
    await rig.sender.start();
    const gate = Promise.withResolvers<undefined>();
    disk.gate = gate.promise;
    assert.deepEqual(await rig.consumer.consume(opaqueBatch(4), rig.caller.signal), ACCEPTED);
    closes(rig);
    disk.state = 'failing';
    gate.resolve(undefined);
    await rig.clock.advance(0);
    assert.deepEqual([...rig.account.dropped], [['storage_failed', 4]]);
    closes(rig);
    disk.state = 'full';
    assert.deepEqual(await rig.consumer.consume(opaqueBatch(2), rig.caller.signal), ACCEPTED);
    assert.deepEqual([...rig.account.dropped], [['storage_failed', 6]]);
    closes(rig);
  });

  it('holds in memory no more than so much of an optional exporter whose disk is slow', async () => {
    const disk = new TestDisk();
    const rig = rigOn(disk, { optional: true });
    await rig.sender.start();
    const gate = Promise.withResolvers<undefined>();
    disk.gate = gate.promise;
    const large = opaqueBatch(1, 15 * 1024 * 1024);
    for (let at = 0; at < 4; at++) {
      assert.deepEqual(await rig.consumer.consume({ ...large }, rig.caller.signal), ACCEPTED);
    }
    assert.deepEqual([rig.account.held(), [...rig.account.dropped]], [2, [['storage_failed', 2]]]);
    closes(rig);
    gate.resolve(undefined);
    await rig.clock.advance(0);
    assert.equal((await rig.consumer.consume({ ...large }, rig.caller.signal)).status, 'accepted');
    await rig.clock.advance(0);
    assert.deepEqual([rig.account.passed, [...rig.account.dropped]], [3, [['storage_failed', 2]]]);
    closes(rig);
  });
});

describe('memory first, the disk when memory is full', () => {
  const MEMORY = { storage_use: 'overflow', memory_bytes: 60 } as const;

  it('writes to the disk only what memory cannot hold, and keeps the order', async () => {
    next = 1;
    const disk = new TestDisk();
    const rig = rigOn(disk, MEMORY);
    rig.exporter.hold();
    await rig.sender.start();
    for (let i = 0; i < 10; i++) await offer(rig);
    const inMemory = 10 - disk.entries.size;
    assert.ok(inMemory >= 2 && inMemory <= 5, `${inMemory} in memory`);
    assert.deepEqual(numbersOn(disk), range(inMemory + 1, 10));
    assert.equal(rig.meter.value('otelcol_exporter_queue_size', LABELS), 10);
    closes(rig);
    rig.exporter.answer();
    await rig.clock.advance(0);
    await offer(rig);
    assert.deepEqual(numbersOn(disk), range(inMemory + 1, 11), 'what comes after goes where the others wait');
    rig.exporter.release();
    await rig.clock.advance(0);
    assert.deepEqual(numbersIn(rig.exporter.delivered), range(1, 11));
    await offer(rig);
    assert.equal(disk.entries.size, 0, 'once the disk is drained memory is first again');
    closes(rig);
  });

  it('moves to the disk at the end what was only in memory', async () => {
    next = 1;
    const disk = new TestDisk();
    const rig = rigOn(disk, { ...MEMORY, memory_bytes: 1000 });
    rig.exporter.hold();
    await rig.sender.start();
    for (let i = 0; i < 8; i++) await offer(rig);
    assert.equal(disk.entries.size, 0);
    await stop(rig);
    assert.deepEqual(
      numbersOn(disk).sort((a, b) => a - b),
      range(1, 8),
    );
    assert.deepEqual([rig.account.held(), rig.account.dropped.size], [8, 0]);
    closes(rig);
  });

  it('drains while it stops, whichever way what was in memory goes', async () => {
    next = 1;
    const disk = new TestDisk();
    const rig = rigOn(disk, { ...MEMORY, memory_bytes: 1000 });
    rig.exporter.hold();
    await rig.sender.start();
    for (let i = 0; i < 8; i++) await offer(rig);
    const stopped = rig.sender.stop(rig.deadline.signal);
    await rig.clock.advance(0);
    rig.exporter.release();
    await rig.clock.advance(0);
    await stopped;
    assert.deepEqual(numbersIn(rig.exporter.delivered), range(1, 8));
    assert.deepEqual([disk.entries.size, rig.account.held()], [0, 0]);
    assert.equal(rig.clock.pending, 0);
  });

  it('counts as lost what the disk does not take at the end', async () => {
    next = 1;
    const disk = new TestDisk();
    const rig = rigOn(disk, { ...MEMORY, memory_bytes: 1000 });
    rig.exporter.hold();
    await rig.sender.start();
    for (let i = 0; i < 5; i++) await offer(rig);
    disk.gate = new Promise(() => undefined);
    await stop(rig);
    assert.deepEqual([...rig.account.dropped], [['shutdown', 5]]);
    closes(rig);
  });

  it('is a queue in memory that pushes back while the disk fails', async () => {
    next = 1;
    const disk = new TestDisk();
    const rig = rigOn(disk, MEMORY);
    rig.exporter.hold();
    await rig.sender.start();
    for (const state of ['failing', 'full'] as const) {
      disk.state = state;
      for (let i = 0; i < 5; i++) await offer(rig);
    }
    assert.partialDeepStrictEqual(await offer(rig), { status: 'retry', afterMs: 750 });
    const taken = rig.account.received;
    assert.ok(taken >= 2 && taken <= 5);
    assert.equal(disk.entries.size, 0);
    rig.exporter.release();
    await rig.clock.advance(0);
    assert.deepEqual(numbersIn(rig.exporter.delivered), range(1, taken));
    closes(rig);
  });

  it('loses with a kill what is in memory, and nothing else', async () => {
    next = 1;
    const disk = new TestDisk();
    const rig = rigOn(disk, MEMORY);
    rig.exporter.hold();
    await rig.sender.start();
    for (let i = 0; i < 10; i++) await offer(rig);
    const written = numbersOn(disk);
    const again = rigOn(disk, MEMORY);
    await again.sender.start();
    await again.clock.advance(0);
    assert.deepEqual(numbersIn(again.exporter.delivered), written);
    assert.equal(again.account.received, written.length);
    closes(again);
  });
});
