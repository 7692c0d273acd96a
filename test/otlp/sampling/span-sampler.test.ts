import assert from 'node:assert/strict';
import { test } from 'node:test';
import { batchBytes, makeBatch, type Batch } from '../../../src/core/batch.ts';
import { RemoraError } from '../../../src/core/errors.ts';
import { countItems } from '../../../src/otlp/count.ts';
import { SpanSampler, type SpanDecision } from '../../../src/otlp/sampling/span-sampler.ts';
import { parseThreshold } from '../../../src/otlp/sampling/threshold.ts';
import { Writer } from '../../../src/otlp/writer.ts';
import { decodeRequest, encodeMessage, encodeRequest, type PlainObject } from '../../support/otlp-proto.ts';

const HALF = parseThreshold('8') ?? assert.fail();
const id = (last: number): Buffer => Buffer.alloc(16, last);

function batchOf(...chunks: Uint8Array[]): Batch {
  return makeBatch(
    'traces',
    chunks,
    chunks.reduce((items, chunk) => items + countItems('traces', chunk), 0),
  );
}

const request = (...scopes: PlainObject[][]): Uint8Array =>
  encodeRequest('traces', {
    resourceSpans: [{ resource: {}, scopeSpans: scopes.map((spans) => ({ scope: { name: 'x' }, spans })) }],
  });

interface Span {
  readonly name: string;
  readonly traceState?: string;
}

function spansIn(batch: Batch | undefined): Span[] {
  if (batch === undefined) return [];
  const { resourceSpans } = decodeRequest('traces', batchBytes(batch)) as {
    resourceSpans: { scopeSpans: { spans: Span[] }[] }[];
  };
  return resourceSpans.flatMap(({ scopeSpans }) => scopeSpans.flatMap(({ spans }) => spans));
}

const keepHalf: SpanDecision = (_, state) => {
  state.raiseThreshold(HALF);
  return true;
};

test('a batch of which everything stays as it is is the same batch', () => {
  const batch = batchOf(request([{ name: 'a', traceId: id(1), traceState: 'ot=th:8' }, { name: 'b' }]));
  assert.equal(new SpanSampler().run(batch, () => true).batch, batch);
  const same = batchOf(request([{ name: 'a', traceState: 'ot=th:8' }]));
  assert.equal(new SpanSampler().run(same, keepHalf).batch, same);
});

test('a tracestate is added, replaced and left alone, span by span', () => {
  const spans = [
    { name: 'none', traceId: id(1), attributes: [{ key: 'k', value: { stringValue: 'v'.repeat(300) } }] },
    { name: 'other', traceId: id(2), traceState: 'zz=1' },
    { name: 'greater', traceId: id(3), traceState: 'ot=th:c' },
    { name: 'bad', traceId: id(4), traceState: 'ot=th:g' },
  ];
  const { batch, dropped } = new SpanSampler().run(batchOf(request(spans)), keepHalf);
  assert.equal(dropped, 0);
  const states = spansIn(batch).map(({ traceState }) => traceState);
  assert.deepEqual(states, ['ot=th:8', 'ot=th:8,zz=1', 'ot=th:c', 'ot=th:g']);
  // Everything else is what it was.
  const rest = (from: Batch | undefined) => spansIn(from).map((span) => ({ ...span, traceState: '' }));
  assert.deepEqual(rest(batch), rest(batchOf(request(spans))));
});

test('what dropping leaves empty goes as well', () => {
  const sampler = new SpanSampler();
  const keep =
    (...names: string[]): SpanDecision =>
    (span, state) => {
      const text = Buffer.from(span.bytes).toString('latin1', span.place.itemStart, span.place.itemEnd);
      return keepHalf(span, state) && names.some((name) => text.includes(`*${name}*`));
    };
  const batch = batchOf(request([{ name: '*a*' }, { name: '*b*' }], [{ name: '*c*' }]), request([{ name: '*d*' }]));
  const some = sampler.run(batch, keep('b', 'd'));
  assert.equal(some.dropped, 2);
  assert.equal(some.batch?.items, 2);
  assert.deepEqual(
    spansIn(some.batch).map(({ name, traceState }) => `${name}${traceState ?? ''}`),
    ['*b*ot=th:8', '*d*ot=th:8'],
  );
  assert.deepEqual(sampler.run(batch, keep()), { batch: undefined, dropped: 4, copied: true });
  // Room is made by what was left of the request before: little may be followed by much.
  assert.equal(spansIn(sampler.run(batch, keep('a', 'b', 'c', 'd')).batch).length, 4);
});

test('a span says where its trace id, tracestate and one attribute are', () => {
  const seen: unknown[] = [];
  const decide: SpanDecision = (span, state) => {
    const text = (start: number, end: number) =>
      start < 0 ? '' : Buffer.from(span.bytes.subarray(start, end)).toString();
    seen.push([
      span.traceIdAt < 0 ? '' : Buffer.from(span.bytes.subarray(span.traceIdAt, span.traceIdAt + 16)).toString('hex'),
      text(span.traceStateStart, span.traceStateEnd),
      text(span.attributeStarts[1] ?? -1, span.attributeEnds[1] ?? 0).slice(2, 5),
      state.status,
    ]);
    return true;
  };
  const attributes = [
    { key: 'keys', value: { stringValue: 'other' } },
    { key: 'kez', value: { stringValue: 'same length' } },
    { key: 'key', value: { intValue: 1 } },
    { key: 'key', value: { intValue: 2 } },
  ];
  const batch = batchOf(
    request([
      { traceId: id(7), traceState: 'a=1', attributes, flags: 1, name: 'n'.repeat(20_000) },
      { traceId: id(0) },
      { traceId: Buffer.alloc(15, 1) },
      { traceId: Buffer.alloc(17, 1), traceState: '=' },
    ]),
  );
  new SpanSampler(['other', 'key']).run(batch, decide);
  assert.deepEqual(seen, [
    ['07'.repeat(16), 'a=1', 'key', 'plain'],
    ['', '', '', 'absent'],
    ['', '', '', 'absent'],
    ['', '=', '', 'malformed'],
  ]);
});

/** A span of fields in any order, given as bytes, in a request. */
function rawSpan(...fields: Uint8Array[]): Uint8Array {
  const writer = new Writer();
  const marks = [1, 2, 2].map((field) => writer.begin(field));
  for (const field of fields) writer.raw(field);
  for (const mark of marks.reverse()) writer.end(mark);
  return writer.detach(0);
}

const field = (span: PlainObject): Uint8Array => encodeMessage('Span', span);

test('fields come in any order, several times, and with tags of any length', () => {
  const overlongTag = Buffer.from([0x8a, 0x80, 0x00, 16, ...id(9)]);
  const bytes = rawSpan(
    field({ traceState: 'zz=old' }),
    field({ attributes: [{ key: 'a', value: { intValue: 5 } }] }),
    field({ name: 'late' }),
    overlongTag,
    field({ traceState: 'zz=new' }),
    Buffer.from([0xf8, 0x07, 0x01]), // an unknown field 127
  );
  const sampler = new SpanSampler();
  let traceId = '';
  const { batch } = sampler.run(batchOf(bytes), (span, state) => {
    traceId = Buffer.from(span.bytes.subarray(span.traceIdAt, span.traceIdAt + 16)).toString('hex');
    return keepHalf(span, state);
  });
  assert.equal(traceId, '09'.repeat(16));
  assert.deepEqual(
    spansIn(batch).map(({ name, traceState }) => [name, traceState]),
    [['late', 'ot=th:8,zz=new']],
  );
  assert.ok(Buffer.from(batchBytes(batch ?? assert.fail())).includes(Buffer.from([0xf8, 0x07, 0x01])));
});

test('a span that cannot be walked is malformed', () => {
  const bad = [
    [0x0a, 16, 1],
    [0x0a],
    [0x00, 0x00],
    [0x39, 1, 2],
    [0x30, 0xff],
    [0x0e, 1],
    [0x0a, 0xff, 0xff, 0xff, 0xff, 0x0f],
    [0x4a, 0x82, 0x01, 1],
  ];
  for (const bytes of bad) {
    const batch = batchOf(rawSpan(Buffer.from(bytes)));
    assert.throws(
      () => new SpanSampler(['a']).run(batch, () => true),
      (error) => error instanceof RemoraError && error.code === 'payload_malformed',
      JSON.stringify(bytes),
    );
  }
});
