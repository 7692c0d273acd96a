import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { edge, EdgeCounts } from '../../../src/core/edge.ts';
import { fanout } from '../../../src/core/fanout.ts';
import { Account } from '../../../src/core/ledger.ts';
import { silentLogger } from '../../../src/core/logger.ts';
import { transformer } from '../../../src/core/transform.ts';
import { ACCEPTED, type Verdict } from '../../../src/core/verdict.ts';
import { VirtualClock } from '../../../src/core/virtual-clock.ts';
import { numberedLogs, numbersIn, opaqueBatch, range } from '../../support/batches.ts';
import { TestDisk } from '../../support/durable-queue.ts';
import { senderRig } from '../../support/sender.ts';

type Raw = Parameters<typeof senderRig>[0];

/** Senders of their own settings on one clock, behind one fan-out. */
function setUp(...settings: Raw[]) {
  const clock = new VirtualClock();
  const rigs = settings.map((raw) => senderRig(raw, { clock }));
  const caller = new AbortController();
  const lost: string[] = [];
  const all = fanout(
    rigs.map(({ consumer }) => consumer),
    { clock, stopping: new AbortController().signal, onLost: (branch, _, reason) => lost.push(`${branch} ${reason}`) },
  );
  let next = 1;
  const offer = async (count: number): Promise<Verdict> => {
    const verdict = await all.consume(numberedLogs(next, count), caller.signal);
    if (verdict.status === 'accepted') next += count;
    return verdict;
  };
  const start = () => Promise.all(rigs.map(({ sender }) => sender.start()));
  return { clock, rigs, caller, lost, all, offer, start };
}

describe('fan-out over senders', () => {
  it('gives every exporter each record once, however often a full queue makes the caller try again', async () => {
    const { rigs, clock, offer, start } = setUp({}, { sending_queue: { queue_size: 2 } }, {});
    for (const { exporter } of rigs) exporter.hold();
    await start();
    let refusals = 0;
    for (let taken = 0; taken < 12;) {
      const verdict = await offer(3);
      if (verdict.status === 'accepted') taken += 1;
      else {
        refusals += 1;
        assert.ok(verdict.status === 'retry');
        rigs[1]?.exporter.answer();
        await clock.advance(0);
      }
    }
    for (const { exporter } of rigs) exporter.release();
    await clock.advance(0);
    assert.equal(refusals, 10);
    for (const { exporter, account } of rigs) {
      // Ten are under way at once: their order is nobody's promise.
      assert.deepEqual(
        numbersIn(exporter.delivered).toSorted((a, b) => a - b),
        range(1, 36),
      );
      assert.deepEqual([account.received, account.imbalance], [36, 0]);
    }
  });

  it('does not let an optional exporter stall the others', async () => {
    const { rigs, offer } = setUp({}, { sending_queue: { queue_size: 1, optional: true } });
    for (let i = 0; i < 5; i++) assert.deepEqual(await offer(2), ACCEPTED);
    assert.deepEqual(
      rigs.map(({ account }) => [account.received, account.dropped.get('queue_full') ?? 0, account.imbalance]),
      [
        [10, 0, 0],
        [10, 8, 0],
      ],
    );
  });

  it('waits for a queue that blocks without taking room from its siblings', async () => {
    const { rigs, clock, offer, start } = setUp({}, { sending_queue: { queue_size: 1, block_on_overflow: true } });
    await offer(1);
    const blocked = offer(1);
    await clock.advance(1000);
    assert.equal(rigs[0]?.sender.queue?.requests, 1);
    await start();
    await clock.advance(0);
    assert.deepEqual(await blocked, ACCEPTED);
    assert.deepEqual(
      rigs.map(({ account }) => account.passed),
      [2, 2],
    );
  });

  it('does not chase its own tail when two fan-outs wait for room in each other', async () => {
    const blocking = { queue_size: 100, block_on_overflow: true } as const;
    const { rigs, clock, caller, start } = setUp(
      { sending_queue: { ...blocking, sizer: 'items' } },
      { sending_queue: { ...blocking, sizer: 'bytes' } },
    );
    const [byItems, byBytes] = rigs.map(({ consumer }) => consumer);
    assert.ok(byItems !== undefined && byBytes !== undefined);
    await byItems.consume(opaqueBatch(90, 1), caller.signal);
    await byBytes.consume(opaqueBatch(90, 1), caller.signal);
    const options = { clock, stopping: caller.signal, onLost: () => assert.fail('Nothing is lost.') };
    // Each takes room in its first queue, is refused by its second, and lets go of the first, for which the other waits.
    const few = fanout([byItems, byBytes], options).consume(opaqueBatch(1, 50), caller.signal);
    const many = fanout([byBytes, byItems], options).consume(opaqueBatch(50, 0.1), caller.signal);
    await clock.advance(1000);
    await start();
    await clock.advance(0);
    assert.deepEqual(await Promise.all([few, many]), [ACCEPTED, ACCEPTED]);
    assert.deepEqual(
      rigs.map(({ account }) => account.passed),
      [141, 141],
    );
  });

  it('is all or nothing through stateless processors too', async () => {
    const { rigs, clock, caller } = setUp({}, { sending_queue: { queue_size: 1 } });
    const accounts = [new Account('processor', 'a', 'logs'), new Account('processor', 'b', 'logs')];
    const pipelines = rigs.map(({ consumer }, at) => {
      const account = accounts[at];
      assert.ok(account !== undefined);
      const onward = edge(consumer, new EdgeCounts(), silentLogger, { from: account });
      const dropOne = transformer({ next: onward, account }, (batch) => ({
        batch: numberedLogs(1, batch.items - 1),
        dropped: { filtered: 1 },
      }));
      return edge(dropOne, new EdgeCounts(), silentLogger, { to: account });
    });
    const options = { clock, stopping: caller.signal, onLost: () => assert.fail('Nothing is lost.') };
    const all = fanout(pipelines, options);
    assert.deepEqual(await all.consume(numberedLogs(1, 5), caller.signal), ACCEPTED);
    assert.equal((await all.consume(numberedLogs(6, 5), caller.signal)).status, 'retry');
    assert.deepEqual(
      accounts.map(({ received, dropped, imbalance }) => [received, dropped.get('filtered'), imbalance]),
      [
        [5, 1, 0],
        [5, 1, 0],
      ],
    );
    assert.deepEqual(
      rigs.map(({ account }) => account.received),
      [4, 4],
    );
  });

  it('keeps offering to the exporter that could not deliver while callers wait for the result', async () => {
    const waiting = { sending_queue: { wait_for_result: true }, retry_on_failure: { enabled: false } };
    const { rigs, clock, offer, start, lost } = setUp(waiting, waiting);
    rigs[1]?.exporter.script(
      { status: 'retry', reason: new Error('Busy.') },
      { status: 'retry', reason: new Error('Busy.') },
    );
    await start();
    const verdict = offer(3);
    await clock.advance(5000);
    assert.deepEqual(await verdict, ACCEPTED);
    assert.deepEqual(
      rigs.map(({ exporter, account }) => [exporter.deliveredItems, account.received, account.imbalance]),
      [
        [3, 3, 0],
        [3, 3, 0],
      ],
    );
    assert.deepEqual(lost, []);
  });
});

describe('fan-out over a disk that fails', () => {
  function onDisk(optional: boolean) {
    const clock = new VirtualClock();
    const disk = new TestDisk();
    const live = senderRig({}, { clock });
    const sending_queue = { storage: 'file_storage', optional };
    const stored = senderRig({ sending_queue }, { clock, durableQueue: disk.queue });
    const options = { clock, stopping: new AbortController().signal, onLost: () => assert.fail('Nothing is lost.') };
    const both = fanout([live.consumer, stored.consumer], options);
    const offer = (first: number): Promise<Verdict> => both.consume(numberedLogs(first, 1), live.caller.signal);
    const start = () => Promise.all([live.sender.start(), stored.sender.start()]);
    return { clock, disk, live, stored, offer, start };
  }

  it('waits with what the others have taken, takes nothing more, and loses nothing when the disk is back', async () => {
    const { clock, disk, live, stored, offer, start } = onDisk(false);
    await start();
    disk.state = 'failing';
    const first = offer(1);
    await clock.advance(0);
    disk.state = 'full';
    assert.deepEqual(numbersIn(live.exporter.delivered), [1]);
    for (let minute = 0; minute < 60; minute++) {
      assert.partialDeepStrictEqual(await offer(2), { status: 'retry', afterMs: 750 });
      await clock.advance(60_000);
    }
    assert.deepEqual([live.exporter.attempts.length, stored.account.received], [1, 0]);
    disk.state = 'well';
    await clock.advance(2000);
    assert.deepEqual(await first, ACCEPTED);
    assert.deepEqual(await offer(2), ACCEPTED);
    await clock.advance(0);
    for (const { exporter, account } of [live, stored]) {
      assert.deepEqual(numbersIn(exporter.delivered), [1, 2]);
      assert.deepEqual([account.received, account.passed, account.imbalance], [2, 2, 0]);
    }
  });

  it('goes on without an optional exporter, and counts what that did not get', async () => {
    const { clock, disk, live, stored, offer, start } = onDisk(true);
    await start();
    for (const [index, state] of (['failing', 'full', 'well'] as const).entries()) {
      disk.state = state;
      assert.deepEqual(await offer(index), ACCEPTED);
      await clock.advance(0);
    }
    assert.deepEqual(numbersIn(live.exporter.delivered), [0, 1, 2]);
    assert.deepEqual(numbersIn(stored.exporter.delivered), [2]);
    assert.deepEqual([...stored.account.dropped], [['storage_failed', 2]]);
    assert.deepEqual([stored.account.received, stored.account.imbalance, live.account.imbalance], [3, 0, 0]);
  });
});
