import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { RemoraError } from '../../../src/core/errors.ts';
import { ACCEPTED, rejected, retry } from '../../../src/core/verdict.ts';
import { idOf, NEVER, spansBatch, spansIn, tailRig, traceId, type TestSpan } from './rig.ts';

const span = (trace: TestSpan['trace'], name: string, more: Partial<TestSpan> = {}): TestSpan => ({
  trace,
  name,
  ...more,
});
const pushBack = retry(new RemoraError('queue_full', 'Full.'));

describe('tail sampling', () => {
  test('a trace goes on whole once its wait is over, and one that no policy samples is dropped', async () => {
    const rig = tailRig((trace) => trace.met(0));
    await rig.send(span(1, 'a'), span(2, 'b'));
    await rig.clock.advance(5000);
    await rig.send(span(1, 'c', { isError: true }), span(2, 'd'));
    assert.equal(rig.account.held(), 4);
    await rig.clock.advance(4999);
    assert.deepEqual(rig.names(), []);
    await rig.clock.advance(1);
    assert.deepEqual(rig.names(), ['a', 'c']);
    assert.equal(rig.account.dropped.get('sampling'), 2);
    assert.equal(rig.account.held(), 0);
    await rig.closes();
  });

  test('spans keep what they stand under and their bytes, grouped by it', async () => {
    const rig = tailRig(() => true);
    const sent = [
      span(1, 'a', { service: 'shop', scope: 'http', padding: 300 }),
      span(1, 'b', { service: 'shop', scope: 'db' }),
      span(2, 'c', { service: 'cart', scope: 'http', padding: 5000 }),
      span(1, 'd', { service: 'shop', scope: 'http', padding: 127 }),
    ];
    await rig.send(...sent);
    await rig.send(span(2, 'e', { service: 'shop', scope: 'db' }));
    await rig.clock.advance(10_000);
    assert.equal(rig.sink.batches.length, 1);
    const read = rig.spans();
    assert.deepEqual(
      read.map(({ name, service, scope }) => [name, service, scope]),
      [
        ['a', 'shop', 'http'],
        ['d', 'shop', 'http'],
        ['b', 'shop', 'db'],
        ['e', 'shop', 'db'],
        ['c', 'cart', 'http'],
      ],
    );
    const originals = new Map(spansIn([spansBatch(sent)]).map(({ name, bytes }) => [name, bytes]));
    for (const { name, bytes } of read) if (name !== 'e') assert.deepEqual(bytes, originals.get(name));
  });

  test('late spans follow the decision about their trace', async () => {
    const rig = tailRig((trace) => trace.met(0));
    await rig.send(span(1, 'a', { isError: true }), span(2, 'b'));
    await rig.clock.advance(10_000);
    await rig.send(span(2, 'late of 2', { isError: true }), span(1, 'late of 1'));
    assert.deepEqual(rig.names(), ['a', 'late of 1']);
    assert.equal(rig.account.dropped.get('sampling'), 2);
    assert.equal(
      rig.count('otelcol_processor_tail_sampling_early_releases_from_cache_decision', { sampled: 'true' }),
      1,
    );
    assert.equal(
      rig.count('otelcol_processor_tail_sampling_early_releases_from_cache_decision', { sampled: 'false' }),
      1,
    );
    await rig.closes();
  });

  test('without a decision cache late spans are a trace of their own', async () => {
    const rig = tailRig((trace) => trace.met(0), { keptDecisions: 0, droppedDecisions: 0 });
    await rig.send(span(1, 'a', { isError: true }));
    await rig.clock.advance(10_000);
    await rig.send(span(1, 'late'));
    assert.equal(rig.account.held(), 1);
    await rig.clock.advance(10_000);
    assert.deepEqual(rig.names(), ['a']);
    await rig.closes();
  });

  test('a cache that is full forgets the decision that was used least lately', async () => {
    const rig = tailRig(() => false, { droppedDecisions: 2 });
    for (const trace of [1, 2]) await rig.send(span(trace, 'first'));
    await rig.clock.advance(10_000);
    await rig.send(span(1, 'late'));
    await rig.send(span(3, 'first'));
    await rig.clock.advance(10_000);
    const fates = [1, 2, 3].map((trace) => rig.sampler.decisions.fateOf(traceId(trace), 0));
    assert.deepEqual(fates, ['dropped', 'unknown', 'dropped']);
  });

  test('a root span ends the wait earlier', async () => {
    const rig = tailRig(() => true, { afterRootMs: 2000 });
    await rig.send(span(1, 'child'), span(2, 'other'));
    await rig.clock.advance(3000);
    await rig.send(span(1, 'root', { isRoot: true }));
    await rig.clock.advance(1999);
    assert.deepEqual(rig.names(), []);
    await rig.clock.advance(1);
    assert.deepEqual(rig.names(), ['child', 'root']);
    await rig.clock.advance(4980);
    assert.equal(rig.names().length, 2);
    await rig.clock.advance(20);
    assert.equal(rig.names().length, 3);
  });

  test('a root that comes near the end of the wait does not make it longer', async () => {
    const rig = tailRig(() => true, { afterRootMs: 5000 });
    await rig.send(span(1, 'child'));
    await rig.clock.advance(9000);
    await rig.send(span(1, 'root', { isRoot: true }));
    await rig.clock.advance(1000);
    assert.deepEqual(rig.names(), ['child', 'root']);
  });

  test('for one more trace than num_traces the oldest is decided early, with what is there of it', async () => {
    const rig = tailRig((trace) => trace.met(0), { numTraces: 2 });
    await rig.send(span(1, 'a', { isError: true }), span(2, 'b'));
    await rig.send(span(3, 'c'));
    assert.deepEqual(rig.names(), ['a']);
    assert.equal(rig.count('otelcol_processor_tail_sampling_sampling_trace_dropped_too_early'), 1);
    assert.equal(rig.count('remora_tail_sampling_decided_early', { cause: 'num_traces' }), 1);
    await rig.send(span(1, 'late'));
    assert.deepEqual(rig.names(), ['a', 'late']);
    await rig.closes();
  });

  test('with block_on_overflow nothing is decided early: the sender is asked to come again', async () => {
    const rig = tailRig(() => true, { numTraces: 2, blockOnOverflow: true });
    await rig.send(span(1, 'a'), span(2, 'b'));
    const verdict = await rig.send(span(3, 'c'));
    assert.equal(verdict.status, 'retry');
    assert.deepEqual(rig.names(), []);
    await rig.clock.advance(10_000);
    assert.equal((await rig.send(span(3, 'c'))).status, 'accepted');
    await rig.closes();
  });

  test('memory for spans is bounded: the oldest traces are decided early', async () => {
    const rig = tailRig(() => false, { maxBytes: 4 * 2 ** 20, numTraces: 100_000 });
    for (let trace = 0; trace < 12_000; trace += 100) {
      const spans = Array.from({ length: 100 }, (_, i) => span(trace + i, 'x', { padding: 900 }));
      assert.equal((await rig.send(...spans)).status, 'accepted');
      const bytes = rig.count('remora_tail_sampling_memory_bytes') ?? Infinity;
      assert.ok(bytes <= 4.4 * 2 ** 20, `${bytes} bytes`);
    }
    const early = rig.count('remora_tail_sampling_decided_early', { cause: 'max_bytes' }) ?? 0;
    assert.ok(early > 7000, `${early} decided early`);
    await rig.closes();
  });

  test('a trace beyond maximum_trace_size_bytes is dropped with all that comes of it', async () => {
    const rig = tailRig(() => true, { maxTraceBytes: 1000 });
    await rig.send(span(1, 'a', { padding: 600 }), span(2, 'b'));
    await rig.send(span(1, 'c', { padding: 600 }));
    assert.equal(rig.account.dropped.get('trace_too_large'), 2);
    assert.equal(rig.count('otelcol_processor_tail_sampling_traces_dropped_too_large'), 1);
    await rig.send(span(1, 'd'));
    await rig.clock.advance(10_000);
    assert.deepEqual(rig.names(), ['b']);
    assert.equal(rig.account.dropped.get('sampling'), 1);
    await rig.closes();
  });

  test('spans without a valid trace id are decided together, and that decision is not remembered', async () => {
    const rig = tailRig(({ spans }) => spans === 3);
    await rig.send(span(null, 'none'), span(new Uint8Array(16), 'zero'), span(new Uint8Array(8).fill(1), 'short'));
    await rig.clock.advance(10_000);
    assert.deepEqual(rig.names(), ['none', 'zero', 'short']);
    assert.equal(rig.sampler.decisions.fateOf(new Uint8Array(16), 0), 'unknown');
    await rig.send(span(null, 'again'));
    await rig.clock.advance(10_000);
    assert.equal(rig.account.dropped.get('sampling'), 1);
    assert.equal(rig.count('remora_tail_sampling_spans_without_id'), 4);
    await rig.closes();
  });

  test('a malformed request is refused as a whole', async () => {
    const rig = tailRig(() => true);
    const batch = spansBatch([span(1, 'a'), span(2, 'b')]);
    const broken = { ...batch, chunks: [Buffer.concat([batch.chunks[0]!, Buffer.from([0x0a, 0x7f])])] };
    const verdict = await rig.sampler.consume(broken, NEVER);
    assert.equal(verdict.status, 'rejected');
    assert.equal(rig.account.held(), 0);
  });

  test('followers learn of each decision, and what became of a trace', async () => {
    const rig = tailRig((trace) => trace.met(0));
    const told: string[] = [];
    const { decisions } = rig.sampler;
    decisions.onDecision((bytes, at, kept) => {
      const id = Buffer.from(bytes.subarray(at, at + 16)).toString('hex');
      told.push(`${id} ${kept} ${decisions.fateOf(bytes, at)}`);
    });
    await rig.send(span(1, 'a', { isError: true }), span(2, 'b'), span(null, 'c'));
    assert.equal(decisions.fateOf(traceId(1), 0), 'pending');
    assert.equal(decisions.fateOf(traceId(9), 0), 'unknown');
    await rig.clock.advance(10_000);
    assert.deepEqual(told, [`${idOf(1)} true kept`, `${idOf(2)} false dropped`]);
  });

  test('policies see sums, first start and last end of all spans', async () => {
    const seen: unknown[] = [];
    const rig = tailRig((trace) => {
      const { spans, spanBytes, firstStartNs, lastEndNs } = trace;
      seen.push([spans, spanBytes > 60, firstStartNs / 1e6, lastEndNs / 1e6, trace.met(0), trace.met(1)]);
      return false;
    });
    await rig.send(
      span(1, 'a', { startNs: 2_000_000n, endNs: 3_000_000n }),
      span(1, 'special', { startNs: 1_000_000n, endNs: 2_000_000n }),
      span(1, 'b', { startNs: 0n, endNs: 0n }),
    );
    await rig.clock.advance(10_000);
    assert.deepEqual(seen, [[3, true, 1, 3, false, true]]);
  });

  test('randomness is that of the first rv, else of the id', async () => {
    const seen: string[] = [];
    const rig = tailRig(({ randomness: { high, low } }) => {
      seen.push(high.toString(16) + low.toString(16).padStart(8, '0'));
      return true;
    });
    await rig.send(span(1, 'a'), span(2, 'b', { state: 'ot=rv:fedcba98765432' }), span(2, 'c', { state: 'ot=rv:1;x' }));
    await rig.clock.advance(10_000);
    assert.deepEqual(seen, [idOf(1).slice(18), 'fedcba98765432']);
    assert.equal(rig.meter.total('remora_sampling_malformed_items'), 1);
  });
});

describe('what tail sampling keeps', () => {
  test('waits while the next consumer pushes back, and goes on whole', async () => {
    const rig = tailRig(() => true);
    rig.sink.answer = () => pushBack;
    await rig.send(span(1, 'a'), span(2, 'b'));
    await rig.clock.advance(20_000);
    assert.equal(rig.account.held(), 2);
    rig.sink.answer = () => ACCEPTED;
    await rig.clock.advance(10_000);
    assert.deepEqual(rig.names(), ['a', 'b']);
    assert.equal(rig.account.held(), 0);
    await rig.closes();
  });

  test('takes its room from the buffer: when that is full, senders are pushed back and nothing is lost', async () => {
    const rig = tailRig(() => true, { maxBytes: 4 * 2 ** 20, numTraces: 100_000 });
    rig.sink.answer = () => pushBack;
    const statuses = new Set<string>();
    for (let trace = 0; trace < 8000; trace += 100) {
      const spans = Array.from({ length: 100 }, (_, i) => span(trace + i, 'x', { padding: 900 }));
      const { status } = await rig.send(...spans);
      statuses.add(status);
    }
    assert.deepEqual([...statuses].sort(), ['accepted', 'retry']);
    const { received } = rig.account;
    rig.sink.answer = () => ACCEPTED;
    await rig.clock.advance(60_000);
    assert.equal(rig.sink.items, received);
    await rig.closes();
  });

  test('is booked where the next consumer refuses it for good', async () => {
    const rig = tailRig(() => true);
    rig.sink.answer = () => rejected(new RemoraError('payload_too_large', 'Too large.'));
    await rig.send(span(1, 'a'));
    await rig.clock.advance(10_000);
    assert.equal(rig.account.rejected.get('payload_too_large'), 1);
    await rig.closes();
  });

  test('leaves in requests of at most half a MiB and a span, also one huge trace', async () => {
    const rig = tailRig(() => true);
    for (let i = 0; i < 20; i++) {
      await rig.send(...Array.from({ length: 100 }, (_, k) => span(1, `${i}.${k}`, { padding: 1000 })));
    }
    await rig.clock.advance(10_000);
    assert.equal(rig.sink.items, 2000);
    assert.ok(rig.sink.batches.length >= 4);
    for (const { bytes } of rig.sink.batches) assert.ok(bytes < 530_000, `${bytes} bytes`);
    assert.equal(new Set(rig.names()).size, 2000);
  });
});

describe('room in tail sampling', () => {
  const large = (first: number): TestSpan[] =>
    Array.from({ length: 1000 }, (_, i) => span(first + i, 'x', { padding: 1000 }));

  test('that was promised is kept until it is used or given back', () => {
    const rig = tailRig(() => true, { maxBytes: 4 * 2 ** 20, blockOnOverflow: true, numTraces: 100_000 });
    const batches = [0, 1000, 2000, 3000].map((first) => spansBatch(large(first)));
    const [first, second, third, fourth] = batches.map((batch) => rig.sampler.tryReserve(batch));
    assert.deepEqual([first?.status, second?.status, third?.status], ['reserved', 'reserved', 'reserved']);
    assert.equal(fourth?.status, 'retry');
    if (second?.status === 'reserved') second.cancel();
    assert.equal(rig.sampler.tryReserve(batches[3]!).status, 'reserved');
  });

  test('comes when a slow consumer answers: the sender waits for it', async () => {
    const rig = tailRig(() => true, { maxBytes: 4 * 2 ** 20, numTraces: 100_000 });
    const answers: (() => void)[] = [];
    rig.sink.answer = () => new Promise((resolve) => answers.push(() => resolve(ACCEPTED)));
    for (const first of [0, 1000]) assert.equal((await rig.send(...large(first))).status, 'accepted');
    await rig.clock.advance(10_000);
    assert.equal(answers.length, 1);
    assert.equal((await rig.send(...large(2000))).status, 'accepted');
    const waiting = rig.send(...large(3000));
    for (let i = 0; i < 20; i++) {
      await rig.clock.advance(0);
      for (const answer of answers.splice(0)) answer();
    }
    assert.equal((await waiting).status, 'accepted');
    await rig.closes();
  });

  test('is never there for a request that is larger than all of it', async () => {
    const rig = tailRig(() => true, { maxBytes: 4 * 2 ** 20 });
    const verdict = await rig.send(span(1, 'x', { padding: 5_000_000 }));
    assert.equal(verdict.status, 'rejected');
  });
});

describe('record_threshold', () => {
  const half = { outcome: 'sampled', threshold: { high: 0x800000, low: 0 }, probability: 0.5 } as const;

  test('raises th of kept and of late spans; a malformed trace state stays', async () => {
    const rig = tailRig(() => half, { recordThreshold: true });
    await rig.send(
      span(1, 'none'),
      span(1, 'lower', { state: 'zz=1,ot=th:4' }),
      span(1, 'higher', { state: 'ot=th:c;rv:ffffffffffffff' }),
      span(1, 'broken', { state: 'ot=th:zz' }),
    );
    await rig.clock.advance(10_000);
    await rig.send(span(1, 'late'));
    assert.deepEqual(
      rig.spans().map(({ name, state }) => [name, state]),
      [
        ['none', 'ot=th:8'],
        ['lower', 'ot=th:8,zz=1'],
        ['higher', 'ot=rv:ffffffffffffff;th:c'],
        ['broken', 'ot=th:zz'],
        ['late', 'ot=th:8'],
      ],
    );
  });

  test('erases th where luck of another kind decided', async () => {
    const rig = tailRig(() => true, { recordThreshold: true });
    await rig.send(span(1, 'a', { state: 'zz=1,ot=th:4' }), span(1, 'b', { state: 'ot=th:4' }), span(1, 'c'));
    await rig.clock.advance(10_000);
    assert.deepEqual(
      rig.spans().map(({ state }) => state),
      ['zz=1', '', ''],
    );
  });

  test('is off by default: trace states stay, and adjusted counts are in the metric', async () => {
    const rig = tailRig(() => half);
    await rig.send(span(1, 'a', { state: 'ot=th:0' }), span(2, 'b'));
    await rig.clock.advance(10_000);
    await rig.send(span(1, 'late'));
    assert.deepEqual(
      rig.spans().map(({ state }) => state),
      ['ot=th:0', '', ''],
    );
    assert.equal(rig.meter.total('remora_sampling_adjusted_items'), 6);
  });
});

describe('the end of tail sampling', () => {
  test('what is pending is decided with what is there of it', async () => {
    const rig = tailRig((trace) => trace.met(0));
    await rig.send(span(1, 'a', { isError: true }), span(2, 'b'));
    await rig.sampler.stop(NEVER);
    assert.deepEqual(rig.names(), ['a']);
    assert.equal(rig.account.dropped.get('sampling'), 1);
    assert.equal((await rig.send(span(3, 'c'))).status, 'retry');
    assert.equal(rig.count('otelcol_processor_tail_sampling_sampling_trace_dropped_too_early'), 0);
    assert.equal(rig.count('remora_tail_sampling_decided_early', { cause: 'shutdown' }), 2);
    assert.equal(rig.clock.pending, 0);
    await rig.closes();
  });

  test('or dropped and counted, with drop_pending_traces_on_shutdown', async () => {
    const rig = tailRig(() => true, { dropPendingOnShutdown: true });
    await rig.send(span(1, 'a'), span(1, 'b'));
    await rig.sampler.stop(NEVER);
    assert.equal(rig.account.dropped.get('shutdown'), 2);
    assert.deepEqual(rig.names(), []);
    await rig.closes();
  });

  test('what the next consumer does not take until the deadline is dropped and counted', async () => {
    const rig = tailRig(() => true);
    rig.sink.answer = () => pushBack;
    await rig.send(span(1, 'a'));
    const deadline = new AbortController();
    const stopped = rig.sampler.stop(deadline.signal);
    await rig.clock.advance(2000);
    deadline.abort();
    await stopped;
    assert.equal(rig.account.dropped.get('shutdown'), 1);
    assert.equal(rig.account.held(), 0);
    assert.equal(rig.clock.pending, 0);
    await rig.closes();
  });

  test('what was pushed back is offered again until it is taken', async () => {
    const rig = tailRig(() => true);
    rig.sink.answer = () => pushBack;
    await rig.send(span(1, 'a'));
    const stopped = rig.sampler.stop(NEVER);
    await rig.clock.advance(600);
    rig.sink.answer = () => ACCEPTED;
    await rig.clock.advance(600);
    await stopped;
    assert.deepEqual(rig.names(), ['a']);
    await rig.closes();
  });

  test('a request of spans that each have a resource of their own stays within max_bytes, or is refused', async () => {
    const maxBytes = 4 * 2 ** 20;
    const rig = tailRig(() => false, { maxBytes, numTraces: 100_000 });
    const alone = (from: number, spans: number): TestSpan[] =>
      Array.from({ length: spans }, (_, at) => span(from + at, '', { service: `s${from + at}` }));
    const bytes = (): number => rig.count('remora_tail_sampling_memory_bytes') ?? 0;
    for (let request = 0; request < 6; request++) {
      assert.equal((await rig.send(...alone(request * 1000, 1000))).status, 'accepted');
      assert.ok(bytes() <= maxBytes, `${bytes()} bytes`);
    }
    assert.equal((await rig.send(...alone(10_000, 6000))).status, 'rejected');
    assert.ok(bytes() <= maxBytes, `${bytes()} bytes`);
    await rig.closes();
  });

  test('what surrounds the spans counts for the length of a request', async () => {
    const rig = tailRig(() => true);
    const large = (trace: number): TestSpan => span(trace, 'a', { service: `${trace}`.padStart(50_000, '-') });
    for (let trace = 0; trace < 40; trace++) await rig.send(large(trace));
    await rig.clock.advance(10_000);
    assert.equal(rig.spans().length, 40);
    for (const { bytes } of rig.sink.batches) assert.ok(bytes < 700_000, `${bytes} bytes`);
    await rig.closes();
  });
});
