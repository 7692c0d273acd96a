import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { batchBytes, makeBatch } from '../../../src/core/batch.ts';
import { KEY_VALUE, REQUEST, RESOURCE_X, SCOPE_X, SPAN } from '../../../src/otlp/fields.ts';
import { SpanSampler } from '../../../src/otlp/sampling/span-sampler.ts';
import { I32, SGROUP } from '../../../src/otlp/wire.ts';
import { Writer } from '../../../src/otlp/writer.ts';
import { probabilisticSamplerConfig } from '../../../src/processors/probabilistic-sampler/config.ts';
import { Judge } from '../../../src/processors/probabilistic-sampler/judge.ts';

/**
 * What is decided about plain spans in a short way, against the long way that all spans may take: the same bytes, the same
 * counts, whatever fields a span has, in any order and any number.
 */
const RUNS = Number(process.env['FUZZ_RUNS'] ?? 400);

type Put = (writer: Writer) => void;

const bytesOf = (...lengths: readonly number[]): fc.Arbitrary<Uint8Array> =>
  fc.constantFrom(...lengths).chain((length) => fc.uint8Array({ minLength: length, maxLength: length }));

const traceId = fc
  .oneof({ weight: 8, arbitrary: bytesOf(16) }, bytesOf(0, 8, 15, 17), fc.constant(new Uint8Array(16)))
  .map(
    (id): Put =>
      (writer) =>
        writer.bytes(SPAN.traceId, id),
  );

const traceState = fc.constantFrom('', 'zz=1', 'ot=th:8', 'ot=rv:ffffffffffffff', 'ot=x').map(
  (text): Put =>
    (writer) =>
      writer.string(SPAN.traceState, text),
);

const KEYS = ['sampling.priority', 'db.operation.name', 'a', '', 'k'.repeat(31), 'k'.repeat(200)];

/** Its key before its value, after it, more than once or not at all. */
const attribute = fc
  .record({ keys: fc.array(fc.constantFrom(...KEYS), { maxLength: 2 }), value: bytesOf(0, 2, 200) })
  .chain(({ keys, value }) =>
    fc.boolean().map((isValueFirst): Put => (writer) => {
      const mark = writer.begin(SPAN.attributes);
      if (isValueFirst) writer.bytes(KEY_VALUE.value, intValue(value));
      for (const key of keys) writer.string(KEY_VALUE.key, key);
      if (!isValueFirst) writer.bytes(KEY_VALUE.value, intValue(value));
      writer.end(mark);
    }),
  );

/** An AnyValue: an int, or a text of this length. */
function intValue(value: Uint8Array): Uint8Array {
  return value.length > 2
    ? Buffer.concat([Buffer.of(0x0a, 0xc8, 0x01), Buffer.alloc(200, 0x61)])
    : Uint8Array.of(0x18, value[0] ?? 0).map((byte) => byte & 0x7f);
}

const other = fc.oneof(
  fc.nat(20_000).map(
    (length): Put =>
      (writer) =>
        writer.bytes(SPAN.name, Buffer.alloc(length, 0x6e)),
  ),
  fc.nat(300).map(
    (kind): Put =>
      (writer) =>
        writer.uint(SPAN.kind, kind),
  ),
  fc.constant<Put>((writer) => writer.fixed64Parts(SPAN.startTimeUnixNano, 1, 2)),
  fc.constant<Put>((writer) => writer.fixed32(SPAN.flags, 0x101)),
  fc.constant<Put>((writer) => writer.uint(SPAN.flags, 1)),
  fc.constant<Put>((writer) => writer.bytes(SPAN.status, new Uint8Array(0))),
  fc.constant<Put>((writer) => writer.raw(Uint8Array.of((5 << 3) | I32, 1, 2, 3, 4))),
  fc.constant<Put>((writer) => writer.raw(Uint8Array.of((6 << 3) | SGROUP, 8, 1, (6 << 3) | 4))),
  fc.constant<Put>((writer) => writer.string(1000, 'of a later version')),
);

const span = fc.array(
  fc.oneof(
    { weight: 4, arbitrary: traceId },
    { weight: 1, arbitrary: traceState },
    { weight: 3, arbitrary: attribute },
    { weight: 6, arbitrary: other },
  ),
  { maxLength: 8 },
);

function requestOf(scopes: readonly (readonly (readonly Put[])[])[]): Uint8Array {
  const writer = new Writer(256);
  const resource = writer.begin(REQUEST.resources);
  for (const spans of scopes) {
    const scope = writer.begin(RESOURCE_X.scopes);
    for (const puts of spans) {
      const item = writer.begin(SCOPE_X.items);
      for (const put of puts) put(writer);
      writer.end(item);
    }
    writer.string(SCOPE_X.schemaUrl, 'https://x');
    writer.end(scope);
  }
  writer.end(resource);
  return writer.take();
}

const rule = fc.record({
  mode: fc.constantFrom('hash_seed', 'equalizing', 'proportional'),
  sampling_percentage: fc.constantFrom(100, 50, 10, 99.9),
  hash_seed: fc.constantFrom(0, 22, 4_294_967_295),
});

function sample(settings: object, request: Uint8Array, items: number, isShort: boolean) {
  const judge = new Judge(probabilisticSamplerConfig().parse(settings), 'traces');
  const sampler = new SpanSampler(judge.keys, isShort ? judge.plainSpan : undefined);
  const tally = judge.begin();
  const { batch, dropped } = sampler.run(makeBatch('traces', [request], items), judge.span);
  const { adjusted, ...counts } = tally;
  return {
    dropped,
    counts,
    adjusted: Math.round(adjusted * 1e6),
    bytes: batch === undefined ? '' : Buffer.from(batchBytes(batch)).toString('hex'),
  };
}

test('plain spans become what all others become, whatever fields they have and in which order', () => {
  fc.assert(
    fc.property(rule, fc.array(fc.array(span, { maxLength: 4 }), { maxLength: 3 }), (settings, scopes) => {
      const request = requestOf(scopes);
      const items = scopes.flat().length;
      assert.deepEqual(sample(settings, request, items, true), sample(settings, request, items, false));
    }),
    { numRuns: RUNS },
  );
});

test('of damaged requests nothing else is made', () => {
  const damage = fc.array(fc.tuple(fc.nat(10_000), fc.nat(255)), { minLength: 1, maxLength: 3 });
  fc.assert(
    fc.property(rule, fc.array(span, { minLength: 1, maxLength: 3 }), damage, (settings, spans, places) => {
      const request = requestOf([spans]);
      for (const [at, byte] of places) request[at % request.length] = byte;
      const long = attempt(() => sample(settings, request, spans.length, false));
      if (long === undefined) attempt(() => sample(settings, request, spans.length, true));
      else assert.deepEqual(sample(settings, request, spans.length, true), long);
    }),
    { numRuns: RUNS },
  );
});

/** Undefined when it is refused as bad data. */
function attempt<T>(run: () => T): T | undefined {
  try {
    return run();
  } catch (error) {
    assert.equal(Reflect.get(Object(error), 'code'), 'payload_malformed');
    return undefined;
  }
}

test('most spans do take the short way', () => {
  const judge = new Judge(probabilisticSamplerConfig().parse({ sampling_percentage: 100 }), 'traces');
  const sampler = new SpanSampler(judge.keys, judge.plainSpan);
  const put: Put[] = [
    (writer) => writer.bytes(SPAN.traceId, Buffer.alloc(16, 7)),
    (writer) => writer.bytes(SPAN.name, Buffer.alloc(300, 0x6e)),
    (writer) => writer.bytes(SPAN.attributes, Buffer.from('\n\x11db.operation.name')),
    (writer) => writer.fixed32(SPAN.flags, 0x101),
  ];
  const refuse = (): boolean => assert.fail('It took the long way.');
  const { batch } = sampler.run(makeBatch('traces', [requestOf([[put, put]])], 2), refuse);
  assert.equal(batch?.items, 2);
});
