import assert from 'node:assert/strict';
import { test } from 'node:test';
import { makeBatch } from '../../src/core/batch.ts';
import { RemoraError, type ErrorCode } from '../../src/core/errors.ts';
import { countItems } from '../../src/otlp/count.ts';
import { ANY_VALUE, KEY_VALUE, LOG, VALUES } from '../../src/otlp/fields.ts';
import { jsonToRequest, requestToJson } from '../../src/otlp/json.ts';
import { checkRequest, splitBatch } from '../../src/otlp/split.ts';
import { readAnyValue, writeAnyValue, type AttributeValue } from '../../src/otlp/value.ts';
import { Cursor } from '../../src/otlp/wire.ts';
import { Writer } from '../../src/otlp/writer.ts';
import { costOf } from '../support/cost.ts';

const coded = (code: ErrorCode) => (error: unknown) => error instanceof RemoraError && error.code === code;

/** Far above what any of these needs, far below what a quadratic walk or an unbounded one would take. */
function soon<T>(work: () => T): T {
  const attempt = (): void => {
    try {
      work();
    } catch {
      // To be refused takes time as well.
    }
  };
  const cost = costOf(attempt, 2);
  assert.ok(cost < 1000, `as much as reading ${cost} MiB`);
  return work();
}

function wrapped(inner: Uint8Array, ...fields: number[]): Uint8Array {
  let bytes = inner;
  for (const field of fields) {
    const writer = new Writer(bytes.length + 16);
    writer.bytes(field, bytes);
    bytes = writer.take();
  }
  return bytes;
}

/** A log request whose body is a string inside `depth` arrays or kvlists. */
function nestedRequest(depth: number, kind: 'array' | 'kvlist'): Uint8Array {
  const step = kind === 'array' ? [VALUES.values, ANY_VALUE.array] : [KEY_VALUE.value, VALUES.values, ANY_VALUE.kvlist];
  let body = wrapped(Buffer.from('deep'), ANY_VALUE.string);
  for (let i = 0; i < depth; i++) body = wrapped(body, ...step);
  return wrapped(body, LOG.body, 2, 2, 1);
}

function nestedJson(depth: number, kind: 'array' | 'kvlist'): Uint8Array {
  const open = kind === 'array' ? '{"arrayValue":{"values":[' : '{"kvlistValue":{"values":[{"key":"k","value":';
  const close = kind === 'array' ? ']}}' : '}]}}';
  const body = `${open.repeat(depth)}{"stringValue":"deep"}${close.repeat(depth)}`;
  return Buffer.from(`{"resourceLogs":[{"scopeLogs":[{"logRecords":[{"body":${body}}]}]}]}`);
}

for (const kind of ['array', 'kvlist'] as const) {
  test(`50 levels of ${kind} are carried both ways, 51 and 10,000 are too deep`, () => {
    const json = jsonToRequest('logs', nestedJson(50, kind));
    assert.deepEqual(json, nestedRequestWithKeys(50, kind));
    assert.deepEqual(Buffer.from(requestToJson('logs', json)), nestedJson(50, kind));
    for (const depth of [51, 100, 10_000]) {
      assert.throws(() => soon(() => jsonToRequest('logs', nestedJson(depth, kind))), coded('payload_too_deep'));
      const request = nestedRequest(depth, kind);
      assert.throws(() => soon(() => requestToJson('logs', request)), coded('payload_too_deep'));
    }
  });

  test(`${kind} nested 10,000 deep passes through counting, checking and splitting untouched`, () => {
    const request = nestedRequest(10_000, kind);
    assert.equal(countItems('logs', request), 1);
    assert.equal(checkRequest('logs', request), 1);
    const twice = Buffer.concat([request, request]);
    const parts = splitBatch(makeBatch('logs', [twice], 2), { sizer: 'items', max: 1 });
    assert.deepEqual(
      parts.map((part) => Buffer.concat(part.chunks)),
      [Buffer.from(request), Buffer.from(request)],
    );
  });
}

function nestedRequestWithKeys(depth: number, kind: 'array' | 'kvlist'): Uint8Array {
  let value: AttributeValue = 'deep';
  for (let i = 0; i < depth; i++) value = kind === 'array' ? [value] : new Map([['k', value]]);
  const writer = new Writer();
  writeAnyValue(writer, LOG.body, value);
  return wrapped(writer.take(), 2, 2, 1);
}

test('readAnyValue and writeAnyValue hold 50 levels and refuse 51', () => {
  const nest = (depth: number): AttributeValue => {
    let value: AttributeValue = 'deep';
    for (let i = 0; i < depth; i++) value = i % 2 === 0 ? [value] : new Map([['k', value]]);
    return value;
  };
  const writer = new Writer();
  writeAnyValue(writer, 1, nest(50));
  const cursor = new Cursor(writer.take());
  cursor.next();
  assert.deepEqual(readAnyValue(cursor), nest(50));
  assert.throws(() => writeAnyValue(writer, 1, nest(51)), coded('payload_too_deep'));
  const deep = new Cursor(wrapped(nestedValue(51), 1));
  deep.next();
  assert.throws(() => readAnyValue(deep), coded('payload_too_deep'));
});

function nestedValue(depth: number): Uint8Array {
  let value = wrapped(Buffer.from('deep'), ANY_VALUE.string);
  for (let i = 0; i < depth; i++) value = wrapped(value, VALUES.values, ANY_VALUE.array);
  return value;
}

test('a million brackets in an unknown member are too deep, soon and without a stack', () => {
  for (const open of ['[', '{"a":']) {
    const json = Buffer.from(`{"unknown":${open.repeat(1e6)}`);
    assert.throws(() => soon(() => jsonToRequest('traces', json)), coded('payload_too_deep'));
  }
  const flat = Buffer.from(`{"unknown":[${'[],'.repeat(1e6)}{}]}`);
  assert.equal(soon(() => jsonToRequest('traces', flat)).length, 0);
});

test('a million brackets where a resource belongs are malformed', () => {
  for (const open of ['[', '{']) {
    const json = Buffer.from(`{"resourceSpans":${open.repeat(1e6)}`);
    assert.throws(() => soon(() => jsonToRequest('traces', json)), coded('payload_malformed'));
  }
});

test('huge lengths and truncated varints are malformed at every level', () => {
  const bad = [
    '0affffffff0f',
    '0affffffffffffffffff01',
    '0affffffffffffffff7f',
    '0a',
    '0a80',
    '80',
    'ffffffffffffffffffff01',
    '0a0312ff01',
    '0a041202ff7f',
  ];
  for (const hex of bad) {
    const bytes = Buffer.from(hex, 'hex');
    for (const signal of ['traces', 'logs', 'metrics'] as const) {
      const batch = makeBatch(signal, [bytes], 2);
      for (const work of [
        () => countItems(signal, bytes),
        () => checkRequest(signal, bytes),
        () => requestToJson(signal, bytes),
        () => splitBatch(batch, { sizer: 'items', max: 1 }),
      ]) {
        assert.throws(work, coded('payload_malformed'), hex);
      }
    }
  }
});

test('groups nested without end are malformed', () => {
  const groups = Buffer.alloc(1e6, 0x0b);
  assert.throws(() => soon(() => checkRequest('traces', groups)), coded('payload_malformed'));
});

test('millions of empty messages are counted, split and told soon', () => {
  const request = Buffer.alloc(2e6);
  for (let at = 0; at < request.length; at += 2) request[at] = 0x0a;
  assert.equal(
    soon(() => checkRequest('traces', request)),
    0,
  );
  assert.equal(soon(() => requestToJson('traces', request)).length, '{"resourceSpans":[]}'.length + 3e6 - 1);
});

test('fields of one message in endless alternation are split and told soon', () => {
  const scope = Buffer.alloc(4e5);
  for (let at = 0; at < scope.length; at += 4) scope.set([0x12, 0x00, 0x1a, 0x00], at);
  const request = wrapped(scope, 2, 1);
  const batch = makeBatch('traces', [request], 1e5);
  const parts = soon(() => splitBatch(batch, { sizer: 'items', max: 5e4 }));
  assert.equal(
    parts.reduce((total, part) => total + part.items, 0),
    1e5,
  );
  soon(() => requestToJson('traces', request));
});

test('numbers of a million digits are refused soon', () => {
  const digits = '9'.repeat(1e6);
  const of = (value: string) =>
    Buffer.from(`{"resourceMetrics":[{"scopeMetrics":[{"metrics":[{"gauge":{"dataPoints":[{${value}}]}}]}]}]}`);
  for (const value of [`"asInt":${digits}`, `"asInt":"${digits}"`, `"asInt":1e${digits}`, `"asDouble":${digits}`]) {
    assert.throws(() => soon(() => jsonToRequest('metrics', of(value))), coded('payload_malformed'));
  }
});

test('a string of a million escapes or broken bytes is read soon', () => {
  const of = (name: Buffer) =>
    Buffer.concat([Buffer.from('{"resourceSpans":[{"scopeSpans":[{"spans":[{"name":"'), name, Buffer.from('"}]}]}]}')]);
  soon(() => jsonToRequest('traces', of(Buffer.from('\\ud83d'.repeat(1e6)))));
  const broken = soon(() => jsonToRequest('traces', of(Buffer.alloc(1e6, 0xff))));
  assert.ok(Buffer.from(broken).includes('\ufffd\ufffd'));
});
