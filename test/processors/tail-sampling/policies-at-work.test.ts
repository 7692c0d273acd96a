import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fc } from '../../support/property.ts';
import { makeBatch, type Batch } from '../../../src/core/batch.ts';
import { VirtualClock } from '../../../src/core/virtual-clock.ts';
import { tailSamplingProcessor } from '../../../src/processors/tail-sampling/index.ts';
import { CollectingConsumer, processorContext } from '../../support/context.ts';
import { decodeRequest, encodeRequest, type PlainObject } from '../../support/otlp-proto.ts';
import { compile, summarizeAll, type PolicyObject } from './policies/traces.ts';

/** The sampler with the policies that people configure, from spans on the wire to those that are passed on. */

const NEVER = new AbortController().signal;
const START_NS = 1_700_000_000_000_000_000n;

interface Span {
  readonly trace: number;
  readonly service: string;
  readonly route: string;
  readonly isError: boolean;
  readonly durationMs: number;
  readonly traceState: string;
}

function idOf(trace: number): Buffer {
  const id = Buffer.alloc(16, 0x11);
  id.writeUInt32BE(trace, 0);
  // Spreads the randomness, which is in the last seven bytes.
  id.writeUInt32BE(Math.imul(trace + 1, 0x9e3779b1) >>> 0, 9);
  return id;
}

const text = (key: string, stringValue: string): PlainObject => ({ key, value: { stringValue } });

/** One ResourceSpans with this span alone. */
function resourceSpans(span: Span): PlainObject {
  return {
    resource: { attributes: [text('service.name', span.service)] },
    scopeSpans: [
      {
        spans: [
          {
            traceId: idOf(span.trace),
            spanId: Buffer.alloc(8, 1),
            parentSpanId: Buffer.alloc(8, 2),
            name: span.route,
            traceState: span.traceState,
            startTimeUnixNano: String(START_NS),
            endTimeUnixNano: String(START_NS + BigInt(span.durationMs) * 1_000_000n),
            attributes: [text('http.route', span.route)],
            status: { code: span.isError ? 2 : 0 },
          },
        ],
      },
    ],
  };
}

function batchOf(spans: readonly Span[]): Batch {
  return makeBatch('traces', [encodeRequest('traces', { resourceSpans: spans.map(resourceSpans) })], spans.length);
}

async function sampler(policies: readonly PolicyObject[], more: PlainObject = {}) {
  const clock = new VirtualClock();
  const sink = new CollectingConsumer();
  const context = processorContext('traces', sink, { clock, id: 'tail_sampling' });
  const parsed = tailSamplingProcessor.parse({ policies, decision_wait: '1s', ...more });
  assert.ok(parsed.ok, JSON.stringify(parsed));
  const processor = await parsed.prepared.create(context);
  await processor.start?.();
  return {
    sink,
    context,
    async send(spans: readonly Span[]): Promise<void> {
      const verdict = await processor.consume(batchOf(spans), NEVER);
      assert.equal(verdict.status, 'accepted');
    },
    /** Until every trace is decided. */
    async settle(): Promise<void> {
      await clock.advance(2000);
      await processor.stop?.(NEVER);
    },
    count: (name: string, labels: Record<string, string>): number | undefined =>
      context.meter.value(`otelcol_processor_tail_sampling_${name}`, {
        processor: 'tail_sampling',
        pipeline: 'traces',
        ...labels,
      }),
  };
}

/** Of what was passed on: how many spans each trace has, and their tracestates. */
function arrived(sink: CollectingConsumer): Map<string, string[]> {
  const traces = new Map<string, string[]>();
  for (const { chunks } of sink.batches) {
    for (const item of itemsIn(Buffer.concat(chunks))) {
      const id = Buffer.from(item.traceId, 'base64').toString('hex');
      traces.set(id, [...(traces.get(id) ?? []), item.traceState]);
    }
  }
  return traces;
}

interface Item {
  readonly traceId: string;
  readonly traceState: string;
}

function itemsIn(bytes: Uint8Array): Item[] {
  const { resourceSpans: resources } = decodeRequest('traces', bytes);
  return (resources as { scopeSpans: { spans: Item[] }[] }[]).flatMap(({ scopeSpans }) =>
    scopeSpans.flatMap(({ spans }) => spans),
  );
}

const errors: PolicyObject = { name: 'errors', type: 'status_code', status_code: { status_codes: ['ERROR'] } };
const slow: PolicyObject = { name: 'slow', type: 'latency', latency: { threshold_ms: 100 } };
const health: PolicyObject = {
  name: 'health',
  type: 'drop',
  drop: {
    drop_sub_policy: [
      {
        type: 'string_attribute',
        string_attribute: { key: 'http.route', values: ['^/(live|ready)$'], enabled_regex_matching: true },
      },
    ],
  },
};
const cart: PolicyObject = {
  name: 'cart',
  type: 'and',
  and: {
    and_sub_policy: [
      { type: 'string_attribute', string_attribute: { key: 'service.name', values: ['cart'] } },
      { type: 'not', not: { not_sub_policy: { type: 'span_count', span_count: { max_spans: 1 } } } },
      { type: 'probabilistic', probabilistic: { sampling_percentage: 50, consistent: true } },
    ],
  },
};
const rest: PolicyObject = {
  name: 'rest',
  type: 'probabilistic',
  probabilistic: { sampling_percentage: 25, consistent: true },
};
const hashed: PolicyObject = { name: 'hashed', type: 'probabilistic', probabilistic: { sampling_percentage: 40 } };
const notShop: PolicyObject = {
  name: 'not shop',
  type: 'string_attribute',
  string_attribute: { key: 'service.name', values: ['shop'], invert_match: true },
};
const ALL = [errors, slow, health, cart, rest, hashed, notShop];

const anySpan: fc.Arbitrary<Span> = fc.record({
  trace: fc.nat(19),
  service: fc.constantFrom('shop', 'cart'),
  route: fc.constantFrom('/pay', '/live', '/items'),
  isError: fc.constantFrom(false, false, false, true),
  durationMs: fc.constantFrom(5, 5, 100, 101),
  traceState: fc.constantFrom('', 'ot=th:c', 'vendor=1'),
});
const options = fc.record({ sample_on_first_match: fc.boolean(), inverted_decisions: fc.boolean() });

test('traces that come in any pieces are decided as if they were looked at whole, and each policy has its counts', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.subarray(ALL, { minLength: 1 }),
      options,
      fc.array(fc.array(anySpan, { minLength: 1, maxLength: 6 }), { minLength: 1, maxLength: 8 }),
      async (policies, more, requests) => {
        const rig = await sampler(policies, more);
        for (const spans of requests) await rig.send(spans);
        await rig.settle();
        const whole = compile(policies, more);
        const expected = new Map<string, number>();
        for (const [trace, spans] of Map.groupBy(requests.flat(), (span) => span.trace)) {
          const { outcome } = whole.decide(summarizeAll(whole, idOf(trace), spans.map(resourceSpans)), 0);
          if (outcome === 'sampled') expected.set(idOf(trace).toString('hex'), spans.length);
        }
        const kept = new Map([...arrived(rig.sink)].map(([id, states]) => [id, states.length]));
        assert.deepEqual(new Map([...kept].sort()), new Map([...expected].sort()));
        for (const { policy, traces, spans } of whole.tallies) {
          for (const decision of ['sampled', 'not_sampled', 'dropped'] as const) {
            const labels = { policy, decision, sampled: String(decision === 'sampled') };
            assert.equal(rig.count('count_traces_sampled', labels), traces[decision], policy);
            assert.equal(rig.count('count_spans_sampled', labels), spans[decision], policy);
          }
        }
        const { dropped } = rig.context.account;
        assert.equal(rig.sink.items + (dropped.get('sampling') ?? 0), requests.flat().length);
      },
    ),
    { numRuns: 150 },
  );
});

const oneTrace = (trace: number, more: Partial<Span> = {}): Span => ({
  trace,
  service: 'shop',
  route: '/pay',
  isError: false,
  durationMs: 5,
  traceState: '',
  ...more,
});

test('the threshold of what was left to chance is written, and that of what was not is zero', async () => {
  const rig = await sampler([errors, rest], { record_threshold: true });
  const traces = Array.from({ length: 200 }, (_, index) => index);
  await rig.send(traces.flatMap((trace) => [oneTrace(trace), oneTrace(trace, { isError: trace % 10 === 0 })]));
  await rig.settle();
  const states = arrived(rig.sink);
  let byChance = 0;
  for (const trace of traces) {
    const found = states.get(idOf(trace).toString('hex'));
    if (trace % 10 === 0) assert.deepEqual(found, ['ot=th:0', 'ot=th:0'], 'an error stands for itself');
    else if (found !== undefined) {
      assert.deepEqual(found, ['ot=th:c', 'ot=th:c']);
      byChance += 1;
    }
  }
  assert.ok(byChance > 20 && byChance < 80, `${byChance} of 180`);
});

test('a threshold that came with the spans is erased where a hash or a rate limit had a say', async () => {
  const limit = { name: 'limit', type: 'rate_limiting', rate_limiting: { spans_per_second: 1000 } };
  for (const policy of [hashed, limit]) {
    const rig = await sampler([policy], { record_threshold: true });
    const spans = Array.from({ length: 50 }, (_, trace) => oneTrace(trace, { traceState: 'ot=th:8,vendor=1' }));
    await rig.send(spans);
    await rig.settle();
    const states = [...arrived(rig.sink).values()].flat();
    assert.ok(states.length > 5);
    assert.deepEqual([...new Set(states)], ['vendor=1'], policy.type);
  }
});

test('the adjusted counts of what was kept add up to what came, also when a hash decides', async () => {
  const traces = 4000;
  const rig = await sampler([errors, cart, { ...hashed, name: 'half' }], { num_traces: traces });
  for (let first = 0; first < traces; first += 500) {
    await rig.send(
      Array.from({ length: 500 }, (_, index) => {
        const trace = first + index;
        return oneTrace(trace, { isError: trace % 20 === 0 });
      }),
    );
  }
  await rig.settle();
  const adjusted = rig.context.meter.total('remora_sampling_adjusted_items');
  // 3800 are kept with a probability of 0.4, and stand for 2.5 each.
  const error = 2.5 * Math.sqrt(3800 * 0.4 * 0.6);
  assert.ok(Math.abs(adjusted - traces) < 4 * error, `${adjusted}`);
});
