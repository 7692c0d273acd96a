import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Consumer, Reservation } from '../../src/core/component.ts';
import { edge, EdgeCounts } from '../../src/core/edge.ts';
import { RemoraError } from '../../src/core/errors.ts';
import { Account, Ledger } from '../../src/core/ledger.ts';
import { transformer } from '../../src/core/transform.ts';
import { ACCEPTED, acceptedPartly, rejected, retry, type Verdict } from '../../src/core/verdict.ts';
import { opaqueBatch } from '../support/batches.ts';
import { CollectingConsumer } from '../support/context.ts';
import { TestLogger } from '../support/sender.ts';

const BUSY = retry(new Error('Busy.'));
const REFUSED = rejected(new RemoraError('upstream_rejected', 'No.'));
const { signal } = new AbortController();

function setUp(to: Consumer) {
  const counts = new EdgeCounts();
  const log = new TestLogger();
  const [from, into, source] = [
    new Account('processor', 'a', 'logs'),
    new Account('exporter', 'b', 'logs'),
    new Account('receiver', 'c', 'logs'),
  ];
  return { counts, log, from, into, source, over: edge(to, counts, log, { from, to: into, source }) };
}

/** A reservation, from a consumer that must be able to reserve. */
function reserveIn(consumer: Consumer, items: number): Reservation {
  assert.ok(consumer.tryReserve !== undefined);
  return consumer.tryReserve(opaqueBatch(items));
}

function answering(...verdicts: (Verdict | Error)[]): CollectingConsumer {
  const consumer = new CollectingConsumer();
  consumer.answer = () => {
    const next = verdicts.shift() ?? ACCEPTED;
    if (next instanceof Error) throw next;
    return next;
  };
  return consumer;
}

/** Gives the reservations in order; commits answer with `verdict`. */
function reserving(...reservations: (Reservation | Error)[]): Consumer {
  return {
    consume: () => Promise.resolve(ACCEPTED),
    tryReserve: () => {
      const next = reservations.shift();
      if (next instanceof Error) throw next;
      return next ?? { status: 'reserved', commit: () => Promise.resolve(ACCEPTED), cancel: () => undefined };
    },
  };
}

describe('edge', () => {
  it('counts items, bytes and requests by outcome, and books only what moved', async () => {
    const { over, counts, from, into, source } = setUp(answering(ACCEPTED, acceptedPartly(1, 'One.'), BUSY, REFUSED));
    for (const items of [2, 3, 4, 5]) await over.consume(opaqueBatch(items), signal);
    assert.deepEqual(Object.fromEntries(Object.entries(counts)), {
      acceptedItems: 5,
      acceptedBytes: 50,
      acceptedRequests: 2,
      refusedItems: 4,
      refusedRequests: 1,
      rejectedItems: 5,
      rejectedRequests: 1,
      failedItems: 0,
    });
    assert.deepEqual([from.passed, into.received], [5, 5]);
    assert.deepEqual([source.received, source.passed, [...source.rejected]], [10, 5, [['upstream_rejected', 5]]]);
    assert.equal(source.imbalance, 0);
  });

  it('turns a throw into rejected, logged and counted as failed', async () => {
    const { over, counts, log, source } = setUp(answering(new Error('A bug.')));
    const verdict = await over.consume(opaqueBatch(3), signal);
    assert.ok(verdict.status === 'rejected' && verdict.reason instanceof RemoraError);
    assert.equal(verdict.reason.code, 'component_failed');
    assert.deepEqual([counts.failedItems, log.lines.length], [3, 1]);
    assert.deepEqual([...source.rejected], [['component_failed', 3]]);
  });

  it('can reserve only where what it leads to can', () => {
    assert.equal('tryReserve' in setUp(answering()).over, false);
    assert.equal('tryReserve' in setUp(reserving()).over, true);
  });

  it('counts a reservation when it is committed, and nothing when it is cancelled', async () => {
    const { over, counts, into } = setUp(reserving());
    const cancelled = reserveIn(over, 3);
    if (cancelled.status === 'reserved') cancelled.cancel();
    const kept = reserveIn(over, 4);
    assert.equal(counts.acceptedItems, 0);
    assert.ok(kept.status === 'reserved');
    assert.equal(await kept.commit(signal), ACCEPTED);
    assert.deepEqual([counts.acceptedItems, into.received], [4, 4]);
  });

  it('counts a reservation that was refused, unless the caller may wait for room', () => {
    const waits: Reservation = { status: 'retry', verdict: BUSY, room: () => Promise.resolve() };
    const { over, counts } = setUp(
      reserving(waits, { status: 'retry', verdict: BUSY }, { status: 'rejected', verdict: REFUSED }),
    );
    for (let i = 0; i < 3; i++) reserveIn(over, 2);
    assert.deepEqual([counts.refusedRequests, counts.rejectedRequests], [1, 1]);
  });

  it('turns a throw while reserving or committing into rejected', async () => {
    const bad: Reservation = {
      status: 'reserved',
      commit: () => Promise.reject(new Error('A bug.')),
      cancel: () => undefined,
    };
    const { over, counts } = setUp(reserving(new Error('A bug.'), bad));
    assert.equal(reserveIn(over, 2).status, 'rejected');
    const reservation = reserveIn(over, 3);
    assert.ok(reservation.status === 'reserved');
    assert.equal((await reservation.commit(signal)).status, 'rejected');
    assert.equal(counts.failedItems, 5);
  });
});

describe('transformer', () => {
  const half = (batch: { items: number }) => ({
    batch: batch.items < 2 ? undefined : opaqueBatch(batch.items / 2),
    dropped: { filtered: batch.items < 2 ? batch.items : batch.items / 2 },
  });

  it('books drops only once the rest was accepted', async () => {
    const account = new Account('processor', 'filter', 'logs');
    const processor = transformer({ next: answering(BUSY, REFUSED, ACCEPTED), account }, half);
    for (let i = 0; i < 2; i++) await processor.consume(opaqueBatch(8), signal);
    assert.equal(account.dropped.size, 0);
    assert.equal(await processor.consume(opaqueBatch(8), signal), ACCEPTED);
    assert.deepEqual([...account.dropped], [['filtered', 4]]);
  });

  it('accepts what it drops as a whole without asking further on', async () => {
    const account = new Account('processor', 'filter', 'logs');
    const next = answering(BUSY);
    assert.equal(await transformer({ next, account }, half).consume(opaqueBatch(1), signal), ACCEPTED);
    assert.deepEqual([...account.dropped], [['filtered', 1]]);
    assert.equal(next.batches.length, 0);
  });

  it('reserves further on, and books at the commit', async () => {
    const account = new Account('processor', 'filter', 'logs');
    assert.equal('tryReserve' in transformer({ next: answering(), account }, half), false);
    const processor = transformer({ next: reserving({ status: 'retry', verdict: BUSY }), account }, half);
    assert.equal(reserveIn(processor, 8).status, 'retry');
    for (const items of [8, 1]) {
      const reservation = reserveIn(processor, items);
      assert.ok(reservation.status === 'reserved');
      await reservation.commit(signal);
    }
    assert.deepEqual([...account.dropped], [['filtered', 5]]);
  });
});

describe('ledger', () => {
  it('keeps one account for a stage, node and signal, and closes when every account does', () => {
    const ledger = new Ledger();
    const account = ledger.account('exporter', 'otlp', 'logs');
    assert.equal(ledger.account('exporter', 'otlp', 'logs'), account);
    assert.notEqual(ledger.account('exporter', 'otlp', 'traces'), account);
    assert.notEqual(ledger.account('processor', 'otlp', 'logs'), account);
    assert.equal(ledger.closed, true);
    account.received = 20;
    account.made = 2;
    account.passed = 7;
    account.drop('shutdown', 3);
    account.drop('shutdown', 1);
    account.drop('nothing', 0);
    account.reject('partial_success', 4);
    assert.deepEqual([account.imbalance, ledger.closed], [7, false]);
    account.held = () => 7;
    assert.equal(ledger.closed, true);
    assert.deepEqual(ledger.rows()[0], {
      stage: 'exporter',
      node: 'otlp',
      signal: 'logs',
      received: 20,
      made: 2,
      passed: 7,
      dropped: { shutdown: 4 },
      rejected: { partial_success: 4 },
      held: 7,
      imbalance: 0,
    });
  });
});

it('a callee that throws when asked for room is counted once, as failed', () => {
  const { counts, log, source, over } = setUp({
    consume: () => Promise.resolve(ACCEPTED),
    tryReserve: () => {
      throw new Error('Boom.');
    },
  });
  assert.equal(reserveIn(over, 5).status, 'rejected');
  assert.equal(counts.failedItems, 5);
  assert.equal(counts.rejectedItems, 0);
  assert.equal(source.received, 5);
  assert.equal(source.imbalance, 0);
  assert.equal(log.lines.length, 1);
});
