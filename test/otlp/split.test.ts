import assert from 'node:assert/strict';
import { test } from 'node:test';
import { batchBytes, makeBatch, type Batch } from '../../src/core/batch.ts';
import { RemoraError } from '../../src/core/errors.ts';
import type { Signal } from '../../src/core/signal.ts';
import { countItems } from '../../src/otlp/count.ts';
import { checkRequest, splitBatch } from '../../src/otlp/split.ts';
import { Writer } from '../../src/otlp/writer.ts';
import { canonical, encodeRequest, itemsOf, type PlainObject } from '../support/otlp-proto.ts';

const text = (key: string, stringValue: string) => ({ key, value: { stringValue } });

function spans(count: number, from = 0, padding = 0): PlainObject[] {
  return Array.from({ length: count }, (_, i) => ({
    traceId: Buffer.alloc(16, 7),
    spanId: Buffer.from(String(from + i).padStart(8, '0')),
    name: `span ${from + i}${'x'.repeat(padding)}`,
  }));
}

function resource(name: string, ...scopes: PlainObject[][]): PlainObject {
  return {
    resource: { attributes: [text('service.name', name)] },
    schemaUrl: 'https://example.test/resource',
    scopeSpans: scopes.map((list, i) => ({
      scope: { name: `scope ${i}` },
      schemaUrl: 'https://example.test/scope',
      spans: list,
    })),
  };
}

function batchOf(signal: Signal, ...requests: Uint8Array[]): Batch {
  return makeBatch(
    signal,
    requests,
    requests.reduce((total, bytes) => total + countItems(signal, bytes), 0),
  );
}

const traces = (...resourceSpans: PlainObject[]) => encodeRequest('traces', { resourceSpans });

/** Parts carry the same items in the same order, know their own size and count, and each is a request by itself. */
function assertWhole(batch: Batch, parts: readonly Batch[]): void {
  for (const part of parts) {
    assert.equal(part.bytes, batchBytes(part).length);
    assert.equal(part.items, countItems(part.signal, batchBytes(part)));
    for (const chunk of part.chunks) countItems(part.signal, chunk);
  }
  assert.deepEqual(
    parts.flatMap((part) => itemsOf(part.signal, part.chunks)),
    itemsOf(batch.signal, batch.chunks),
  );
}

test('a batch within the limit, or without one, comes out as it is', () => {
  const batch = batchOf('traces', traces(resource('a', spans(5))));
  assert.deepEqual(splitBatch(batch, { sizer: 'items', max: 5 }), [batch]);
  assert.deepEqual(splitBatch(batch, { sizer: 'bytes', max: batch.bytes }), [batch]);
  assert.deepEqual(splitBatch(batch, { sizer: 'items', max: 0 }), [batch]);
});

test('resources that fit are taken without a copy', () => {
  const request = traces(...Array.from({ length: 9 }, (_, i) => resource(`r${i}`, spans(3, i * 10))));
  const batch = batchOf('traces', request);
  const parts = splitBatch(batch, { sizer: 'items', max: 6 });
  assert.deepEqual(
    parts.map((part) => part.items),
    [6, 6, 6, 6, 3],
  );
  for (const part of parts) {
    assert.equal(part.chunks.length, 1);
    assert.equal(part.chunks[0]?.buffer, request.buffer);
  }
  assertWhole(batch, parts);
});

test('one resource with one scope is cut between its items and every part keeps the headers', () => {
  const batch = batchOf('traces', traces(resource('a', spans(25))));
  const parts = splitBatch(batch, { sizer: 'items', max: 10 });
  assert.deepEqual(
    parts.map((part) => part.items),
    [10, 10, 5],
  );
  assertWhole(batch, parts);
});

test('parts stay within the byte limit at every limit that single items allow', () => {
  const batch = batchOf(
    'traces',
    traces(resource('a', spans(7), spans(1, 10, 300)), resource('b', spans(12, 20))),
    traces(resource('c', spans(3, 40), [], spans(3, 50))),
  );
  for (let max = 450; max < batch.bytes; max += 7) {
    const parts = splitBatch(batch, { sizer: 'bytes', max });
    for (const part of parts) assert.ok(part.bytes <= max, `${part.bytes} > ${max}`);
    assertWhole(batch, parts);
  }
});

test('a part that is not the last is at least half full', () => {
  const batch = batchOf(
    'traces',
    traces(...Array.from({ length: 40 }, (_, i) => resource(`r${i}`, spans(1 + (i % 7), i * 10)))),
  );
  for (const max of [4, 6, 10, 33]) {
    const parts = splitBatch(batch, { sizer: 'items', max });
    for (const part of parts.slice(0, -1)) assert.ok(part.items * 2 >= max && part.items <= max);
    assertWhole(batch, parts);
  }
});

test('a single item over the byte limit comes out alone', () => {
  const batch = batchOf('traces', traces(resource('a', [...spans(2), ...spans(1, 5, 2000), ...spans(2, 8)])));
  const parts = splitBatch(batch, { sizer: 'bytes', max: 400 });
  const over = parts.filter((part) => part.bytes > 400);
  assert.deepEqual(
    over.map((part) => part.items),
    [1],
  );
  assertWhole(batch, parts);
});

const point = (i: number) => ({ timeUnixNano: String(i), asInt: String(i) });
const KINDS: Record<string, PlainObject> = {
  gauge: { dataPoints: [1, 2, 3, 4, 5].map(point) },
  sum: { dataPoints: [1, 2, 3, 4, 5].map(point), aggregationTemporality: 2, isMonotonic: true },
  histogram: {
    dataPoints: [1, 2, 3, 4, 5].map((i) => ({ count: i, bucketCounts: [i, 0] })),
    aggregationTemporality: 1,
  },
  exponentialHistogram: {
    dataPoints: [1, 2, 3, 4, 5].map((i) => ({ count: i, scale: -i })),
    aggregationTemporality: 1,
  },
  summary: { dataPoints: [1, 2, 3, 4, 5].map((i) => ({ count: i, sum: i })) },
};

for (const [kind, data] of Object.entries(KINDS)) {
  test(`a metric of kind ${kind} is cut between its data points and every part keeps name, unit and the like`, () => {
    const metric = { name: 'm', description: 'd', unit: 'u', metadata: [text('k', 'v')], [kind]: data };
    const batch = batchOf(
      'metrics',
      encodeRequest('metrics', { resourceMetrics: [{ resource: {}, scopeMetrics: [{ metrics: [metric, metric] }] }] }),
    );
    for (const max of [1, 2, 3, 7]) {
      const parts = splitBatch(batch, { sizer: 'items', max });
      for (const part of parts) assert.ok(part.items <= max && part.items > 0);
      assertWhole(batch, parts);
    }
  });
}

test('unknown fields and any order of fields survive a cut at every level', () => {
  const writer = new Writer();
  writer.string(99, 'of the request');
  const resourceMark = writer.begin(1);
  for (let scope = 0; scope < 2; scope++) {
    const scopeMark = writer.begin(2);
    writer.string(3, 'schema before');
    for (let i = 0; i < 6; i++) {
      const item = writer.begin(2);
      writer.string(5, `span ${scope} ${i}`);
      writer.uint(1000, 2 ** 40);
      writer.end(item);
      if (i === 3) writer.string(77, 'of the scope');
    }
    writer.string(1, '');
    writer.end(scopeMark);
  }
  writer.string(88, 'of the resource');
  writer.string(3, 'schema after');
  writer.end(resourceMark);
  const batch = batchOf('traces', writer.take());
  const parts = splitBatch(batch, { sizer: 'items', max: 4 });
  assertWhole(batch, parts);
  const joined = parts.map((part) => Buffer.from(batchBytes(part)).toString('latin1'));
  assert.equal(joined.filter((part) => part.includes('of the request')).length, 1);
  for (const part of joined) {
    for (const header of ['of the resource', 'schema after', 'schema before', 'of the scope'])
      assert.ok(part.includes(header));
  }
  const items = Buffer.from([0xc0, 0x3e, 0x80, 0x80, 0x80, 0x80, 0x80, 0x20]).toString('latin1');
  assert.equal(joined.join('').split(items).length - 1, 12);
});

test('messages without items are neither lost nor cut', () => {
  const empty = traces({ resource: { attributes: [text('only', 'x'.repeat(500))] } });
  const batch = batchOf('traces', empty, traces(resource('a', spans(9))));
  const parts = splitBatch(batch, { sizer: 'items', max: 4 });
  assertWhole(batch, parts);
  assert.ok(Buffer.concat(parts.flatMap((part) => part.chunks)).includes('only'));
});

test('a huge resource over many tiny items does not fill the memory with its copies', () => {
  const request = traces({
    resource: { attributes: [text('huge', 'x'.repeat(1_000_000))] },
    scopeSpans: [{ spans: spans(20_000) }],
  });
  const batch = batchOf('traces', request);
  const parts = splitBatch(batch, { sizer: 'bytes', max: 1_000_200 });
  const bytes = parts.reduce((total, part) => total + part.bytes, 0);
  assert.ok(bytes < 10 * batch.bytes + 20e6, `${bytes} bytes from ${batch.bytes}`);
  assert.equal(
    parts.reduce((total, part) => total + part.items, 0),
    20_000,
  );
});

test('checkRequest counts what countItems counts', () => {
  const request = traces(resource('a', spans(7), []), resource('b', spans(3)));
  assert.equal(checkRequest('traces', request), 10);
  assert.equal(checkRequest('logs', new Uint8Array(0)), 0);
});

test('checkRequest refuses what is not a request', () => {
  const bad: Record<string, string> = {
    'plain text': Buffer.from('hello, world').toString('hex'),
    'JSON text': Buffer.from('{"resourceSpans":[]}').toString('hex'),
    'a resource that is a number': '0801',
    'a scope that is a number': '0a021001',
    'a schema_url that is a number': '0a021801',
    'an item that is a number': '0a0412021001',
    'a length past the end': '0a7f',
    'a truncated varint': '0affffff',
    'an over-long varint': '0affffffffffffffffffffff01',
    'field number zero': '0201',
    'an end group without start': '0c',
    'a data point that is a number': '0a08120612042a020801',
  };
  for (const [name, hex] of Object.entries(bad)) {
    assert.throws(
      () => checkRequest('metrics', Buffer.from(hex, 'hex')),
      (error) => error instanceof RemoraError && error.code === 'payload_malformed',
      name,
    );
  }
});

test('parts of logs keep the body and are equal as a set', () => {
  const logRecords = Array.from({ length: 50 }, (_, i) => ({ body: { stringValue: `line ${i}` } }));
  const batch = batchOf('logs', encodeRequest('logs', { resourceLogs: [{ scopeLogs: [{ logRecords }] }] }));
  const parts = splitBatch(batch, { sizer: 'bytes', max: 200 });
  assert.ok(parts.length > 3);
  assert.deepEqual(
    canonical(
      'logs',
      parts.flatMap((part) => part.chunks),
    ),
    canonical('logs', batch.chunks),
  );
});
