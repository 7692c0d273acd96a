import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { batchBytes, makeBatch } from '../../src/core/batch.ts';
import { LOG, REQUEST, RESOURCE_X, SCOPE_X, SPAN } from '../../src/otlp/fields.ts';
import { Writer } from '../../src/otlp/writer.ts';
import {
  Dice,
  logBatch,
  ProcessorRig,
  randomnessOf,
  spanBatch,
  spansIn,
  thresholdIn,
  type SeenSpan,
  type SpanShape,
} from '../support/sampling.ts';

const RUNS = Number(process.env['FUZZ_RUNS'] ?? 150);

/** Every sampler of traces, each so that it keeps some and drops some. */
const SAMPLERS: readonly (readonly [string, string, object])[] = [
  ['hash_seed', 'probabilistic_sampler', { mode: 'hash_seed', sampling_percentage: 40 }],
  ['proportional', 'probabilistic_sampler', { mode: 'proportional', sampling_percentage: 40 }],
  ['equalizing', 'probabilistic_sampler', { mode: 'equalizing', sampling_percentage: 40 }],
  ['an open equalizing', 'probabilistic_sampler', { mode: 'equalizing', sampling_percentage: 40, fail_closed: false }],
  ['everything', 'probabilistic_sampler', { mode: 'proportional', sampling_percentage: 100 }],
  ['nothing', 'probabilistic_sampler', { mode: 'hash_seed', sampling_percentage: 0 }],
  ['adaptive', 'adaptive_sampler', { items_per_second: 1 }],
  [
    'tail',
    'tail_sampling',
    {
      policies: [
        { name: 'errors', type: 'status_code', status_code: { status_codes: ['ERROR'] } },
        { name: 'share', type: 'probabilistic', probabilistic: { sampling_percentage: 40, consistent: true } },
      ],
    },
  ],
];

/** A tracestate of members that may be right or wrong in each way that there is, or of any bytes at all. */
function traceStates(): fc.Arbitrary<string | Uint8Array> {
  const hex = (max: number) => fc.string({ unit: fc.constantFrom('0', '1', '7', '8', 'a', 'c', 'f'), maxLength: max });
  const field = fc.oneof(
    hex(15).map((digits) => `th:${digits}`),
    hex(16).map((digits) => `rv:${digits}`),
    fc.constantFrom(
      'th:0',
      'th:8',
      'th:fd71',
      'rv:fffffffffffffe',
      'rv:00000000000000',
      'p:8',
      'th',
      ':',
      'rv:XYZ',
      'a:b:c',
    ),
  );
  const ot = fc.array(field, { maxLength: 4 }).map((fields) => `ot=${fields.join(';')}`);
  const vendor = fc.constantFrom(
    'a=b',
    'rojo=00f067aa0ba902b7',
    't@s=1',
    'A=1',
    'x',
    '=',
    'k=',
    'k=v=w',
    ' ',
    '',
    'ot',
    'k=é',
    'k= v ',
  );
  const list = fc
    .array(fc.oneof({ weight: 2, arbitrary: ot }, { weight: 3, arbitrary: vendor }), { maxLength: 6 })
    .map((members) => members.join(','));
  return fc.oneof({ weight: 6, arbitrary: list }, { weight: 1, arbitrary: fc.uint8Array({ maxLength: 40 }) });
}

function traceIds(): fc.Arbitrary<Uint8Array> {
  const right = fc.uint8Array({ minLength: 16, maxLength: 16 });
  const wrong = fc
    .constantFrom(0, 1, 8, 15, 17, 32)
    .chain((length) => fc.uint8Array({ minLength: length, maxLength: length }));
  return fc.oneof(
    { weight: 6, arbitrary: right },
    { weight: 2, arbitrary: wrong },
    { weight: 1, arbitrary: fc.constant(new Uint8Array(16)) },
  );
}

const spans = (): fc.Arbitrary<SpanShape[]> =>
  fc.array(
    fc.record(
      {
        traceId: traceIds(),
        traceState: traceStates(),
        service: fc.constantFrom('a', 'b'),
        isError: fc.boolean(),
        durationMs: fc.integer({ min: -5, max: 5000 }),
        priority: fc.oneof(
          fc.constantFrom(
            'NaN',
            'x',
            '',
            '1',
            '0',
            '-1',
            '0.5',
            '1e999',
            Number.NaN,
            Number.POSITIVE_INFINITY,
            0.5,
            1e300,
          ),
          fc.integer({ min: -2, max: 3 }),
        ),
      },
      { requiredKeys: [] },
    ),
    { minLength: 1, maxLength: 12 },
  );

/** What of `before` came out, in which form: matched by their other bytes, which no two of a request share. */
function pairs(before: readonly SeenSpan[], after: readonly SeenSpan[]): [SeenSpan, SeenSpan][] {
  const waiting = new Map(before.map((span) => [keyOf(span), span]));
  return after.map((span) => {
    const key = keyOf(span);
    const from = waiting.get(key);
    assert.ok(
      from !== undefined,
      'what comes out is what came in, to the byte, but for its tracestate, in its resource and scope',
    );
    assert.ok(waiting.delete(key), 'and once');
    return [from, span];
  });
}

const keyOf = ({ rest, under }: SeenSpan): string => Buffer.concat([rest, under]).toString('latin1');

/** Numbers the spans by their names, so that none is like another. */
const numbered = (shapes: readonly SpanShape[]) => shapes.map((shape, at) => ({ ...shape, name: `span ${at}` }));

/** A second opinion on a list that is certainly no W3C tracestate with a readable `ot`. */
function isCertainlyMalformed(text: string): boolean {
  const isPlain = Buffer.from(text, 'latin1').every((byte) => byte === 9 || (byte >= 0x20 && byte <= 0x7e));
  if (!isPlain || text.length > 1024) return true;
  return text.split(',').some((part) => {
    const member = part.replaceAll(/^[ \t]+|[ \t]+$/g, '');
    if (member === '') return false;
    if (!/^[a-z0-9][a-z0-9_*/@-]*=[^=]+$/.test(member)) return true;
    if (!member.startsWith('ot=')) return false;
    return member
      .slice(3)
      .split(';')
      .some(
        (field) =>
          !/^(?:th:[0-9a-fA-F]{1,14}|rv:[0-9a-fA-F]{14}|(?!th:|rv:)[a-z][a-z0-9]*:[A-Za-z0-9._-]*)$/.test(field),
      );
  });
}

describe('any span', () => {
  for (const [name, type, config] of SAMPLERS) {
    test(`passes ${name} unharmed, or is dropped with a count`, async () => {
      await fc.assert(
        fc.asyncProperty(spans(), async (shapes) => {
          const rig = await ProcessorRig.start(type, config);
          const batch = spanBatch(numbered(shapes));
          const copy = Buffer.from(batchBytes(batch));
          const before = spansIn([batch]).map((span) => ({
            ...span,
            rest: Buffer.from(span.rest),
            under: Buffer.from(span.under),
          }));
          assert.equal((await rig.offer(batch)).status, 'accepted');
          await rig.finish();
          assert.ok(copy.equals(batchBytes(batch)), 'the request itself is never written to');
          for (const [from, to] of pairs(before, rig.spans())) {
            if (isCertainlyMalformed(from.traceState)) {
              assert.equal(to.traceState, from.traceState, 'a malformed tracestate is left alone');
              continue;
            }
            // Two of the same are against the rules of W3C: which one counts is nobody's business here.
            if (from.traceState.split('ot=').length > 2 || from.traceState.split('th:').length > 2) continue;
            const [was, is] = [thresholdIn(from.traceState), thresholdIn(to.traceState)];
            if (to.traceState === from.traceState || is === undefined) continue;
            assert.ok(!isCertainlyMalformed(to.traceState), `${from.traceState} became ${to.traceState}`);
            // What came may be left as it is, by a priority or without a trace id.
            if (is !== was && to.traceId.length === 32)
              assert.ok(randomnessOf(to) >= is, `${from.traceState} became ${to.traceState}`);
            const wasTrue = was !== undefined && from.traceId.length === 32 && randomnessOf(from) >= was;
            if (wasTrue) assert.ok(is >= was, `${from.traceState} became ${to.traceState}`);
            assert.deepEqual(othersIn(to.traceState), othersIn(from.traceState));
          }
        }),
        { numRuns: RUNS },
      );
    });
  }
});

/** The members of other vendors, in their order. */
function othersIn(traceState: string): string[] {
  const members = traceState.split(',').map((member) => member.replaceAll(/^[ \t]+|[ \t]+$/g, ''));
  return members.filter((member) => member !== '' && !member.startsWith('ot='));
}

const dice = new Dice(5);
const KEPT_ID = Buffer.concat([dice.traceId().subarray(0, 9), Buffer.alloc(7, 255)]);

describe('a tracestate that cannot be read', () => {
  const malformed = {
    'a th without digits': 'ot=th:',
    'a th of 15 digits': 'ot=th:fd70a3d70a3d711',
    'a th of other letters': 'ot=th:xyz',
    'an rv of 13 digits': 'ot=rv:fffffffffffff',
    'an rv of 15 digits': 'ot=rv:fffffffffffffff',
    'a field without a colon': 'ot=th;rv',
    'a member without a value': 'vendor',
    'a key in capitals': 'Vendor=1',
    'bytes that are no text': Uint8Array.of(0xff, 0xfe, 0, 1),
    '10,000 vendors': Array.from({ length: 10_000 }, (_, at) => `v${at}=1`).join(','),
    'a megabyte of one vendor': `v=${'x'.repeat(2 ** 20)}`,
    'an ot of 300 characters': `ot=th:8;x:${'y'.repeat(300)}`,
  } as const;
  for (const [what, traceState] of Object.entries(malformed)) {
    test(`such as ${what} is left as it is, and counted`, async () => {
      for (const mode of ['proportional', 'equalizing']) {
        const config = { mode, sampling_percentage: 50, fail_closed: false };
        const rig = await ProcessorRig.start('probabilistic_sampler', config);
        await rig.offer(spanBatch([{ traceId: KEPT_ID, traceState }]));
        const [kept, ...others] = rig.spans();
        assert.equal(others.length, 0);
        assert.equal(kept?.traceState, Buffer.from(traceState).toString('latin1'), mode);
        assert.equal(rig.context.meter.total('remora_sampling_malformed_items'), 1);
        await rig.finish();
      }
    });
  }
});

describe('a trace id that names no trace', () => {
  const ids = {
    absent: undefined,
    empty: new Uint8Array(0),
    zeros: new Uint8Array(16),
    short: new Uint8Array(8).fill(1),
    long: new Uint8Array(17).fill(1),
  };
  for (const [what, traceId] of Object.entries(ids)) {
    const shape: SpanShape = traceId === undefined ? {} : { traceId };
    for (const mode of ['hash_seed', 'proportional', 'equalizing']) {
      test(`(${what}) is dropped by ${mode} when it fails closed, else kept unless nothing is`, async () => {
        const kept = async (sampling_percentage: number, fail_closed: boolean): Promise<number> => {
          const config = { mode, sampling_percentage, fail_closed };
          const rig = await ProcessorRig.start('probabilistic_sampler', config);
          assert.equal((await rig.offer(spanBatch([shape]))).status, 'accepted');
          await rig.finish();
          // Where nothing is kept nobody asks.
          const asked = sampling_percentage > 0 ? 1 : 0;
          assert.equal(rig.context.meter.total('remora_sampling_missing_randomness_items'), asked, what);
          return rig.spans().length;
        };
        assert.deepEqual([await kept(50, true), await kept(50, false), await kept(0, false)], [0, 1, 0]);
      });
    }
  }
});

/** One span whose own bytes are these. */
function rawSpan(content: Uint8Array, signal: 'traces' | 'logs' = 'traces') {
  const writer = new Writer();
  const resource = writer.begin(REQUEST.resources);
  const scope = writer.begin(RESOURCE_X.scopes);
  writer.bytes(SCOPE_X.items, content);
  writer.end(scope);
  writer.end(resource);
  return makeBatch(signal, [writer.take()], 1);
}

describe('a message that is cut off', () => {
  const ID = Buffer.concat([Buffer.of((SPAN.traceId << 3) | 2, 16), Buffer.alloc(16, 0xfe)]);
  const LOG_ID = Buffer.concat([Buffer.of((LOG.traceId << 3) | 2, 16), Buffer.alloc(16, 0xfe)]);
  const broken = {
    'a trace id that runs past its span': Buffer.of((SPAN.traceId << 3) | 2, 16, 1, 2, 3),
    'an attribute that runs past its span': Buffer.concat([ID, Buffer.of((SPAN.attributes << 3) | 2, 100, 1)]),
    'a tag that does not end': Buffer.concat([ID, Buffer.of(0x80)]),
    'a wire type that does not exist': Buffer.concat([ID, Buffer.of((SPAN.name << 3) | 7)]),
  };
  for (const [name, type, config] of SAMPLERS) {
    for (const [what, content] of Object.entries(broken)) {
      test(`by ${what} is refused as malformed by ${name}`, async () => {
        const rig = await ProcessorRig.start(type, config);
        const verdict = await rig.processor.consume(rawSpan(content), new AbortController().signal);
        assert.ok(verdict.status === 'rejected', verdict.status);
        assert.equal('code' in verdict.reason && verdict.reason.code, 'payload_malformed');
        await rig.finish();
        assert.equal(rig.out.items, 0);
      });
    }
  }

  for (const config of [
    { mode: 'hash_seed', sampling_percentage: 40 },
    { mode: 'equalizing', sampling_percentage: 40 },
  ]) {
    test(`is refused as malformed where it is a log record too, by ${config.mode}`, async () => {
      const rig = await ProcessorRig.start('probabilistic_sampler', config, 'logs');
      const content = Buffer.concat([LOG_ID, Buffer.of((LOG.attributes << 3) | 2, 100, 1)]);
      const verdict = await rig.processor.consume(rawSpan(content, 'logs'), new AbortController().signal);
      assert.equal(verdict.status, 'rejected');
    });
  }
});

describe('a span that says things twice', () => {
  test('is what its last word says, as for every reader of protobuf, and is rewritten so that no first word is left', async () => {
    const rig = await ProcessorRig.start('probabilistic_sampler', { mode: 'equalizing', sampling_percentage: 50 });
    const writer = new Writer();
    writer.string(SPAN.traceState, 'ot=th:c');
    writer.bytes(SPAN.traceId, new Uint8Array(16).fill(1));
    writer.string(SPAN.traceState, 'a=1');
    writer.bytes(SPAN.traceId, KEPT_ID);
    await rig.offer(rawSpan(writer.take()));
    const [span] = rig.spans();
    assert.equal(span?.traceId, KEPT_ID.toString('hex'));
    assert.equal(span.traceState, 'ot=th:8,a=1');
  });
});

describe('any log record', () => {
  const records = fc.array(
    fc.record(
      {
        traceId: traceIds(),
        attributes: fc.dictionary(
          fc.constantFrom('sampling.threshold', 'sampling.randomness', 'sampling.priority', 'key'),
          fc.oneof(
            fc.constantFrom('8', 'fd71', 'XYZ', '', 'fffffffffffffe', '0.5', 'NaN'),
            fc.integer({ min: -1, max: 200 }),
          ),
        ),
      },
      { requiredKeys: [] },
    ),
    { minLength: 1, maxLength: 10 },
  );
  for (const mode of ['hash_seed', 'proportional', 'equalizing']) {
    for (const source of [{ attribute_source: 'traceID' }, { attribute_source: 'record', from_attribute: 'key' }]) {
      test(`passes ${mode} by ${source.attribute_source} or is dropped with a count`, async () => {
        await fc.assert(
          fc.asyncProperty(records, async (shapes) => {
            const config = { mode, sampling_percentage: 40, sampling_priority: 'sampling.priority', ...source };
            const rig = await ProcessorRig.start('probabilistic_sampler', config, 'logs');
            const batch = logBatch(shapes);
            const copy = Buffer.from(batchBytes(batch));
            assert.equal((await rig.offer(batch)).status, 'accepted');
            await rig.finish();
            assert.ok(copy.equals(batchBytes(batch)), 'the request itself is never written to');
          }),
          { numRuns: RUNS },
        );
      });
    }
  }
});
