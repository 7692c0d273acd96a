import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fc } from '../../support/property.ts';
import { components } from '../../../src/components.ts';
import { batchBytes, makeBatch, type Batch } from '../../../src/core/batch.ts';
import { RemoraError } from '../../../src/core/errors.ts';
import { ACCEPTED, rejected, retry, type Verdict } from '../../../src/core/verdict.ts';
import { VirtualClock } from '../../../src/core/virtual-clock.ts';
import { checkRequest } from '../../../src/otlp/check.ts';
import { CollectingConsumer, processorContext } from '../../support/context.ts';
import { encodeRequest, type PlainObject } from '../../support/otlp-proto.ts';

/**
 * Every sampler under whatever senders may come up with: nothing throws, each request is taken or refused as a whole, what
 * goes on is a request that a receiver takes, the ledger closes at every step, and memory stays in its bound.
 */
const RUNS = Number(process.env['FUZZ_RUNS'] ?? 25);
const NEVER = new AbortController().signal;
const MAX_BYTES = 4 * 2 ** 20;

const POLICIES = [
  { name: 'errors', type: 'status_code', status_code: { status_codes: ['ERROR'] } },
  { name: 'route', type: 'string_attribute', string_attribute: { key: 'sampling.priority', values: ['1'] } },
  { name: 'number', type: 'numeric_attribute', numeric_attribute: { key: 'sampling.priority', min_value: 1 } },
  { name: 'state', type: 'trace_state', trace_state: { key: 'ot', values: ['th:8'] } },
  { name: 'ottl', type: 'ottl_condition', ottl_condition: { span: ['attributes["sampling.priority"] == 0'] } },
  { name: 'share', type: 'probabilistic', probabilistic: { sampling_percentage: 30, consistent: true } },
];
const tail = (more: object): object => ({
  decision_wait: '2s',
  max_bytes: MAX_BYTES,
  record_threshold: true,
  policies: POLICIES,
  ...more,
});
const caches = (size: number) => ({ decision_cache: { sampled_cache_size: size, non_sampled_cache_size: size } });
const head = (mode: string, sampling_percentage: number) => ({ mode, sampling_percentage, fail_closed: false });

const SAMPLERS: readonly (readonly [type: string, signal: 'traces' | 'logs', config: object])[] = [
  ['probabilistic_sampler', 'traces', head('hash_seed', 50)],
  ['probabilistic_sampler', 'traces', head('equalizing', 99.999_999)],
  ['probabilistic_sampler', 'traces', head('proportional', 1e-9)],
  ['probabilistic_sampler', 'traces', head('proportional', 50)],
  ['probabilistic_sampler', 'traces', head('equalizing', 0)],
  ['probabilistic_sampler', 'traces', head('proportional', 100)],
  ['probabilistic_sampler', 'logs', { ...head('hash_seed', 50), sampling_priority: 'sampling.priority' }],
  ['probabilistic_sampler', 'logs', { ...head('proportional', 50), sampling_priority: 'sampling.priority' }],
  [
    'probabilistic_sampler',
    'logs',
    { ...head('hash_seed', 50), attribute_source: 'record', from_attribute: 'sampling.priority' },
  ],
  [
    'adaptive_sampler',
    'traces',
    { items_per_second: 3, keys: ['route', 'sampling.priority'], max_keys: 3, max_traces: 4 },
  ],
  ['adaptive_sampler', 'logs', { bytes_per_second: 100, max_keys: 2 }],
  ['tail_sampling', 'traces', tail({ num_traces: 5, ...caches(0) })],
  ['tail_sampling', 'traces', tail({ num_traces: 5, ...caches(1), maximum_trace_size_bytes: 2000 })],
  ['tail_sampling', 'traces', tail({ num_traces: 3, block_on_overflow: true })],
  [
    'tail_sampling',
    'traces',
    tail({ decision_wait_after_root_received: '100ms', drop_pending_traces_on_shutdown: true }),
  ],
];

// What comes.

const ID = Buffer.alloc(16, 0x5a);
const traceId = fc.oneof(
  fc.constantFrom(
    Buffer.alloc(0),
    Buffer.alloc(16),
    Buffer.alloc(15, 1),
    Buffer.alloc(17, 1),
    Buffer.alloc(300, 1),
    ID,
  ),
  fc.uint8Array({ minLength: 16, maxLength: 16 }).map((bytes) => Buffer.from(bytes)),
);
const members = (count: number): string => Array.from({ length: count }, (_, index) => `k${index}=v`).join();
const traceState = fc.oneof(
  fc.constantFrom(
    '',
    'ot=th:8',
    'ot=th:0',
    'ot=th:ffffffffffffff',
    'ot=th:8;rv:00000000000000',
    'ot=rv:ffffffffffffff',
  ),
  fc.constantFrom('ot=th:80000000000000', 'ot=th:123456789abcdef', 'ot=th:8,ot=th:c', 'ot=;', 'ot=th:8;th:c', 'ot=th:'),
  fc.constantFrom(members(31), members(32), members(33), `${members(31)},ot=th:8`, `a=${'v'.repeat(600)}`),
  fc.constantFrom(`a=${'v'.repeat(200)},b=${'v'.repeat(200)},c=${'v'.repeat(200)},ot=th:8`, ','.repeat(40), '\t=\t'),
  fc.string({ maxLength: 40 }),
);
const anyValue = fc.constantFrom<PlainObject>(
  ...[{ stringValue: '1' }, { stringValue: '0' }, { stringValue: '' }, { stringValue: 'x'.repeat(3000) }],
  ...[{ intValue: 0 }, { intValue: 50 }, { intValue: '-9223372036854775808' }, { intValue: '9223372036854775807' }],
  ...[
    { doubleValue: 0 },
    { doubleValue: NaN },
    { doubleValue: Infinity },
    { doubleValue: 1e-300 },
    { doubleValue: -0 },
  ],
  ...[{ boolValue: true }, { bytesValue: Buffer.from([0, 255]) }, { arrayValue: { values: [{ intValue: 1 }] } }],
  ...[{ kvlistValue: { values: [{ key: 'a', value: {} }] } }, {}],
);
const key = fc.constantFrom('sampling.priority', 'sampling.threshold', 'sampling.randomness', 'http.route', '');
const attributes = fc.array(fc.record({ key, value: anyValue }), { maxLength: 4 });
const item = fc.record({
  traceId,
  traceState,
  attributes,
  isError: fc.boolean(),
  isRoot: fc.boolean(),
  time: fc.nat(3),
});
type Item = typeof item extends fc.Arbitrary<infer T> ? T : never;

const TIMES = ['0', '1', '1767225600000000000', '18446744073709551615'];

function request(signal: 'traces' | 'logs', items: readonly Item[]): Uint8Array {
  const scope = { name: 'scope' };
  if (signal === 'logs') {
    const logRecords = items.map((one) => ({ traceId: one.traceId, severityNumber: 9, attributes: one.attributes }));
    return encodeRequest('logs', { resourceLogs: [{ scopeLogs: [{ scope, logRecords }] }] });
  }
  const spans = items.map((one) => ({
    traceId: one.traceId,
    parentSpanId: one.isRoot ? Buffer.alloc(0) : Buffer.alloc(8, 1),
    traceState: one.traceState,
    name: 'span',
    startTimeUnixNano: TIMES[one.time],
    endTimeUnixNano: TIMES[3 - one.time],
    attributes: one.attributes,
    status: { code: one.isError ? 2 : 0 },
  }));
  return encodeRequest('traces', { resourceSpans: [{ scopeSpans: [{ scope, spans }] }] });
}

const step = fc.record({
  items: fc.array(item, { minLength: 1, maxLength: 12 }),
  /** Bytes that are written over, where that still is a request that a receiver lets in. */
  damage: fc.array(fc.tuple(fc.nat(), fc.nat(255)), { maxLength: 2 }),
  /** Several, so that there is more than one tick, and a long sleep. */
  advanceMs: fc.constantFrom(0, 1, 300, 2500, 300_000),
  next: fc.constantFrom<Verdict['status']>('accepted', 'accepted', 'retry', 'rejected'),
});

function batchOf(signal: 'traces' | 'logs', { items, damage }: Pick<Step, 'items' | 'damage'>): Batch {
  const bytes = request(signal, items);
  const damaged = Uint8Array.from(bytes);
  for (const [place, byte] of damage) damaged[place % damaged.length] = byte;
  try {
    return makeBatch(signal, [damaged], checkRequest(signal, damaged));
  } catch {
    return makeBatch(signal, [bytes], items.length);
  }
}
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;

const VERDICTS: Readonly<Record<Verdict['status'], Verdict>> = {
  accepted: ACCEPTED,
  retry: retry(new RemoraError('upstream_unavailable', 'Busy.'), 100),
  rejected: rejected(new RemoraError('upstream_rejected', 'No.')),
};

async function attack(
  type: string,
  signal: 'traces' | 'logs',
  config: object,
  steps: readonly Step[],
): Promise<number> {
  const clock = new VirtualClock();
  const sink = new CollectingConsumer();
  const context = processorContext(signal, sink, { clock, id: type });
  const { account, meter } = context;
  const parsed = components.processors.find((one) => one.type === type)?.parse(config);
  assert.ok(parsed?.ok, JSON.stringify(parsed));
  const sampler = await parsed.prepared.create(context);
  await sampler.start?.();
  let refused = 0;
  let checked = 0;
  const check = (): void => {
    const out = sink.items + account.droppedItems + account.rejectedItems + account.held();
    assert.equal(out, account.received, 'the ledger closes');
    const memory = meter.value('remora_tail_sampling_memory_bytes', { processor: type, pipeline: signal }) ?? 0;
    assert.ok(memory <= MAX_BYTES, `${memory} bytes`);
    for (; checked < sink.batches.length; checked++) {
      const batch = sink.batches[checked];
      if (batch !== undefined) assert.equal(checkRequest(signal, batchBytes(batch)), batch.items);
    }
  };
  for (const one of steps) {
    sink.answer = () => VERDICTS[one.next];
    const batch = batchOf(signal, one);
    const verdict = await sampler.consume(batch, NEVER);
    if (verdict.status === 'accepted') account.received += batch.items;
    else refused += 1;
    // The sink has what it was given before its answer is there.
    await clock.advance(0);
    check();
    await clock.advance(one.advanceMs);
    check();
  }
  sink.answer = () => ACCEPTED;
  sampler.drain?.();
  await clock.advance(20_000);
  await sampler.stop?.(NEVER);
  check();
  assert.equal(account.held(), 0);
  return refused;
}

for (const [type, signal, config] of SAMPLERS) {
  test(`${type} of ${signal} with ${JSON.stringify({ ...config, policies: undefined })} stands what comes`, async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 12 }), async (steps) => {
        await attack(type, signal, config, steps);
      }),
      { numRuns: RUNS },
    );
  });
}
