import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Consumer, Reservation } from '../../src/core/component.ts';
import { edge, EdgeCounts } from '../../src/core/edge.ts';
import { Account } from '../../src/core/ledger.ts';
import { silentLogger } from '../../src/core/logger.ts';
import { transformer } from '../../src/core/transform.ts';
import { ACCEPTED, retry, type Verdict } from '../../src/core/verdict.ts';
import { bypassable } from '../../src/service/bypassable.ts';
import { numberedLogs } from '../support/batches.ts';

const NEVER = new AbortController().signal;

/** Takes batches with and without a reservation, and gives what the test wants it to answer. */
class Sink implements Consumer {
  items = 0;
  answer: Verdict = ACCEPTED;

  consume({ items }: { items: number }): Promise<Verdict> {
    if (this.answer.status === 'accepted') this.items += items;
    return Promise.resolve(this.answer);
  }

  tryReserve(batch: { items: number }): Reservation {
    if (this.answer.status === 'retry') return { status: 'retry', verdict: this.answer };
    return { status: 'reserved', commit: () => this.consume(batch), cancel: () => undefined };
  }
}

/** A processor that drops everything, behind the switch and between its two edges as the graph puts it. */
function bench() {
  const sink = new Sink();
  const account = new Account('processor', 'drop', 'logs');
  const onward = edge(sink, new EdgeCounts(), silentLogger, { from: account });
  const dropper = transformer({ next: onward, account }, ({ items }) => ({
    batch: undefined,
    dropped: { thin: items },
  }));
  const bypass = { active: false };
  const around = { value: 0 };
  const incoming = new EdgeCounts();
  const entry = edge(bypassable(dropper, onward, { bypass, around }), incoming, silentLogger, { to: account });
  return { sink, account, bypass, around, incoming, entry };
}

test('what goes around a processor is received and passed in its account, and counted', async () => {
  const { sink, account, bypass, around, incoming, entry } = bench();
  await entry.consume(numberedLogs(0, 3), NEVER);
  bypass.active = true;
  await entry.consume(numberedLogs(3, 5), NEVER);
  bypass.active = false;
  await entry.consume(numberedLogs(8, 2), NEVER);
  assert.equal(sink.items, 5);
  assert.equal(around.value, 5);
  assert.equal(incoming.acceptedItems, 10);
  assert.deepEqual([account.received, account.passed, account.dropped.get('thin')], [10, 5, 5]);
  assert.equal(account.imbalance, 0);
});

test('a reservation is kept to the side of the switch on which it was made', async () => {
  const { sink, account, bypass, around, entry } = bench();
  assert.ok(entry.tryReserve !== undefined);
  bypass.active = true;
  const reserved = entry.tryReserve(numberedLogs(0, 4));
  bypass.active = false;
  assert.ok(reserved.status === 'reserved');
  await reserved.commit(NEVER);
  assert.deepEqual([sink.items, around.value, account.received, account.passed], [4, 4, 4, 4]);
  assert.equal(account.imbalance, 0);
});

test('what is refused on the way around stays with whoever offered it, and is not counted', async () => {
  const { sink, account, bypass, around, entry } = bench();
  bypass.active = true;
  sink.answer = retry(new Error('Full.'));
  assert.equal((await entry.consume(numberedLogs(0, 4), NEVER)).status, 'retry');
  assert.equal(entry.tryReserve?.(numberedLogs(0, 4)).status, 'retry');
  assert.deepEqual([around.value, account.received, account.passed], [0, 0, 0]);
});
