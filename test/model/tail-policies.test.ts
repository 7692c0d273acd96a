import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { makeBatch, type Batch } from '../../src/core/batch.ts';
import { VirtualClock } from '../../src/core/virtual-clock.ts';
import { tailSamplingProcessor } from '../../src/processors/tail-sampling/index.ts';
import { CollectingConsumer, processorContext } from '../support/context.ts';
import { decodeRequest, encodeRequest, type PlainObject } from '../support/otlp-proto.ts';
import { board, type ModelPolicy, type ModelSpan, type ModelTrace, type ModelValue } from './tail-policies.ts';

/** Any policies over any traces, in pieces and mixed up: kept is what a plain model of the Collector's rules keeps. */
const RUNS = Number(process.env['MODEL_RUNS'] ?? 400);
const NEVER = new AbortController().signal;
/** What is due at the same time is decided in the order in which it came. */
const WAIT_MS = 1000;

// Policies.

const KEYS = ['a', 'b', 'service.name'] as const;
const TEXTS = ['x', 'xy', 'shop', 'y x'] as const;
const key = fc.constantFrom(...KEYS);
const invert_match = fc.constantFrom(false, false, true);

function policy<T>(type: string, settings: fc.Arbitrary<T>): fc.Arbitrary<ModelPolicy> {
  return settings.map((made) => ({ type, [type]: made }));
}

const numeric = fc
  .record({ key, min_value: fc.integer({ min: -2, max: 6 }), max_value: fc.integer({ min: -2, max: 6 }), invert_match })
  .filter(({ min_value: min, max_value: max }) => (min !== 0 || max !== 0) && (min === 0 || max === 0 || min <= max));
const latency = fc
  .record({ threshold_ms: fc.nat(30), upper_threshold_ms: fc.nat(60) })
  .filter(({ threshold_ms: lower, upper_threshold_ms: upper }) => upper === 0 || upper > lower);
const spanCount = fc
  .record({ min_spans: fc.nat(4), max_spans: fc.nat(6) })
  .filter(({ min_spans: min, max_spans: max }) => min + max > 0 && (max === 0 || max >= min));
const texts = fc.record({ key, values: fc.subarray([...TEXTS], { minLength: 1 }), invert_match });
const patterns = fc.record({
  key,
  values: fc.subarray(['^x', 'y$', '^[^x]+$', 'h.p'], { minLength: 1 }),
  enabled_regex_matching: fc.constant(true),
  cache_max_size: fc.nat(2),
  invert_match,
});
const burst = fc.option(fc.integer({ min: 1, max: 8 }), { nil: undefined });

const simple = fc.oneof(
  fc.constant<ModelPolicy>({ type: 'always_sample' }),
  fc.constant<ModelPolicy>({ type: 'trace_flags' }),
  policy('latency', latency),
  policy('numeric_attribute', numeric),
  policy('boolean_attribute', fc.record({ key, value: fc.boolean(), invert_match })),
  policy('string_attribute', fc.oneof(texts, patterns)),
  policy('status_code', fc.record({ status_codes: fc.subarray(['OK', 'ERROR', 'UNSET'], { minLength: 1 }) })),
  policy('span_count', spanCount),
  policy(
    'trace_state',
    fc.record({ key: fc.constantFrom('k', 'ot', 'a1@b'), values: fc.subarray(['v', 'th:c'], { minLength: 1 }) }),
  ),
  policy(
    'probabilistic',
    fc.record({
      sampling_percentage: fc.constantFrom(0, 10, 33.3, 50, 99.9, 100),
      hash_salt: fc.constantFrom('', 's'),
    }),
  ),
  policy('rate_limiting', fc.record({ spans_per_second: fc.integer({ min: 1, max: 6 }), burst_capacity: burst })),
  policy(
    'bytes_limiting',
    fc.record({
      bytes_per_second: fc.integer({ min: 50, max: 900 }),
      burst_capacity: fc.option(fc.integer({ min: 1, max: 2000 }), { nil: undefined }),
    }),
  ),
);
const { nested } = fc.letrec<{ nested: ModelPolicy }>((tie) => ({
  nested: fc.oneof(
    { maxDepth: 2, depthSize: 'small' },
    simple,
    policy('and', fc.record({ and_sub_policy: fc.array(tie('nested'), { minLength: 1, maxLength: 3 }) })),
    policy('not', fc.record({ not_sub_policy: tie('nested') })),
  ),
}));
const drop = policy('drop', fc.record({ drop_sub_policy: fc.array(nested, { minLength: 1, maxLength: 2 }) }));
const composite = policy(
  'composite',
  fc
    .record({
      subs: fc.array(nested, { minLength: 1, maxLength: 3 }),
      max_total_spans_per_second: fc.integer({ min: 1, max: 12 }),
      orderOf: fc.array(fc.nat(2), { maxLength: 3 }),
      percents: fc.array(fc.constantFrom(0, 20, 33), { maxLength: 3 }),
    })
    .map(({ subs, max_total_spans_per_second, orderOf, percents }) => ({
      max_total_spans_per_second,
      composite_sub_policy: subs.map((sub, index) => ({ ...sub, name: `s${index}` })),
      policy_order: [...new Set(orderOf)].filter((index) => index < subs.length).map((index) => `s${index}`),
      rate_allocation: percents.slice(0, subs.length).map((percent, index) => ({ policy: `s${index}`, percent })),
    })),
);
const policies = fc
  .array(
    fc.oneof({ weight: 5, arbitrary: nested }, { weight: 1, arbitrary: drop }, { weight: 2, arbitrary: composite }),
    {
      minLength: 1,
      maxLength: 5,
    },
  )
  .map((list) => list.map((one, index) => ({ ...one, name: `p${index}` })));

// Traces.

const value = fc.constantFrom<ModelValue>(...TEXTS, '', -2, 0, 1, 5, 2n ** 53n + 1n, 1.5, true, false, null);
const attributes = fc.array(fc.tuple(key, value), { maxLength: 3 });
const traceState = fc.constantFrom('', 'k=v', 'ot=th:c', ' k=v ,a1@b=v,', 'ot=th:zz,k=v', 'k=v,k=v', 'k=v,=', 'K=v');
const START_NS = 1_800_000_000_000_000_123n;
const anySpan = fc.record({
  trace: fc.nat(7),
  attributes,
  resource: attributes,
  startMs: fc.nat(20),
  lastsNs: fc.constantFrom(0n, 1_000_000n, 9_999_000n, 10_000_000n, 30_500_000n),
  status: fc.constantFrom<0 | 1 | 2>(0, 0, 1, 2),
  flags: fc.constantFrom(0, 1, 0x300, 0x301),
  traceState,
});
type Sent = typeof anySpan extends fc.Arbitrary<infer T> ? T : never;
/** Each begins at another time, and is sent in one turn of the clock. */
const rounds = fc.array(fc.array(anySpan, { minLength: 1, maxLength: 10 }), { minLength: 1, maxLength: 4 });

function idOf(round: number, trace: number): Buffer {
  const id = Buffer.alloc(16, 0x33);
  id.writeUInt32BE(Math.imul(round * 8 + trace + 1, 0x9e3779b1) >>> 0, 9);
  return id;
}

function pairs(list: Sent['attributes']): PlainObject[] {
  return list.map(([name, of]) => ({ key: name, value: anyValue(of) }));
}

function anyValue(of: ModelValue): PlainObject {
  if (typeof of === 'string') return { stringValue: of };
  if (typeof of === 'boolean') return { boolValue: of };
  if (typeof of === 'bigint') return { intValue: String(of) };
  if (typeof of === 'number') return Number.isInteger(of) ? { intValue: of } : { doubleValue: of };
  return {};
}

function spanOf(round: number, { trace, startMs, lastsNs, ...sent }: Sent): PlainObject {
  const startNs = START_NS + BigInt(startMs) * 1_000_000n;
  return {
    traceId: idOf(round, trace),
    name: 'span',
    traceState: sent.traceState,
    startTimeUnixNano: String(startNs),
    endTimeUnixNano: String(startNs + lastsNs),
    attributes: pairs(sent.attributes),
    status: { code: sent.status },
    flags: sent.flags,
  };
}

function batchOf(round: number, spans: readonly Sent[]): Batch {
  const resourceSpans = spans.map((span) => ({
    resource: { attributes: pairs(span.resource) },
    scopeSpans: [{ spans: [spanOf(round, span)] }],
  }));
  return makeBatch('traces', [encodeRequest('traces', { resourceSpans })], spans.length);
}

/** The span as a field of ScopeSpans has its content. */
function bytesOf(round: number, span: Sent): number {
  const one = (spans: PlainObject[]): number =>
    encodeRequest('traces', { resourceSpans: [{ scopeSpans: [{ spans }] }] }).length;
  const bytes = one([spanOf(round, span)]);
  // Tags and lengths of the three messages around it, each of one or two bytes.
  let content = bytes - 6;
  for (const around of [0, 2, 4]) if (content + around + 2 > 127) content -= 1;
  return content;
}

function modelTraces(round: number, spans: readonly Sent[]): ModelTrace[] {
  const traces = new Map<number, ModelSpan[]>();
  for (const span of spans) {
    const startNs = START_NS + BigInt(span.startMs) * 1_000_000n;
    const made = { ...span, startNs, endNs: startNs + span.lastsNs, bytes: bytesOf(round, span) };
    traces.set(span.trace, [...(traces.get(span.trace) ?? []), made]);
  }
  return [...traces].map(([trace, list]) => ({ id: idOf(round, trace), spans: list }));
}

function idsIn(batches: readonly Batch[]): string[] {
  const ids = batches.flatMap(({ chunks }) =>
    chunks.flatMap((chunk) =>
      (decodeRequest('traces', chunk)['resourceSpans'] as PlainObject[]).flatMap((resource) =>
        (resource['scopeSpans'] as PlainObject[]).flatMap((scope) =>
          (scope['spans'] as PlainObject[]).map((span) => String(span['traceId'])),
        ),
      ),
    ),
  );
  return ids.toSorted();
}

/** In one request, or in several. */
function pieces(spans: readonly Sent[], cuts: readonly number[]): Sent[][] {
  const at = [0, ...cuts.map((cut) => cut % (spans.length + 1)), spans.length].toSorted((a, b) => a - b);
  return at.slice(1).map((end, index) => spans.slice(at[index], end));
}

async function run(
  list: readonly ModelPolicy[],
  options: PlainObject,
  sent: readonly Sent[][],
  cuts: readonly number[],
) {
  const clock = new VirtualClock();
  const sink = new CollectingConsumer();
  const context = processorContext('traces', sink, { clock, id: 'tail_sampling' });
  const parsed = tailSamplingProcessor.parse({ policies: list, decision_wait: `${WAIT_MS}ms`, ...options });
  assert.ok(parsed.ok, JSON.stringify(parsed));
  const sampler = await parsed.prepared.create(context);
  let items = 0;
  const decidedMs: number[] = [];
  for (const [round, spans] of sent.entries()) {
    for (const piece of pieces(spans, cuts).filter(({ length }) => length > 0)) {
      const verdict = await sampler.consume(batchOf(round, piece), NEVER);
      assert.equal(verdict.status, 'accepted');
      items += piece.length;
    }
    decidedMs.push(clock.monotonic() + WAIT_MS);
    await clock.advance(400);
  }
  await clock.advance(WAIT_MS + 100);
  assert.equal(sink.items + context.account.droppedItems, items);
  assert.equal(context.account.held(), 0);
  return { kept: idsIn(sink.batches), decidedMs };
}

test('the traces that are kept are those that a model of the policies keeps', async () => {
  const options = fc.record({ sample_on_first_match: fc.boolean(), inverted_decisions: fc.boolean() });
  let kept = 0;
  let dropped = 0;
  await fc.assert(
    fc.asyncProperty(
      policies,
      options,
      rounds,
      fc.array(fc.nat(10), { maxLength: 3 }),
      async (list, made, sent, cuts) => {
        const real = await run(list, made, sent, cuts);
        const model = board(list, made);
        const expected: string[] = [];
        for (const [round, spans] of sent.entries()) {
          for (const trace of modelTraces(round, spans)) {
            const id = Buffer.from(trace.id).toString('base64');
            const isKept = model.decide(trace, real.decidedMs[round] ?? 0);
            if (isKept) expected.push(...trace.spans.map(() => id));
            if (isKept) kept += 1;
            else dropped += 1;
          }
        }
        assert.deepEqual(real.kept, expected.toSorted());
      },
    ),
    { numRuns: RUNS },
  );
  assert.ok(kept > RUNS / 4 && dropped > RUNS / 4, `${kept} kept and ${dropped} dropped`);
});
