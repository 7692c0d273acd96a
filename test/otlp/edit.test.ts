import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import protobuf from 'protobufjs';
import { makeBatch, type Batch } from '../../src/core/batch.ts';
import { RemoraError } from '../../src/core/errors.ts';
import { SIGNALS, type Signal } from '../../src/core/signal.ts';
import type { AttributeList } from '../../src/otlp/attribute-list.ts';
import { countItems } from '../../src/otlp/count.ts';
import { rewriteRequest, type RequestEdit } from '../../src/otlp/edit.ts';
import { Cursor, LEN } from '../../src/otlp/wire.ts';
import { Writer } from '../../src/otlp/writer.ts';
import { decodeRequest, encodeMessage, encodeRequest, requestType, type PlainObject } from '../support/otlp-proto.ts';

const utf8 = (text: string): Uint8Array => Buffer.from(text);
const keyValue = (key: string, value: string): Uint8Array =>
  encodeMessage('KeyValue', { key, value: { stringValue: value } });
const bytesOf = (batch: Batch | undefined): Buffer => Buffer.concat(batch?.chunks ?? []);
const batchOf = (signal: Signal, ...chunks: Uint8Array[]): Batch =>
  makeBatch(
    signal,
    chunks,
    chunks.reduce((items, chunk) => items + countItems(signal, chunk), 0),
  );

const SPAN = { name: 'a', attributes: [{ key: 'k', value: { stringValue: 'v' } }] };
const spans = (...items: PlainObject[]): Uint8Array =>
  encodeRequest('traces', { resourceSpans: [{ resource: {}, scopeSpans: [{ scope: {}, spans: items }] }] });

const upsert =
  (key: string, value: string) =>
  (list: AttributeList): void => {
    const at = list.find(utf8(key));
    if (at < 0) list.append(keyValue(key, value));
    else list.set(at, keyValue(key, value));
  };
const remove =
  (key: string) =>
  (list: AttributeList): void => {
    for (let at = list.find(utf8(key)); at >= 0; at = list.find(utf8(key))) list.remove(at);
  };

test('an edit that changes nothing gives back the very same batch', () => {
  const batch = batchOf('traces', spans(SPAN));
  const edit: RequestEdit = {
    resource: remove('absent'),
    scope: remove('absent'),
    item: remove('absent'),
    dropItem: () => false,
  };
  assert.equal(rewriteRequest(batch, edit).batch, batch);
  assert.equal(rewriteRequest(batch, {}).batch, batch);
});

test('chunks in which nothing changes are shared, not copied', () => {
  const other = spans({ ...SPAN, name: 'other' });
  const batch = batchOf('traces', spans(SPAN), other);
  const { batch: result, dropped } = rewriteRequest(batch, { dropItem: nameIs('a') });
  assert.equal(dropped, 1);
  assert.deepEqual(result?.chunks, [other]);
  assert.equal(result.chunks[0], other);
  assert.equal(result.items, 1);
});

test('dropping every item leaves no batch', () => {
  const batch = batchOf('traces', spans(SPAN, SPAN), spans(SPAN));
  assert.deepEqual(rewriteRequest(batch, { dropItem: () => true }), { batch: undefined, dropped: 3, copied: true });
});

test('unknown fields and the order of fields survive byte for byte around a changed attribute', () => {
  const unknown = Buffer.from([0xba, 0x3e, 0x02, 0xff, 0x00]); // field 999, LEN
  const request = (value: string): Buffer => {
    const span = Buffer.concat([unknown, field(9, keyValue('k', value)), field(5, utf8('name')), unknown]);
    const scope = Buffer.concat([field(2, span), unknown, field(1, field(1, utf8('scope')))]);
    const resourceX = Buffer.concat([field(2, scope), field(1, unknown), unknown]);
    return Buffer.concat([unknown, field(1, resourceX), unknown]);
  };
  const batch = batchOf('traces', request('old'));
  const { batch: result } = rewriteRequest(batch, { item: upsert('k', 'a longer value than there was') });
  assert.deepEqual(bytesOf(result), request('a longer value than there was'));
});

test('lengths that need more bytes after the edit are written right', () => {
  const value = 'x'.repeat(20_000);
  const { batch } = rewriteRequest(batchOf('traces', spans(SPAN, SPAN)), { item: upsert('k', value) });
  const span = { name: 'a', attributes: [{ key: 'k', value: { stringValue: value } }] };
  assert.deepEqual(bytesOf(batch), Buffer.from(spans(span, span)));
});

test('a resource or a scope that is missing is created when an attribute is added to it', () => {
  const request = encodeRequest('logs', { resourceLogs: [{ scopeLogs: [{ logRecords: [{}] }] }] });
  const { batch } = rewriteRequest(batchOf('logs', request), { resource: upsert('r', '1'), scope: upsert('s', '2') });
  const attributes = (key: string, value: string): PlainObject => ({
    attributes: [{ key, value: { stringValue: value } }],
  });
  const expected = encodeRequest('logs', {
    resourceLogs: [{ resource: attributes('r', '1'), scopeLogs: [{ scope: attributes('s', '2'), logRecords: [{}] }] }],
  });
  assert.deepEqual(decodeRequest('logs', bytesOf(batch)), decodeRequest('logs', expected));
});

test('a resource that comes in two parts is edited as the one that protobuf makes of it', () => {
  const part = (key: string): Buffer => field(1, field(1, keyValue(key, 'old')));
  const scope = field(2, field(2, field(5, utf8('span'))));
  const batch = batchOf('traces', field(1, Buffer.concat([part('a'), scope, part('b')])));
  const { batch: result } = rewriteRequest(batch, {
    resource: (list, place) => {
      upsert('b', 'new')(list);
      upsert('c', 'new')(list);
      assert.equal(place.signal, 'traces');
    },
  });
  const decoded = decodeRequest('traces', bytesOf(result)) as { resourceSpans: { resource: unknown }[] };
  const text = JSON.stringify(decoded.resourceSpans[0]?.resource);
  assert.equal(text.match(/"key"/g)?.length, 3);
  assert.equal(text.match(/"new"/g)?.length, 2);
});

test('a metric, a scope or a resource left without items by a drop goes away, one that never had any stays', () => {
  const gauge = (name: string, ...points: PlainObject[]): PlainObject => ({ name, gauge: { dataPoints: points } });
  const gone = { asInt: 1 };
  const stays = { asInt: 2 };
  const before = {
    resourceMetrics: [
      { scopeMetrics: [{ metrics: [gauge('x', gone)] }] },
      { schemaUrl: 'empty from the start' },
      {
        scopeMetrics: [
          { metrics: [gauge('x', gone), gauge('y', gone, stays), gauge('never any')] },
          { metrics: [gauge('x', gone)] },
        ],
      },
    ],
  };
  const after = {
    resourceMetrics: [
      { schemaUrl: 'empty from the start' },
      { scopeMetrics: [{ metrics: [gauge('y', stays), gauge('never any')] }] },
    ],
  };
  const batch = batchOf('metrics', encodeRequest('metrics', before));
  const point = new Cursor();
  const { batch: result, dropped } = rewriteRequest(batch, {
    dropItem: ({ bytes, itemStart, itemEnd }) => {
      for (point.reset(bytes, itemStart, itemEnd); point.next();) if (point.field === 6) return point.fixed64() === 1n;
      return false;
    },
  });
  assert.equal(dropped, 4);
  assert.equal(result?.items, 1);
  assert.deepEqual(
    decodeRequest('metrics', bytesOf(result)),
    decodeRequest('metrics', encodeRequest('metrics', after)),
  );
});

test('bytes that are cut off inside an item throw payload_malformed, and the next request is fine', () => {
  const broken = field(1, field(2, field(2, Buffer.from([0x4a, 0x7f]))));
  const edit: RequestEdit = { item: upsert('k', 'new') };
  assert.throws(
    () => rewriteRequest(makeBatch('traces', [broken], 1), edit),
    (error) => error instanceof RemoraError && error.code === 'payload_malformed',
  );
  const { batch } = rewriteRequest(batchOf('traces', spans(SPAN)), edit);
  assert.match(bytesOf(batch).toString('latin1'), /new/);
});

for (const signal of SIGNALS) {
  test(`${signal}: edits and drops equal the same ones made on the decoded request, in any order of fields`, () => {
    fc.assert(
      fc.property(requests(signal), fc.integer(), ({ object, seed }, salt) => {
        const bytes = shuffled(requestType(signal), encodeRequest(signal, object), randomOf(seed));
        const batch = batchOf(signal, bytes);
        const drops = fc.sample(fc.boolean(), { numRuns: Math.max(1, batch.items), seed: salt });
        let item = 0;
        const edited = rewriteRequest(batch, {
          resource: upsert('k1', 'resource'),
          scope: remove('k2'),
          item: (list) => {
            remove('k0')(list);
            upsert('k2', 'item')(list);
          },
          dropItem: () => drops[item++] === true,
        });
        const expected = model(signal, decodeRequest(signal, bytes), drops);
        assert.equal(item, batch.items);
        if (edited.batch === undefined) assert.equal(edited.dropped, batch.items);
        else assert.deepEqual(sortAttributes(decodeRequest(signal, bytesOf(edited.batch))), sortAttributes(expected));
        if (edited.batch !== undefined) assert.equal(countItems(signal, bytesOf(edited.batch)), edited.batch.items);
      }),
      { numRuns: 150 },
    );
  });
}

function nameIs(name: string): NonNullable<RequestEdit['dropItem']> {
  const cursor = new Cursor();
  return ({ bytes, itemStart, itemEnd }) => {
    for (cursor.reset(bytes, itemStart, itemEnd); cursor.next();)
      if (cursor.field === 5) return cursor.string() === name;
    return false;
  };
}

function field(number: number, content: Uint8Array): Buffer {
  const writer = new Writer();
  writer.bytes(number, content);
  return Buffer.from(writer.take());
}

// The model: the same edits on plain objects.

interface Envelope {
  [key: string]: unknown;
  attributes?: { key: string; value: unknown }[];
}

const LISTS = {
  traces: ['resourceSpans', 'scopeSpans', 'spans'],
  metrics: ['resourceMetrics', 'scopeMetrics', 'metrics'],
  logs: ['resourceLogs', 'scopeLogs', 'logRecords'],
} as const;
const KINDS = ['gauge', 'sum', 'histogram', 'exponentialHistogram', 'summary'];

function model(signal: Signal, request: PlainObject, drops: readonly boolean[]): PlainObject {
  let item = 0;
  const [resources, scopes, items] = LISTS[signal];
  const keepItems = (found: Envelope[]): Envelope[] =>
    found.filter((each) => {
      if (drops[item++] === true) return false;
      each.attributes = (each.attributes ?? []).filter(({ key }) => key !== 'k0');
      modelUpsert(each, 'k2', 'item');
      return true;
    });
  const keepMetric = (metric: Envelope): boolean => {
    const kind = KINDS.find((name) => metric[name] !== undefined && metric[name] !== null);
    if (kind === undefined) return true;
    const data = metric[kind] as { dataPoints: Envelope[] };
    const before = data.dataPoints.length;
    data.dataPoints = keepItems(data.dataPoints);
    return data.dataPoints.length > 0 || before === 0;
  };
  const points = (metrics: Envelope[]): number =>
    metrics.reduce(
      (sum, metric) =>
        sum + KINDS.reduce((n, kind) => n + ((metric[kind] as { dataPoints: [] } | null)?.dataPoints.length ?? 0), 0),
      0,
    );
  const count = (found: Envelope[]): number => (signal === 'metrics' ? points(found) : found.length);
  const total = (found: Envelope[]): number => found.reduce((sum, each) => sum + count(each[items] as Envelope[]), 0);
  request[resources] = (request[resources] as Envelope[]).filter((resourceX) => {
    const had = total(resourceX[scopes] as Envelope[]);
    resourceX['resource'] ??= emptyOf('Resource');
    modelUpsert(resourceX['resource'] as Envelope, 'k1', 'resource');
    resourceX[scopes] = (resourceX[scopes] as Envelope[]).filter((scopeX) => {
      const hadItems = count(scopeX[items] as Envelope[]);
      const scope = scopeX['scope'] as Envelope | null;
      if (scope !== null) scope.attributes = (scope.attributes ?? []).filter(({ key }) => key !== 'k2');
      const found = scopeX[items] as Envelope[];
      scopeX[items] = signal === 'metrics' ? found.filter(keepMetric) : keepItems(found);
      return count(scopeX[items] as Envelope[]) > 0 || hadItems === 0;
    });
    return total(resourceX[scopes] as Envelope[]) > 0 || had === 0;
  });
  return request;
}

function modelUpsert(target: Envelope, key: string, value: string): void {
  const attributes = (target.attributes ??= []);
  const changed = { key, value: { stringValue: value } };
  const at = attributes.findIndex((attribute) => attribute.key === key);
  if (at < 0) attributes.push(changed);
  else attributes[at] = changed;
}

function emptyOf(name: string): PlainObject {
  const request = encodeRequest('traces', { resourceSpans: [{ resource: {} }] });
  assert.equal(name, 'Resource');
  return (decodeRequest('traces', request) as { resourceSpans: { resource: PlainObject }[] }).resourceSpans[0]!
    .resource;
}

/** Attributes in the order of their keys: where a new one stands in its list is not what is tested. */
function sortAttributes(value: unknown): unknown {
  if (Array.isArray(value)) {
    const items = value.map(sortAttributes);
    const keyed = items.every((item) => typeof item === 'object' && item !== null && 'key' in item);
    return keyed ? items.sort((a, b) => JSON.stringify(a).localeCompare(JSON.stringify(b))) : items;
  }
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, sortAttributes(inner)]));
}

// Requests

function requests(signal: Signal): fc.Arbitrary<{ object: PlainObject; seed: number }> {
  const value = fc.oneof(
    fc.record({ stringValue: fc.string({ maxLength: 40 }) }),
    fc.record({ intValue: fc.integer() }),
    fc.record({ boolValue: fc.boolean() }),
    fc.record({ kvlistValue: fc.constant({ values: [{ key: 'k0', value: { stringValue: 'inner' } }] }) }),
    fc.constant({}),
  );
  const attributes = fc
    .uniqueArray(fc.record({ key: fc.constantFrom('k0', 'k1', 'k2', 'k3'), value }), { selector: ({ key }) => key })
    .map((list) => list as PlainObject[]);
  const few = <T>(inner: fc.Arbitrary<T>): fc.Arbitrary<T[]> => fc.array(inner, { maxLength: 3 });
  const item: Record<Signal, fc.Arbitrary<unknown>> = {
    traces: fc.record({ name: fc.string(), attributes, traceId: fc.uint8Array({ minLength: 16, maxLength: 16 }) }),
    logs: fc.record({ body: value, attributes, severityNumber: fc.nat(24) }),
    metrics: fc
      .tuple(fc.constantFrom(...KINDS), few(fc.record({ attributes, timeUnixNano: fc.nat() })))
      .map(([kind, dataPoints]) => ({ name: kind, [kind]: { dataPoints } })),
  };
  const [resources, scopes, items] = LISTS[signal];
  const scopeX = fc.record(
    { scope: fc.record({ name: fc.string(), attributes }), [items]: few(item[signal]) },
    { requiredKeys: [items] },
  );
  const resourceX = fc.record(
    { resource: fc.record({ attributes }), [scopes]: few(scopeX), schemaUrl: fc.string() },
    { requiredKeys: [scopes] },
  );
  return fc.record({
    object: fc.record({ [resources]: few(resourceX) }),
    seed: fc.integer(),
  });
}

/** The same message with its fields, at every depth, in another order and with unknown fields between them. */
function shuffled(type: protobuf.Type, bytes: Uint8Array, random: () => number): Buffer {
  const parts: Buffer[] = [];
  for (const cursor = new Cursor(bytes); cursor.next();) {
    const inner = type.fieldsById[cursor.field]?.resolve().resolvedType;
    const isMessage = inner instanceof protobuf.Type && cursor.wireType === LEN;
    parts.push(
      isMessage
        ? field(cursor.field, shuffled(inner, cursor.view(), random))
        : Buffer.from(bytes.subarray(cursor.tagStart, cursor.end)),
    );
  }
  if (random() < 0.3) parts.push(field(900 + Math.floor(random() * 9), Buffer.from([1, 2, 3])));
  return Buffer.concat(
    parts
      .map((part) => ({ part, at: random() }))
      .sort((a, b) => a.at - b.at)
      .map(({ part }) => part),
  );
}

function randomOf(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
}
