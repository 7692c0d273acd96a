import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fc } from '../support/property.ts';
import { makeBatch, type Batch } from '../../src/core/batch.ts';
import type { Processor } from '../../src/core/component.ts';
import { edge, EdgeCounts } from '../../src/core/edge.ts';
import { RemoraError } from '../../src/core/errors.ts';
import { silentLogger } from '../../src/core/logger.ts';
import { ACCEPTED, acceptedPartly, rejected, retry, type Verdict } from '../../src/core/verdict.ts';
import { VirtualClock } from '../../src/core/virtual-clock.ts';
import { batchProcessor } from '../../src/processors/batch.ts';
import { CollectingConsumer, processorContext } from '../support/context.ts';
import { encodeRequest, decodeRequest } from '../support/otlp-proto.ts';

const never = new AbortController().signal;
const busy = (afterMs?: number): Verdict => retry(new RemoraError('queue_full', 'Full.'), afterMs);
const poison = (): Verdict => rejected(new RemoraError('upstream_rejected', 'Bad.'));

/** `items` log records named `name-0` and so on. */
function logs(name: string, items: number): Batch {
  const logRecords = Array.from({ length: items }, (_, i) => ({ body: { stringValue: `${name}-${i}` } }));
  const bytes = encodeRequest('logs', { resourceLogs: [{ resource: {}, scopeLogs: [{ scope: {}, logRecords }] }] });
  return makeBatch('logs', [bytes], items);
}

function names(batch: Batch): string[] {
  interface Decoded {
    resourceLogs: { scopeLogs: { logRecords: { body: { stringValue: string } }[] }[] }[];
  }
  const decoded = decodeRequest('logs', Buffer.concat(batch.chunks)) as unknown as Decoded;
  return decoded.resourceLogs.flatMap(({ scopeLogs }) =>
    scopeLogs.flatMap(({ logRecords }) => logRecords.map(({ body }) => body.stringValue)),
  );
}

async function setUp(raw: Record<string, unknown>) {
  const clock = new VirtualClock();
  const sink = new CollectingConsumer();
  const context = processorContext('logs', sink, { clock, id: 'batch' });
  const next = edge(sink, new EdgeCounts(), silentLogger, { from: context.account });
  const parsed = batchProcessor.parse({ flush_jitter: 0, ...raw });
  assert.ok(parsed.ok, JSON.stringify(parsed));
  const processor: Processor = await parsed.prepared.create({ ...context, next });
  const input = edge(processor, new EdgeCounts(), silentLogger, { to: context.account });
  const { account, meter } = context;
  const offer = (batch: Batch, abort = never): Offer => {
    const offered: Offer = { verdict: undefined, done: Promise.resolve() };
    offered.done = input.consume(batch, abort).then((verdict) => void (offered.verdict = verdict));
    return offered;
  };
  return { clock, sink, processor, account, meter, offer };
}

interface Offer {
  verdict: Verdict | undefined;
  done: Promise<void>;
}

const expired = AbortSignal.abort();

test('the defaults are those of the Collector', () => {
  const parsed = batchProcessor.parse(null);
  assert.ok(parsed.ok);
  assert.deepEqual(parsed.prepared.config, {
    send_batch_size: 8192,
    timeout: 200,
    send_batch_max_size: 0,
    metadata_keys: [],
    metadata_cardinality_limit: 1000,
    sizer: 'items',
    flush_jitter: 0.1,
  });
});

test('metadata_keys and a maximum below the size are refused with a reason', () => {
  for (const [raw, reason] of [
    [{ metadata_keys: ['tenant'] }, /client metadata/],
    [{ send_batch_size: 10, send_batch_max_size: 5 }, /at least send_batch_size/],
  ] as const) {
    const parsed = batchProcessor.parse(raw);
    assert.ok(!parsed.ok);
    assert.match(parsed.issues.map(({ message }) => message).join(), reason);
  }
});

test('batches go out as one when their sum reaches send_batch_size, and each sender is answered only then', async () => {
  const { clock, sink, offer, meter, account } = await setUp({ send_batch_size: 5 });
  const a = offer(logs('a', 2));
  const b = offer(logs('b', 2));
  await clock.advance(10);
  assert.equal(a.verdict, undefined);
  const c = offer(logs('c', 1));
  await clock.advance(0);
  assert.deepEqual([a.verdict, b.verdict, c.verdict], [ACCEPTED, ACCEPTED, ACCEPTED]);
  assert.deepEqual(sink.batches.map(names), [['a-0', 'a-1', 'b-0', 'b-1', 'c-0']]);
  assert.equal(meter.value('otelcol_processor_batch_batch_size_trigger_send', { processor: 'batch' }), 1);
  assert.equal(meter.value('otelcol_processor_batch_timeout_trigger_send', { processor: 'batch' }), 0);
  assert.equal(account.imbalance, 0);
  assert.equal(clock.pending, 0);
});

test('what waits goes out timeout after the first of it came', async () => {
  const { clock, sink, offer, meter } = await setUp({ timeout: '200ms' });
  offer(logs('a', 1));
  await clock.advance(150);
  offer(logs('b', 1));
  await clock.advance(49);
  assert.equal(sink.batches.length, 0);
  await clock.advance(1);
  assert.deepEqual(sink.batches.map(names), [['a-0', 'b-0']]);
  assert.equal(meter.value('otelcol_processor_batch_timeout_trigger_send', { processor: 'batch' }), 1);
});

test('flushes fall inside plus or minus flush_jitter of the timeout, and not all at one place', async () => {
  const { clock, sink, offer } = await setUp({ timeout: '1s', flush_jitter: 0.2 });
  const waits: number[] = [];
  for (let i = 0; i < 50; i++) {
    const from = clock.monotonic();
    offer(logs('a', 1));
    await clock.advance(clock.nextMs! - clock.now());
    waits.push(clock.monotonic() - from);
  }
  assert.equal(sink.batches.length, 50);
  // The first one comes anywhere before, so that instances that start together do not flush together.
  assert.ok((waits.shift() ?? 0) < 1200);
  assert.ok(waits.every((ms) => ms >= 800 && ms <= 1200));
  assert.ok(Math.max(...waits) - Math.min(...waits) > 200);
});

test('timeout 0 sends at once', async () => {
  const { clock, sink, offer } = await setUp({ timeout: 0 });
  offer(logs('a', 1));
  await clock.advance(0);
  assert.equal(sink.items, 1);
});

test('sizer bytes counts encoded bytes', async () => {
  const batch = logs('a', 10);
  const { clock, sink, offer } = await setUp({ sizer: 'bytes', send_batch_size: batch.bytes * 2 });
  offer(batch);
  await clock.advance(0);
  assert.equal(sink.items, 0);
  offer(batch);
  await clock.advance(0);
  assert.equal(sink.items, 20);
});

test('retry from below goes to every sender in the request, with the hint, and nothing is kept', async () => {
  const { clock, sink, offer, account } = await setUp({ send_batch_size: 2 });
  sink.answer = () => busy(1500);
  const offers = [offer(logs('a', 1)), offer(logs('b', 1))];
  await clock.advance(0);
  for (const { verdict } of offers) {
    assert.equal(verdict?.status, 'retry');
    assert.equal(verdict.afterMs, 1500);
  }
  assert.deepEqual([account.received, account.held(), account.imbalance], [0, 0, 0]);
});

test('a rejected request is offered sender by sender, so that one bad batch harms only its own', async () => {
  const { clock, sink, offer } = await setUp({ send_batch_size: 3 });
  sink.answer = (batch) => (names(batch).includes('bad-0') ? poison() : ACCEPTED);
  const offers = [offer(logs('a', 1)), offer(logs('bad', 1)), offer(logs('c', 1))];
  await clock.advance(0);
  assert.deepEqual(
    offers.map(({ verdict }) => verdict?.status),
    ['accepted', 'rejected', 'accepted'],
  );
  assert.deepEqual(sink.batches.map(names), [['a-0'], ['c-0']]);
});

test('a partial success is shared out among the senders and sums to what the upstream said', async () => {
  const { clock, sink, offer } = await setUp({ send_batch_size: 10 });
  sink.answer = () => acceptedPartly(4, 'Four were too old.');
  const offers = [offer(logs('a', 7)), offer(logs('b', 3))];
  await clock.advance(0);
  const shares = offers.map(({ verdict }) => (verdict?.status === 'accepted' ? verdict.rejectedItems : -1));
  assert.equal(shares[0]! + shares[1]!, 4);
  assert.ok(shares[1]! <= 3);
  assert.deepEqual(
    offers.map(({ verdict }) => verdict?.status === 'accepted' && verdict.message),
    ['Four were too old.', 'Four were too old.'],
  );
});

test('no request exceeds send_batch_max_size, and a sender that fits is never cut apart', async () => {
  const { clock, sink, offer } = await setUp({ send_batch_size: 5, send_batch_max_size: 5 });
  offer(logs('a', 3));
  offer(logs('b', 3));
  offer(logs('c', 3));
  await clock.advance(200);
  assert.deepEqual(sink.batches.map(names), [
    ['a-0', 'a-1', 'a-2'],
    ['b-0', 'b-1', 'b-2'],
    ['c-0', 'c-1', 'c-2'],
  ]);
});

test('a batch above the maximum goes out in pieces', async () => {
  const { clock, sink, offer, account } = await setUp({ send_batch_size: 4, send_batch_max_size: 4 });
  const a = offer(logs('a', 10));
  await clock.advance(0);
  assert.equal(a.verdict, ACCEPTED);
  assert.deepEqual(
    sink.batches.map(({ items }) => items),
    [4, 4, 2],
  );
  assert.equal(account.imbalance, 0);
});

test('retry on the first piece leaves the whole batch with its sender', async () => {
  const { clock, sink, offer, account } = await setUp({ send_batch_size: 4, send_batch_max_size: 4 });
  sink.answer = () => busy();
  const a = offer(logs('a', 10));
  await clock.advance(0);
  assert.equal(a.verdict?.status, 'retry');
  assert.deepEqual([sink.items, account.held(), account.imbalance], [0, 0, 0]);
});

test('once a piece is accepted the sender is answered accepted and the rest is owned until it is taken', async () => {
  const { clock, sink, offer, account } = await setUp({ send_batch_size: 4, send_batch_max_size: 4 });
  let calls = 0;
  sink.answer = () => (++calls >= 2 && calls <= 4 ? busy(3000) : ACCEPTED);
  const a = offer(logs('a', 10));
  await clock.advance(0);
  assert.equal(a.verdict?.status, 'accepted');
  assert.deepEqual([account.received, account.passed, account.held(), account.imbalance], [10, 4, 6, 0]);
  const b = offer(logs('b', 4));
  await clock.advance(2999);
  assert.equal(calls, 2, 'the hint of the upstream is kept');
  assert.equal(b.verdict, undefined, 'nothing overtakes what is owned');
  await clock.advance(120_000);
  assert.equal(sink.items, 14);
  assert.deepEqual(sink.batches.flatMap(names).slice(0, 10), names(logs('a', 10)));
  assert.deepEqual([account.held(), account.imbalance], [0, 0]);
});

test('what is owned and not taken by the stop deadline is dropped and counted', async () => {
  const { clock, sink, offer, account, processor } = await setUp({ send_batch_size: 4, send_batch_max_size: 4 });
  let calls = 0;
  sink.answer = () => (++calls === 1 ? ACCEPTED : busy());
  offer(logs('a', 10));
  await clock.advance(0);
  const deadline = new AbortController();
  const stopped = processor.stop!(deadline.signal);
  await clock.advance(20_000);
  assert.ok(calls > 10, 'it is offered until the end');
  assert.equal(account.held(), 6);
  deadline.abort();
  await stopped;
  assert.deepEqual([...account.dropped], [['shutdown', 6]]);
  assert.deepEqual([account.held(), account.imbalance, clock.pending], [0, 0, 0]);
});

test('pieces that are refused for good are booked and told to the sender as a partial success', async () => {
  const { clock, sink, offer, account } = await setUp({ send_batch_size: 4, send_batch_max_size: 4 });
  sink.answer = (batch) => (names(batch).includes('a-5') ? poison() : ACCEPTED);
  const a = offer(logs('a', 10));
  await clock.advance(0);
  assert.deepEqual(a.verdict, acceptedPartly(4, 'Bad.'));
  assert.deepEqual([...account.rejected], [['upstream_rejected', 4]]);
  assert.equal(account.imbalance, 0);
  sink.answer = poison;
  const b = offer(logs('b', 10));
  await clock.advance(0);
  assert.equal(b.verdict?.status, 'rejected');
  assert.equal(account.imbalance, 0, 'a batch refused whole is its sender’s to count');
});

test('a sender that gives up while it waits takes its batch out again', async () => {
  const { clock, sink, offer } = await setUp({ timeout: '200ms' });
  const abort = new AbortController();
  const a = offer(logs('a', 1), abort.signal);
  const b = offer(logs('b', 1));
  abort.abort();
  await a.done;
  assert.equal(a.verdict?.status, 'retry');
  await clock.advance(200);
  assert.equal(b.verdict, ACCEPTED);
  assert.deepEqual(sink.batches.map(names), [['b-0']]);
});

test('a sender that gives up while its batch is on the way gets the verdict; all giving up aborts the send', async () => {
  const { clock, sink, offer } = await setUp({ send_batch_size: 2 });
  sink.answer = (_, abort) =>
    new Promise((resolve) => abort.addEventListener('abort', () => resolve(busy()), { once: true }));
  const [first, second] = [new AbortController(), new AbortController()];
  const a = offer(logs('a', 1), first.signal);
  const b = offer(logs('b', 1), second.signal);
  await clock.advance(0);
  first.abort();
  await clock.advance(0);
  assert.equal(a.verdict, undefined);
  second.abort();
  await Promise.all([a.done, b.done]);
  assert.deepEqual(
    [a, b].map(({ verdict }) => verdict?.status),
    ['retry', 'retry'],
  );
});

test('one request is under way at a time: while the next consumer is slow, senders wait and gather', async () => {
  const { clock, sink, offer } = await setUp({ send_batch_size: 1 });
  const open: ((verdict: Verdict) => void)[] = [];
  sink.answer = () => new Promise((resolve) => open.push(resolve));
  const offers = [offer(logs('a', 1)), offer(logs('b', 1)), offer(logs('c', 1))];
  await clock.advance(10_000);
  assert.equal(open.length, 1);
  open[0]!(ACCEPTED);
  await clock.advance(0);
  assert.equal(open.length, 2);
  open[1]!(ACCEPTED);
  await clock.advance(0);
  assert.ok(offers.every(({ verdict }) => verdict === ACCEPTED));
  assert.deepEqual(sink.batches.map(names), [['a-0'], ['b-0', 'c-0']]);
});

test('draining sends what waits at once, and what still comes without waiting for more', async () => {
  const { processor, sink, offer, clock } = await setUp({ send_batch_size: 1000, timeout: '60s' });
  const waiting = offer(logs('a', 2));
  await clock.advance(0);
  assert.equal(sink.batches.length, 0);
  processor.drain?.();
  await waiting.done;
  assert.equal(waiting.verdict?.status, 'accepted');
  const late = offer(logs('b', 1));
  await late.done;
  assert.equal(late.verdict?.status, 'accepted');
  assert.deepEqual(sink.batches.flatMap(names), ['a-0', 'a-1', 'b-0']);
  assert.equal(clock.pending, 0);
});

test('stop sends what waits at once; afterwards consume answers retry with shutting_down', async () => {
  const { clock, sink, offer, processor } = await setUp({ timeout: '1h' });
  const a = offer(logs('a', 1));
  await processor.stop!(never);
  assert.equal(a.verdict, ACCEPTED);
  assert.equal(sink.items, 1);
  assert.equal(clock.pending, 0);
  const late = offer(logs('b', 1));
  await late.done;
  assert.ok(late.verdict?.status === 'retry' && late.verdict.reason instanceof RemoraError);
  assert.equal(late.verdict.reason.code, 'shutting_down');
  await processor.stop!(never);
});

test('when the stop deadline fires, senders that still wait get their batches back', async () => {
  const { offer, processor, sink } = await setUp({ timeout: '1h' });
  sink.answer = (_, abort) =>
    new Promise((resolve) => abort.addEventListener('abort', () => resolve(busy()), { once: true }));
  const a = offer(logs('a', 1));
  const deadline = new AbortController();
  const stopped = processor.stop!(deadline.signal);
  deadline.abort();
  await stopped;
  assert.equal(a.verdict?.status, 'retry');
  const { offer: offerLate, processor: other } = await setUp({ timeout: '1h' });
  const b = offerLate(logs('b', 1));
  await other.stop!(expired);
  assert.equal(b.verdict?.status, 'retry');
});

test('a consumer below that throws costs only the batch that it threw on', async () => {
  const { clock, sink, offer } = await setUp({ send_batch_size: 1 });
  sink.answer = () => {
    throw new Error('bug');
  };
  const a = offer(logs('a', 1));
  await clock.advance(0);
  assert.equal(a.verdict?.status, 'rejected');
  sink.answer = () => ACCEPTED;
  const b = offer(logs('b', 1));
  await clock.advance(0);
  assert.equal(b.verdict, ACCEPTED);
});

test('whatever the next consumer answers, each item is delivered as its sender was told, and the books close', async () => {
  const answer = fc.constantFrom('accepted', 'retry', 'rejected', 'slow');
  const arrival = fc.record({
    items: fc.integer({ min: 1, max: 12 }),
    gapMs: fc.nat(120),
    abortMs: fc.option(fc.nat(300)),
  });
  await fc.assert(
    fc.asyncProperty(
      fc.array(arrival, { maxLength: 12 }),
      fc.array(answer, { minLength: 1, maxLength: 30 }),
      fc.constantFrom(0, 4, 9),
      async (arrivals, answers, max) => {
        const world = await setUp({ send_batch_size: 4, send_batch_max_size: max, timeout: '100ms' });
        let call = 0;
        world.sink.answer = (_, abort) => {
          const next = answers[call++ % answers.length];
          if (call > 200) return ACCEPTED;
          if (next === 'slow') {
            return new Promise((resolve) => {
              const timer = world.clock.timer(90, () => resolve(ACCEPTED));
              abort.addEventListener('abort', () => {
                timer.cancel();
                resolve(busy());
              });
            });
          }
          return next === 'accepted' ? ACCEPTED : next === 'retry' ? busy() : poison();
        };
        const offers = [];
        for (const [i, { items, gapMs, abortMs }] of arrivals.entries()) {
          const abort = new AbortController();
          if (abortMs !== null) world.clock.timer(abortMs, () => abort.abort());
          offers.push({ batch: logs(`s${i}`, items), ...watch(world.offer(logs(`s${i}`, items), abort.signal)) });
          await world.clock.advance(gapMs);
        }
        const deadline = new AbortController();
        await world.clock.advance(60_000);
        const stopped = world.processor.stop!(deadline.signal);
        await world.clock.advance(1000);
        deadline.abort();
        await stopped;
        const delivered = new Set(world.sink.batches.flatMap(names));
        assert.equal(delivered.size, world.sink.items, 'nothing arrives twice');
        for (const { batch, offered } of offers) {
          const arrived = names(batch).filter((name) => delivered.has(name)).length;
          if (offered.verdict?.status !== 'accepted') assert.equal(arrived, 0);
        }
        const { account } = world;
        assert.deepEqual([account.imbalance, account.held(), account.passed], [0, 0, delivered.size]);
      },
    ),
    { numRuns: 150 },
  );
});

function watch(offered: Offer): { offered: Offer } {
  return { offered };
}
