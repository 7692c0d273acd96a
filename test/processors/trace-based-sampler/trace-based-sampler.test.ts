import assert from 'node:assert/strict';
import { test } from 'node:test';
import { makeBatch, type Batch } from '../../../src/core/batch.ts';
import type { Processor } from '../../../src/core/component.ts';
import { offerBytes } from '../../../src/core/reuse.ts';
import { ACCEPTED, rejected, retry, type Verdict } from '../../../src/core/verdict.ts';
import { VirtualClock } from '../../../src/core/virtual-clock.ts';
import { traceBasedSampler } from '../../../src/processors/trace-based-sampler/index.ts';
import { CollectingConsumer, processorContext } from '../../support/context.ts';
import { encodeRequest } from '../../support/otlp-proto.ts';
import { logBatch, namesIn, placesIn, ScriptedDecisions, traceIdOf, type TraceLog } from '../../support/trace-logs.ts';

const never = new AbortController().signal;
const LABELS = { processor: 'follow', pipeline: 'logs' };
const MIB = 1024 * 1024;

async function start(settings: object = {}, samplers = [new ScriptedDecisions(10_000)]) {
  const clock = new VirtualClock();
  const next = new CollectingConsumer();
  const context = processorContext('logs', next, { clock, id: 'follow' });
  for (const sampler of samplers) context.decisions.offer('tail_sampling', sampler);
  const parsed = traceBasedSampler.parse({ follow: 'tail_sampling', ...settings });
  assert.ok(parsed.ok, JSON.stringify(parsed));
  const processor: Processor = await parsed.prepared.create({ ...context, next: counting(next, context.account) });
  await processor.start?.();
  const [sampler] = samplers;
  assert.ok(sampler);
  const { account, meter } = context;
  const give = async (logs: readonly TraceLog[], abort = never) => {
    const batch = logBatch(logs);
    const verdict = await processor.consume(batch, abort);
    if (verdict.status === 'accepted') account.received += batch.items;
    return verdict;
  };
  const settle = () => clock.advance(0);
  const orphans = (outcome: string) => meter.value('remora_coherence_orphan_items', { ...LABELS, outcome });
  const items = (outcome: string, reason: string) =>
    meter.value('remora_coherence_items', { ...LABELS, outcome, reason });
  return { clock, next, context, account, meter, processor, sampler, give, settle, orphans, items };
}

/** The edge to the next consumer, as far as the account goes. */
function counting(next: CollectingConsumer, account: { passed: number }) {
  return {
    async consume(batch: Batch, abort: AbortSignal) {
      const verdict = await next.consume(batch, abort);
      if (verdict.status === 'accepted') account.passed += batch.items;
      return verdict;
    },
  };
}

const log = (name: string, trace: number, more: Partial<TraceLog> = {}): TraceLog => ({ name, trace, ...more });

test('logs of a decided trace go on or are dropped at once, the others of the batch stay in order', async () => {
  const { give, next, sampler, account, items } = await start();
  sampler.set(1, 'kept');
  sampler.set(2, 'dropped');
  await give([log('a', 1), log('b', 2), log('c', 0), log('d', 1, { scope: 'db' }), log('e', 2, { service: 'pay' })]);
  assert.deepEqual(placesIn(next.batches), ['shop/app/a', 'shop/app/c', 'shop/db/d']);
  assert.deepEqual([...account.dropped], [['sampling', 2]]);
  assert.deepEqual([items('kept', 'trace'), items('dropped', 'trace'), items('kept', 'without_trace')], [2, 2, 1]);
  assert.equal(account.imbalance, 0);
});

test('a batch of which everything goes on is passed as it is', async () => {
  const { processor, next, sampler } = await start();
  sampler.set(1, 'kept');
  const batch = logBatch([log('a', 1), log('b', 0)]);
  await processor.consume(batch, never);
  assert.equal(next.batches[0], batch);
});

test('logs wait for their trace and follow it with all that was around them', async () => {
  const { give, settle, next, sampler, account, meter } = await start();
  sampler.set(2, 'pending');
  await give([log('a', 1), log('b', 2, { scope: 'db' }), log('c', 3), log('d', 0)]);
  await give([log('e', 1, { scope: 'db' }), log('f', 2), log('g', 1, { service: 'pay' })]);
  assert.deepEqual(namesIn(next.batches), ['d']);
  assert.equal(account.held(), 6);
  assert.equal(meter.value('remora_coherence_held_items', LABELS), 6);
  sampler.decide(1, true);
  sampler.decide(2, false);
  await settle();
  assert.deepEqual(placesIn(next.batches.slice(1)), ['shop/app/a', 'shop/db/e', 'pay/app/g']);
  assert.deepEqual([...account.dropped], [['sampling', 2]]);
  assert.deepEqual([account.held(), account.imbalance], [1, 0]);
  assert.equal(meter.value('remora_coherence_waited_items', LABELS), 6);
});

test('what is decided in one turn goes on in one batch, in order of arrival', async () => {
  const { give, settle, next, sampler } = await start();
  await give([log('a', 1), log('b', 2), log('c', 3)]);
  await give([log('d', 2), log('e', 1)]);
  sampler.decide(3, true);
  sampler.decide(2, true);
  sampler.decide(1, true);
  await settle();
  assert.deepEqual(
    next.batches.map((batch) => namesIn([batch]).join('')),
    ['abcde'],
  );
});

test('an undecided log waits a little longer than the sampler takes, each for itself', async () => {
  const { give, clock, next, account, items } = await start();
  await give([log('a', 1)]);
  await clock.advance(9000);
  await give([log('b', 1)]);
  await clock.advance(5999);
  assert.equal(next.items, 0);
  await clock.advance(1);
  assert.deepEqual(namesIn(next.batches), ['a']);
  await clock.advance(9000);
  assert.deepEqual(namesIn(next.batches), ['a', 'b']);
  assert.equal(items('kept', 'wait'), 2);
  assert.deepEqual([account.imbalance, clock.pending], [0, 0]);
});

test('once a span of the trace is there, its logs wait until it is decided', async () => {
  const { give, clock, next, sampler, account } = await start({ wait: '1s' });
  await give([log('a', 1), log('b', 2), log('c', 1)]);
  sampler.set(1, 'pending');
  await clock.advance(900);
  await give([log('d', 1), log('e', 3)]);
  await clock.advance(5000);
  assert.deepEqual(namesIn(next.batches), ['b', 'e']);
  await give([log('f', 1)]);
  sampler.set(1, 'unknown');
  await clock.advance(2000);
  assert.deepEqual(namesIn(next.batches), ['b', 'e', 'a', 'c', 'd', 'f']);
  assert.deepEqual([account.imbalance, clock.pending], [0, 0]);
});

test('the wait is 35 s where the sampler does not say how long it takes, and as configured in any case', async () => {
  for (const [settings, sampler, waitMs] of [
    [{}, new ScriptedDecisions(), 35_000],
    [{}, new ScriptedDecisions(0), 5000],
    [{ wait: '2s' }, new ScriptedDecisions(0), 2000],
  ] as const) {
    const { give, clock, next } = await start(settings, [sampler]);
    await give([log('a', 1)]);
    await clock.advance(waitMs - 1);
    assert.equal(next.items, 0);
    await clock.advance(1);
    assert.equal(next.items, 1);
  }
});

test('undecided: drop lets go of what waited in vain, under a reason of its own', async () => {
  const { give, clock, next, account, items } = await start({ undecided: 'drop', wait: '1s' });
  await give([log('a', 1), log('b', 2)]);
  await clock.advance(1000);
  assert.equal(next.items, 0);
  assert.deepEqual([...account.dropped], [['undecided', 2]]);
  assert.deepEqual([items('dropped', 'wait'), account.imbalance], [2, 0]);
});

test('at the end of the wait the sampler is asked once more', async () => {
  const { give, clock, next, sampler, account } = await start();
  await give([log('a', 1), log('b', 2), log('c', 2)]);
  sampler.set(1, 'kept');
  sampler.set(2, 'dropped');
  await clock.advance(15_000);
  assert.deepEqual(namesIn(next.batches), ['a']);
  assert.deepEqual([...account.dropped], [['sampling', 2]]);
});

test('a log without a valid trace id is kept, or dropped where that is asked for', async () => {
  const odd = (traceId: Buffer) => ({ body: { stringValue: traceId.length.toString() }, traceId });
  const logRecords = [odd(Buffer.alloc(16)), odd(Buffer.from('ab')), odd(Buffer.alloc(17, 1)), {}];
  const bytes = encodeRequest('logs', { resourceLogs: [{ scopeLogs: [{ logRecords }] }] });
  for (const withoutTrace of ['keep', 'drop'] as const) {
    const { processor, next, account } = await start({ without_trace: withoutTrace });
    await processor.consume(makeBatch('logs', [bytes], 4), never);
    assert.equal(next.items, withoutTrace === 'keep' ? 4 : 0);
    assert.equal(account.droppedItems, withoutTrace === 'keep' ? 0 : 4);
  }
});

test('a severe log is kept whatever becomes of its trace, and is no orphan', async () => {
  const { give, next, sampler, orphans, items } = await start({ keep_severity: 'error' });
  sampler.set(1, 'dropped');
  await give([log('warn', 1, { severity: 16 }), log('error', 1, { severity: 17 }), log('fatal', 2, { severity: 21 })]);
  assert.deepEqual(namesIn(next.batches), ['error', 'fatal']);
  sampler.decide(2, false);
  assert.deepEqual([items('kept', 'severity'), orphans('kept'), orphans('dropped')], [2, 0, 0]);
});

test('logs that went another way than their trace does afterwards are orphans, and a share', async () => {
  const { give, clock, sampler, orphans, meter } = await start({ wait: '1s' });
  await give([log('a', 1), log('b', 1), log('c', 2), log('d', 3)]);
  await clock.advance(1000);
  sampler.decide(1, false);
  sampler.decide(1, false);
  sampler.decide(2, true);
  assert.deepEqual([orphans('kept'), orphans('dropped')], [2, 0]);
  assert.equal(meter.value('remora_coherence_orphan_ratio', LABELS), 0.5);
  const dropping = await start({ wait: '1s', undecided: 'drop' });
  await dropping.give([log('a', 1), log('b', 2)]);
  await dropping.clock.advance(1000);
  dropping.sampler.decide(1, true);
  dropping.sampler.decide(2, false);
  assert.deepEqual([dropping.orphans('kept'), dropping.orphans('dropped')], [0, 1]);
});

test('logs dropped with a part of their trace are orphans once another part of it is kept', async () => {
  const { give, sampler, orphans } = await start();
  sampler.decide(1, false);
  await give([log('a', 1)]);
  sampler.decide(1, true);
  await give([log('b', 1)]);
  assert.deepEqual([orphans('kept'), orphans('dropped')], [0, 1]);
});

test('decisions of a sampler that remembers none are followed by what waits', async () => {
  const { give, settle, next, sampler, account } = await start();
  sampler.forgetAtOnce();
  await give([log('a', 1), log('b', 2)]);
  sampler.decide(1, true);
  sampler.decide(2, false);
  await settle();
  assert.deepEqual(namesIn(next.batches), ['a']);
  assert.deepEqual([account.droppedItems, account.held()], [1, 0]);
});

test('where a sampler is in two pipelines, kept in one is kept, and pending in one is pending', async () => {
  const [one, other] = [new ScriptedDecisions(1000), new ScriptedDecisions(2000)];
  const { give, settle, next, account } = await start({}, [one, other]);
  other.set(2, 'pending');
  await give([log('a', 1), log('b', 2), log('c', 3)]);
  one.decide(1, false);
  one.decide(2, false);
  one.decide(3, true);
  await settle();
  assert.deepEqual([namesIn(next.batches), account.droppedItems], [['c'], 1]);
  other.decide(2, true);
  await settle();
  assert.deepEqual(namesIn(next.batches), ['c', 'b']);
});

test('a decision that comes while the rest of the batch is passed on is not missed', async () => {
  const { give, settle, next, sampler, account } = await start();
  next.answer = () => {
    sampler.decide(1, true);
    sampler.decide(2, false);
    return { status: 'accepted', rejectedItems: 0 };
  };
  await give([log('a', 1), log('b', 2), log('c', 0)]);
  await settle();
  assert.deepEqual(namesIn(next.batches), ['c', 'a']);
  assert.deepEqual([account.droppedItems, account.held(), account.imbalance], [1, 0, 0]);
});

test('a batch whose passing part is not taken is the caller’s: nothing of it is held or counted', async () => {
  const { give, settle, next, sampler, account, items } = await start();
  sampler.set(2, 'dropped');
  for (const refusal of [retry(new Error('full'), 7), rejected(new Error('bad'))]) {
    next.answer = () => refusal;
    assert.equal(await give([log('a', 0), log('b', 1), log('c', 2)]), refusal);
    assert.deepEqual([account.held(), account.droppedItems, items('kept', 'without_trace')], [0, 0, undefined]);
  }
  next.answer = () => ({ status: 'accepted', rejectedItems: 0 });
  await give([log('a', 0), log('b', 1), log('c', 2)]);
  sampler.decide(1, true);
  await settle();
  assert.deepEqual(namesIn(next.batches), ['a', 'b']);
  assert.equal(account.imbalance, 0);
});

test('decided logs are offered until they are taken, and refused ones are booked', async () => {
  const { give, settle, clock, next, sampler, account } = await start();
  await give([log('a', 1), log('b', 2)]);
  next.answer = () => retry(new Error('full'), 3000);
  sampler.decide(1, true);
  await settle();
  assert.deepEqual([account.held(), next.items], [2, 0]);
  next.answer = () => ({ status: 'accepted', rejectedItems: 0 });
  await clock.advance(4500);
  assert.deepEqual(namesIn(next.batches), ['a']);
  next.answer = () => rejected(new Error('bad'));
  sampler.decide(2, true);
  await settle();
  assert.deepEqual([...account.rejected], [['rejected', 1]]);
  assert.deepEqual([account.held(), account.imbalance], [0, 0]);
});

const LARGE = 'x'.repeat(20_000);

test('when it is full the oldest logs go undecided, and the bound holds', async () => {
  const { give, settle, next, account, meter, items } = await start({ max_bytes: '1MiB' });
  for (let i = 1; i <= 100; i++) {
    await give([log(`${i} ${LARGE}`, i)]);
    assert.ok((meter.value('remora_coherence_held_bytes', LABELS) ?? 0) <= MIB);
  }
  await settle();
  const gone = namesIn(next.batches).map((name) => Number.parseInt(name));
  assert.deepEqual(
    gone,
    gone.map((_, index) => index + 1),
  );
  assert.ok(gone.length >= 50 && gone.length < 70, `${gone.length}`);
  assert.deepEqual([items('kept', 'full'), account.held(), account.imbalance], [gone.length, 100 - gone.length, 0]);
});

test('what surrounds the logs counts against the bound, too', async () => {
  const { give, account, meter } = await start({ max_bytes: '1MiB' });
  const heldBytes = (): number => meter.value('remora_coherence_held_bytes', LABELS) ?? 0;
  for (const count of [20, 40, 70]) {
    const logs = Array.from({ length: count }, (_, i) => log('a', i + 1, { service: `${i} ${LARGE}` }));
    assert.equal((await give(logs)).status, 'accepted');
    assert.ok(heldBytes() <= MIB, `${heldBytes()} bytes`);
  }
  assert.equal(account.imbalance, 0);
});

test('memory that some logs hold piece by piece counts against the bound, and what is full gives way', async () => {
  const { give, sampler, settle, account, meter } = await start({ max_bytes: '2MiB' });
  const heldBytes = (): number => meter.value('remora_coherence_held_bytes', LABELS) ?? 0;
  const padding = 'x'.repeat(1000);
  await give(Array.from({ length: 1100 }, (_, i) => log(`${i} ${padding}`, i + 1)));
  for (let trace = 1; trace <= 1100; trace++) if (trace % 4 !== 0) sampler.decide(trace, false);
  assert.equal(account.held(), 275);
  for (let round = 0; round < 8; round++) {
    const logs = Array.from({ length: 10 }, (_, i) =>
      log('a', 2000 + round * 10 + i, { service: `${round} ${i} ${LARGE}` }),
    );
    assert.equal((await give(logs)).status, 'accepted');
    assert.ok(heldBytes() <= 2 * MIB, `${heldBytes()} bytes`);
    await settle();
  }
  assert.equal(account.imbalance, 0);
});

test('while the next consumer pushes back nothing is lost: when it is full, so is the answer', async () => {
  const { give, clock, next, account, meter } = await start({ max_bytes: '1MiB', undecided: 'keep' });
  next.answer = () => retry(new Error('full'), 60_000);
  let taken = 0;
  for (let i = 1; i <= 100; i++) if ((await give([log(`${i} ${LARGE}`, i)])).status === 'accepted') taken += 1;
  assert.ok(taken > 30 && taken < 60, `${taken}`);
  assert.deepEqual([account.held(), account.droppedItems, account.imbalance], [taken, 0, 0]);
  assert.ok((meter.value('remora_coherence_held_bytes', LABELS) ?? 0) <= MIB);
  next.answer = () => ({ status: 'accepted', rejectedItems: 0 });
  await clock.advance(120_000);
  assert.equal(next.items, taken);
  assert.equal((await give([log(LARGE, 1)])).status, 'accepted');
});

test('who waits for room goes away when told to', async () => {
  const { give, next, account } = await start({ max_bytes: '1MiB' });
  const gate = Promise.withResolvers<boolean>();
  next.answer = async () => {
    await gate.promise;
    return { status: 'accepted', rejectedItems: 0 };
  };
  for (let i = 1; i <= 30; i++) await give([log(`${i} ${LARGE}`, i)]);
  const abort = new AbortController();
  const waiting = Array.from({ length: 20 }, (_, i) => give([log(`${31 + i} ${LARGE}`, 31 + i)], abort.signal));
  abort.abort(new Error('gone'));
  const verdicts = await Promise.all(waiting);
  assert.ok(verdicts.some(({ status }) => status === 'retry'));
  gate.resolve(true);
  assert.equal(account.imbalance, 0);
});

test('a batch that is larger than the bound is not held: its logs go undecided', async () => {
  const { give, next, account, items } = await start({ max_bytes: '1MiB' });
  const logs = Array.from({ length: 80 }, (_, i) => log(`${i} ${LARGE}`, i + 1));
  assert.equal((await give(logs)).status, 'accepted');
  assert.deepEqual([next.items, items('kept', 'full'), account.imbalance], [80, 80, 0]);
});

test('stop has the sampler decide what is pending, and sends what is left', async () => {
  class Deciding extends ScriptedDecisions {
    decidePending(): void {
      this.decide(1, true);
      this.decide(2, false);
    }
  }
  const { give, next, processor, account, items, clock } = await start({}, [new Deciding(1000)]);
  await give([log('a', 1), log('b', 2), log('c', 3)]);
  const stopped = processor.stop?.(never);
  await Promise.all([stopped, processor.stop?.(never)]);
  assert.deepEqual(namesIn(next.batches), ['a', 'c']);
  assert.deepEqual([account.droppedItems, items('kept', 'shutdown'), account.imbalance, clock.pending], [1, 1, 0, 0]);
  assert.equal((await give([log('d', 1)])).status, 'retry');
});

test('what cannot be sent until the deadline of stop is dropped and counted', async () => {
  const { give, next, processor, account, clock } = await start();
  next.answer = () => retry(new Error('full'));
  await give([log('a', 1), log('b', 2)]);
  const deadline = new AbortController();
  const stopped = processor.stop?.(deadline.signal);
  await clock.advance(2000);
  deadline.abort();
  await stopped;
  assert.deepEqual([...account.dropped], [['shutdown', 2]]);
  assert.deepEqual([account.held(), account.imbalance], [0, 0]);
});

test('stop waits for a batch of which a part is passed on, and sends what it brings to be held', async () => {
  const { give, settle, next, processor, account } = await start();
  const taken = Promise.withResolvers<Verdict>();
  next.answer = () => taken.promise;
  const given = give([log('a', 0), log('b', 1)]);
  const stopped = processor.stop?.(never);
  await settle();
  taken.resolve(ACCEPTED);
  await Promise.all([given, stopped]);
  assert.deepEqual(namesIn(next.batches), ['a', 'b']);
  assert.deepEqual([account.droppedItems, account.held(), account.imbalance], [0, 0, 0]);
});

test('what comes to be held after the deadline of stop is dropped and booked once, and nothing is offered any more', async () => {
  const { give, settle, next, processor, account, clock } = await start();
  const taken = Promise.withResolvers<Verdict>();
  const answers = [taken.promise];
  next.answer = () => answers.pop() ?? retry(new Error('full'));
  const given = give([log('a', 0), log('b', 1)]);
  const deadline = new AbortController();
  const stopped = processor.stop?.(deadline.signal);
  await settle();
  deadline.abort();
  await stopped;
  taken.resolve(ACCEPTED);
  await given;
  await settle();
  assert.deepEqual(namesIn(next.batches), ['a']);
  assert.deepEqual([...account.dropped], [['shutdown', 1]]);
  assert.deepEqual([account.held(), account.imbalance, clock.pending], [0, 0, 0]);
});

test('the bytes of a batch that is held as a whole are given back', async () => {
  const { processor, sampler, settle, next } = await start();
  const batch = logBatch([log('a', 1)]);
  offerBytes(batch, () => batch.chunks[0]?.fill(0xff));
  await processor.consume(batch, never);
  assert.equal(batch.chunks[0]?.[0], 0xff);
  sampler.decide(1, true);
  await settle();
  assert.deepEqual(namesIn(next.batches), ['a']);
});

test('malformed logs are refused', async () => {
  const { processor, account } = await start();
  const bytes = encodeRequest('logs', { resourceLogs: [{ scopeLogs: [{ logRecords: [{ traceId: traceIdOf(1) }] }] }] });
  bytes[bytes.length - 18] = 0x4b;
  const verdict = await processor.consume(makeBatch('logs', [bytes], 1), never);
  assert.equal(verdict.status, 'rejected');
  assert.equal(account.held(), 0);
});

test('mistakes in the settings are told', () => {
  const messages = (settings: object): string[] => {
    const parsed = traceBasedSampler.parse({ follow: 'tail_sampling', ...settings });
    return parsed.ok ? [] : parsed.issues.map(({ message }) => message);
  };
  assert.deepEqual(messages({ wait: '0s' }), ['must be more than 0']);
  assert.deepEqual(messages({ max_bytes: 1000 }), ['must be at least 1MiB']);
  assert.deepEqual(messages({ keep_severity: 'severe' }), [
    '"severe" is not a severity; write one of TRACE, DEBUG, INFO, WARN, ERROR, FATAL, or a step between, such as WARN2',
  ]);
  assert.deepEqual(messages({ keep_severity: 'Fatal4' }), []);
  assert.equal(messages({ follow: '' }).length, 1);
});
