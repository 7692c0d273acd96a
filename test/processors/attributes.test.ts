import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import { fc } from '../support/property.ts';
import { makeBatch, type Batch } from '../../src/core/batch.ts';
import type { Definition } from '../../src/core/component.ts';
import type { Processor, ProcessorContext } from '../../src/core/component.ts';
import { RemoraError } from '../../src/core/errors.ts';
import type { Signal } from '../../src/core/signal.ts';
import { countItems } from '../../src/otlp/count.ts';
import { attributesProcessor } from '../../src/processors/attributes.ts';
import { resourceProcessor } from '../../src/processors/resource.ts';
import { CollectingConsumer, processorContext } from '../support/context.ts';
import { decodeRequest, encodeRequest, type PlainObject } from '../support/otlp-proto.ts';

const never = new AbortController().signal;
type Attributes = Record<string, unknown>;

/** Attributes as a plain object of AnyValues, in their order. */
function attribute(key: string, value: unknown): PlainObject {
  if (typeof value === 'string') return { key, value: { stringValue: value } };
  if (typeof value === 'boolean') return { key, value: { boolValue: value } };
  if (typeof value === 'bigint') return { key, value: { intValue: String(value) } };
  if (typeof value === 'number')
    return { key, value: Number.isInteger(value) ? { intValue: value } : { doubleValue: value } };
  return { key, value: value };
}

const attributesOf = (object: Attributes): PlainObject[] =>
  Object.entries(object).map(([key, value]) => attribute(key, value));

function spanRequest(attributes: Attributes, resource: Attributes = {}): Uint8Array {
  const span = { name: 'GET', kind: 'SPAN_KIND_SERVER', attributes: attributesOf(attributes) };
  const scopeSpans = [{ scope: { name: 'http', version: '1' }, spans: [span] }];
  return encodeRequest('traces', { resourceSpans: [{ resource: { attributes: attributesOf(resource) }, scopeSpans }] });
}

const batchOf = (signal: Signal, bytes: Uint8Array): Batch => makeBatch(signal, [bytes], countItems(signal, bytes));

async function run(
  definition: Definition<'processor', ProcessorContext, Processor>,
  raw: Record<string, unknown>,
  input: Batch,
): Promise<Batch> {
  const next = new CollectingConsumer();
  const parsed = definition.parse(raw);
  assert.ok(parsed.ok, JSON.stringify(parsed));
  const processor = await parsed.prepared.create(processorContext(input.signal, next));
  const verdict = await processor.consume(input, never);
  assert.equal(verdict.status, 'accepted');
  return next.batches[0]!;
}

/** What the actions make of the attributes of a span. */
async function act(actions: unknown[], attributes: Attributes): Promise<PlainObject> {
  const batch = await run(attributesProcessor, { actions }, batchOf('traces', spanRequest(attributes)));
  return attributesIn(batch);
}

interface Decoded {
  resourceSpans: { resource: Listed; scopeSpans: { spans: Listed[] }[] }[];
}
interface Listed {
  attributes: { key: string; value: PlainObject | null }[];
}

function decoded(batch: Batch): Decoded {
  return decodeRequest('traces', Buffer.concat(batch.chunks)) as unknown as Decoded;
}

function attributesIn(batch: Batch): PlainObject {
  return plain(decoded(batch).resourceSpans[0]!.scopeSpans[0]!.spans[0]!);
}

function plain({ attributes }: Listed): PlainObject {
  const object: PlainObject = {};
  for (const { key, value } of attributes) {
    assert.ok(!(key in object), `${key} comes twice`);
    const [only] = Object.values(value ?? {});
    object[key] = only;
  }
  return object;
}

const sha256 = (data: string | Uint8Array): string => createHash('sha256').update(data).digest('hex');
const bytesLe = (write: (buffer: Buffer) => void): Buffer => {
  const buffer = Buffer.alloc(8);
  write(buffer);
  return buffer;
};

const CASES: [name: string, actions: unknown[], before: Attributes, after: PlainObject][] = [
  ['insert adds what is absent', [{ key: 'b', value: 'x', action: 'insert' }], { a: 'y' }, { a: 'y', b: 'x' }],
  ['insert leaves what is there', [{ key: 'a', value: 'x', action: 'insert' }], { a: 'y' }, { a: 'y' }],
  [
    'update changes what is there',
    [{ key: 'a', value: 'x', action: 'update' }],
    { a: 'y', b: 'z' },
    { a: 'x', b: 'z' },
  ],
  ['update adds nothing', [{ key: 'b', value: 'x', action: 'update' }], { a: 'y' }, { a: 'y' }],
  ['upsert changes', [{ key: 'a', value: true, action: 'UPSERT' }], { a: 'y' }, { a: true }],
  ['upsert adds', [{ key: 'b', value: 1.5, action: 'upsert' }], {}, { b: 1.5 }],
  ['an integer stays one', [{ key: 'b', value: -7, action: 'upsert' }], {}, { b: '-7' }],
  ['a value is copied', [{ key: 'b', from_attribute: 'a', action: 'insert' }], { a: 9n }, { a: '9', b: '9' }],
  [
    'a copy replaces',
    [{ key: 'b', from_attribute: 'a', action: 'update' }],
    { b: 'old', a: true },
    { b: true, a: true },
  ],
  ['nothing is copied from nothing', [{ key: 'b', from_attribute: 'x', action: 'upsert' }], { a: 1 }, { a: '1' }],
  [
    'default_value stands in for a missing source',
    [{ key: 'b', from_attribute: 'x', default_value: 'd', action: 'upsert' }],
    {},
    { b: 'd' },
  ],
  ['delete removes', [{ key: 'a', action: 'delete' }], { a: 1, b: 2 }, { b: '2' }],
  [
    'delete by pattern removes all that match',
    [{ pattern: '^x\\.', action: 'delete' }],
    { 'x.a': 1, xb: 2, 'x.c': 3 },
    { xb: '2' },
  ],
  ['hash of a text', [{ key: 'a', action: 'hash' }], { a: 'secret' }, { a: sha256('secret') }],
  ['hash of an empty text', [{ key: 'a', action: 'hash' }], { a: '' }, { a: '' }],
  [
    'hash of numbers and booleans, by pattern',
    [{ pattern: '.', action: 'hash' }],
    { i: -2n, d: 0.5, t: true, f: false },
    {
      i: sha256(bytesLe((b) => b.writeBigInt64LE(-2n))),
      d: sha256(bytesLe((b) => b.writeDoubleLE(0.5))),
      t: sha256(Buffer.from([1])),
      f: sha256(Buffer.from([0])),
    },
  ],
  [
    'a key that is named and matches is hashed once',
    [{ key: 'a', pattern: 'a', action: 'hash' }],
    { a: 'x' },
    { a: sha256('x') },
  ],
  [
    'extract fills the named groups in, over what was there',
    [{ key: 'url', pattern: '^(?P<scheme>.*)://(?P<host>[^/]+)(?P<rest>/.*)?$', action: 'extract' }],
    { url: 'https://shop', host: 'old' },
    { url: 'https://shop', host: 'shop', scheme: 'https', rest: '' },
  ],
  [
    'extract without a match does nothing',
    [{ key: 'a', pattern: '(?<g>\\d)', action: 'extract' }],
    { a: 'x' },
    { a: 'x' },
  ],
  ['extract works on texts alone', [{ key: 'a', pattern: '(?<g>\\d)', action: 'extract' }], { a: 5 }, { a: '5' }],
  ['text to int', [{ key: 'a', converted_type: 'int', action: 'convert' }], { a: '-503' }, { a: '-503' }],
  ['double to int', [{ key: 'a', converted_type: 'int', action: 'convert' }], { a: 2.9 }, { a: '2' }],
  ['what is no number stays', [{ key: 'a', converted_type: 'int', action: 'convert' }], { a: '5x' }, { a: '5x' }],
  ['text to double', [{ key: 'a', converted_type: 'double', action: 'convert' }], { a: '1.5e3' }, { a: 1500 }],
  ['boolean to double', [{ key: 'a', converted_type: 'double', action: 'convert' }], { a: true }, { a: 1 }],
  [
    'int to text',
    [{ key: 'a', converted_type: 'string', action: 'convert' }],
    { a: 9007199254740993n },
    { a: '9007199254740993' },
  ],
  ['double to text', [{ key: 'a', converted_type: 'string', action: 'convert' }], { a: 0.25 }, { a: '0.25' }],
  ['text to bool', [{ key: 'a', converted_type: 'bool', action: 'convert' }], { a: 'True' }, { a: true }],
  [
    'a map to text',
    [{ key: 'a', converted_type: 'string', action: 'convert' }],
    { a: { kvlistValue: { values: [attribute('k', 'v'), attribute('n', 1)] } } },
    { a: '{"k":"v","n":1}' },
  ],
  [
    'actions follow one another: rename, then hash',
    [
      { key: 'new', from_attribute: 'old', action: 'upsert' },
      { key: 'old', action: 'delete' },
      { key: 'new', action: 'hash' },
    ],
    { old: 'x', z: 1 },
    { z: '1', new: sha256('x') },
  ],
  [
    'what was added can be changed and removed again',
    [
      { key: 'a', value: 1, action: 'insert' },
      { key: 'a', value: 'two', action: 'update' },
      { key: 'b', from_attribute: 'a', action: 'insert' },
      { key: 'a', action: 'delete' },
    ],
    {},
    { b: 'two' },
  ],
];

for (const [name, actions, before, after] of CASES) {
  test(`attributes: ${name}`, async () => {
    assert.deepEqual(await act(actions, before), after);
  });
}

test('text to int changes the type, not only the text', async () => {
  const actions = [{ key: 'a', converted_type: 'int', action: 'convert' }];
  const batch = await run(attributesProcessor, { actions }, batchOf('traces', spanRequest({ a: '5' })));
  const [only] = decoded(batch).resourceSpans[0]!.scopeSpans[0]!.spans[0]!.attributes;
  assert.deepEqual(only!.value, { intValue: '5' });
});

test('lists and maps can be values', async () => {
  const actions = [{ key: 'a', value: { list: [1, 'two', null], flag: false }, action: 'insert' }];
  const after = await act(actions, {});
  const inner = [{ intValue: '1' }, { stringValue: 'two' }, {}];
  assert.deepEqual(JSON.parse(JSON.stringify(after)), {
    a: {
      values: [
        { key: 'list', value: { arrayValue: { values: inner } } },
        { key: 'flag', value: { boolValue: false } },
      ],
    },
  });
});

test('a key that comes twice is deleted and hashed in both places', async () => {
  const twice = (value: string): PlainObject => attribute('a', value);
  const bytes = encodeRequest('traces', {
    resourceSpans: [{ scopeSpans: [{ spans: [{ attributes: [twice('x'), twice('y')] }] }] }],
  });
  const list = (batch: Batch) => decoded(batch).resourceSpans[0]!.scopeSpans[0]!.spans[0]!.attributes;
  const deleted = await run(
    attributesProcessor,
    { actions: [{ key: 'a', action: 'delete' }] },
    batchOf('traces', bytes),
  );
  assert.deepEqual(list(deleted), []);
  const hashed = await run(attributesProcessor, { actions: [{ key: 'a', action: 'hash' }] }, batchOf('traces', bytes));
  assert.deepEqual(
    list(hashed).map(({ value }) => value?.['stringValue']),
    [sha256('x'), sha256('y')],
  );
});

test('actions that change nothing pass the very same batch on', async () => {
  const input = batchOf('traces', spanRequest({ a: 1 }));
  const actions = [
    { key: 'a', value: 'x', action: 'insert' },
    { key: 'b', action: 'delete' },
  ];
  assert.equal(await run(attributesProcessor, { actions }, input), input);
});

test('records and data points of every kind are acted upon', async () => {
  const kinds = ['gauge', 'sum', 'histogram', 'exponentialHistogram', 'summary'];
  const metrics = kinds.map((kind) => ({ name: kind, [kind]: { dataPoints: [{}, {}] } }));
  const requests: [Signal, PlainObject, number][] = [
    ['metrics', { resourceMetrics: [{ scopeMetrics: [{ metrics }] }] }, 10],
    ['logs', { resourceLogs: [{ scopeLogs: [{ logRecords: [{ body: { stringValue: 'x' } }, {}] }] }] }, 2],
  ];
  for (const [signal, object, items] of requests) {
    const input = batchOf(signal, encodeRequest(signal, object));
    const actions = [{ key: 'team', value: 'blue', action: 'insert' }];
    const output = await run(attributesProcessor, { actions }, input);
    assert.equal(output.items, items);
    const text = JSON.stringify(decodeRequest(signal, Buffer.concat(output.chunks)));
    assert.equal(text.match(/"key":"team","value":\{"stringValue":"blue"\}/g)?.length, items);
  }
});

test('resource acts on resources alone, once for each', async () => {
  const attributes = [
    { key: 'service.name', value: 'new', action: 'update' },
    { key: 'a', value: 1, action: 'insert' },
  ];
  const input = batchOf('traces', spanRequest({ 'service.name': 'item' }, { 'service.name': 'old' }));
  const output = await run(resourceProcessor, { attributes }, input);
  assert.deepEqual(plain(decoded(output).resourceSpans[0]!.resource), { 'service.name': 'new', a: '1' });
  assert.deepEqual(attributesIn(output), { 'service.name': 'item' });
});

const MATCHES: [name: string, raw: PlainObject, acts: boolean][] = [
  ['include by service', { include: { match_type: 'strict', services: ['shop'] } }, true],
  ['include by another service', { include: { match_type: 'strict', services: ['sho'] } }, false],
  ['include by pattern', { include: { match_type: 'regexp', services: ['^sh'] } }, true],
  ['exclude by service', { exclude: { match_type: 'strict', services: ['other', 'shop'] } }, false],
  ['span names', { include: { match_type: 'strict', span_names: ['GET', 'POST'] } }, true],
  ['span kinds', { include: { match_type: 'strict', span_kinds: ['SPAN_KIND_SERVER'] } }, true],
  ['span kinds by their short name', { include: { match_type: 'strict', span_kinds: ['client'] } }, false],
  ['span kinds by pattern', { include: { match_type: 'regexp', span_kinds: ['SERVER|CLIENT'] } }, true],
  ['an attribute', { include: { match_type: 'strict', attributes: [{ key: 'code', value: 200 }] } }, true],
  [
    'an attribute of another type',
    { include: { match_type: 'strict', attributes: [{ key: 'code', value: '200' }] } },
    false,
  ],
  ['an attribute by pattern', { include: { match_type: 'regexp', attributes: [{ key: 'code', value: '^2' }] } }, true],
  ['a key alone', { include: { match_type: 'strict', attributes: [{ key: 'code' }, { key: 'none' }] } }, false],
  [
    'a resource attribute',
    { include: { match_type: 'strict', resources: [{ key: 'service.name', value: 'shop' }] } },
    true,
  ],
  ['a library', { include: { match_type: 'strict', libraries: [{ name: 'http' }] } }, true],
  [
    'a library of another version',
    { include: { match_type: 'strict', libraries: [{ name: 'http', version: '' }] } },
    false,
  ],
  [
    'include, but exclude',
    {
      include: { match_type: 'strict', services: ['shop'] },
      exclude: { match_type: 'strict', span_names: ['GET'] },
    },
    false,
  ],
  ['all properties must match', { include: { match_type: 'strict', services: ['shop'], span_names: ['POST'] } }, false],
];

for (const [name, raw, acts] of MATCHES) {
  test(`include and exclude: ${name}`, async () => {
    const actions = [{ key: 'seen', value: true, action: 'insert' }];
    const input = batchOf('traces', spanRequest({ code: 200 }, { 'service.name': 'shop' }));
    const output = await run(attributesProcessor, { actions, ...raw }, input);
    assert.equal('seen' in attributesIn(output), acts);
  });
}

test('log records are matched by body and severity, data points by metric name', async () => {
  const actions = [{ key: 'seen', value: true, action: 'insert' }];
  const logRecords = [
    { severityNumber: 9, severityText: 'INFO', body: { stringValue: 'hello' } },
    { severityNumber: 17, severityText: 'ERROR', body: { stringValue: 'oh' } },
    { body: { intValue: 5 } },
  ];
  const metrics = ['cpu', 'mem'].map((name) => ({ name, gauge: { dataPoints: [{}] } }));
  const logs = encodeRequest('logs', { resourceLogs: [{ scopeLogs: [{ logRecords }] }] });
  const points = encodeRequest('metrics', { resourceMetrics: [{ scopeMetrics: [{ metrics }] }] });
  const cases: [Signal, Uint8Array, PlainObject, number][] = [
    ['logs', logs, { log_bodies: ['^h', '5'] }, 1],
    ['logs', logs, { log_severity_texts: ['ERR'] }, 1],
    ['logs', logs, { log_severity_number: { min: 'WARN' } }, 1],
    ['logs', logs, { log_severity_number: { min: 9, match_undefined: true } }, 3],
    ['metrics', points, { metric_names: ['^c'] }, 1],
  ];
  for (const [signal, bytes, properties, acts] of cases) {
    const include = { match_type: 'regexp', ...properties };
    const output = await run(attributesProcessor, { actions, include }, batchOf(signal, bytes));
    const text = JSON.stringify(decodeRequest(signal, Buffer.concat(output.chunks)));
    assert.equal(text.match(/"seen"/g)?.length, acts, JSON.stringify(properties));
  }
});

const INSERT = { key: 'a', value: 1, action: 'insert' };
const ERRORS: [raw: Record<string, unknown>, path: string, message: RegExp][] = [
  [{}, 'actions', /./],
  [{ actions: [] }, 'actions', /at least one/],
  [{ actions: [{ key: 'a', action: 'insert' }] }, 'actions.0.value', /missing/],
  [{ actions: [{ ...INSERT, from_attribute: 'b' }] }, 'actions.0.from_attribute', /only one/],
  [
    { actions: [{ key: 'a', action: 'insert', from_context: 'metadata.x' }] },
    'actions.0.from_context',
    /no client metadata/,
  ],
  [{ actions: [{ value: 1, action: 'insert' }] }, 'actions.0.key', /missing/],
  [{ actions: [{ key: 'a', action: 'rename' }] }, 'actions.0.action', /./],
  [{ actions: [{ key: 'a', action: 'delete', value: 1 }] }, 'actions.0.action', /neither/],
  [{ actions: [{ action: 'delete' }] }, 'actions.0.key', /missing/],
  [{ actions: [{ key: 'a', action: 'extract' }] }, 'actions.0.pattern', /missing/],
  [{ actions: [{ key: 'a', action: 'extract', pattern: '(?P<x>a)(b)' }] }, 'actions.0.pattern', /name for each/],
  [{ actions: [{ key: 'a', action: 'extract', pattern: 'a' }] }, 'actions.0.pattern', /at least one group/],
  [{ actions: [{ key: 'a', action: 'extract', pattern: '(?P<x' }] }, 'actions.0.pattern', /not a usable pattern/],
  [{ actions: [{ ...INSERT, pattern: 'x' }] }, 'actions.0.pattern', /not used by insert/],
  [{ actions: [{ key: 'a', action: 'convert' }] }, 'actions.0.converted_type', /missing/],
  [{ actions: [INSERT], include: { match_type: 'strict' } }, 'include', /at least one of/],
  [{ actions: [INSERT], include: { match_type: 'regexp', span_names: ['x', '('] } }, 'include.span_names.1', /usable/],
  [{ actions: [INSERT], include: { match_type: 'strict', span_kinds: ['x'] } }, 'include.span_kinds.0', /is none of/],
];

for (const [raw, path, message] of ERRORS) {
  test(`a configuration error: ${JSON.stringify(raw)}`, () => {
    const parsed = attributesProcessor.parse(raw);
    assert.ok(!parsed.ok);
    assert.equal(parsed.issues[0]?.path.join('.'), path);
    assert.match(parsed.issues[0].message, message);
  });
}

test('properties that the signal does not have are named when the processor is created', () => {
  const parsed = attributesProcessor.parse({
    actions: [INSERT],
    include: { match_type: 'strict', span_names: ['x'], metric_names: ['y'] },
  });
  assert.ok(parsed.ok);
  assert.throws(() => parsed.prepared.create(processorContext('logs', new CollectingConsumer())), {
    code: 'config_invalid',
    message: /span_names, metric_names cannot be matched in logs/,
  });
});

test('a span whose inside is malformed makes the batch rejected', async () => {
  const bytes = Buffer.from([0x0a, 0x06, 0x12, 0x04, 0x12, 0x02, 0x4a, 0x7f]);
  const parsed = attributesProcessor.parse({ actions: [INSERT] });
  assert.ok(parsed.ok);
  const processor = await parsed.prepared.create(processorContext('traces', new CollectingConsumer()));
  const verdict = await processor.consume(makeBatch('traces', [bytes], 1), never);
  assert.ok(verdict.status === 'rejected' && verdict.reason instanceof RemoraError);
  assert.equal(verdict.reason.code, 'payload_malformed');
});

test('any run of actions equals the same one on a map', async () => {
  const key = fc.constantFrom('a', 'b', 'c', 'd');
  const action = fc.oneof(
    fc.record({ action: fc.constantFrom('insert', 'update', 'upsert'), key, value: fc.string() }),
    fc.record({ action: fc.constantFrom('insert', 'update', 'upsert'), key, from_attribute: key }),
    fc.record({ action: fc.constantFrom('delete', 'hash'), key }),
  );
  await fc.assert(
    fc.asyncProperty(fc.dictionary(key, fc.string()), fc.array(action, { minLength: 1 }), async (before, actions) => {
      assert.deepEqual(await act(actions, before), modelOf(actions, before));
    }),
    { numRuns: 200 },
  );
});

interface ModelAction {
  action: string;
  key: string;
  value?: string;
  from_attribute?: string;
}

function modelOf(actions: readonly ModelAction[], before: Record<string, string>): Record<string, string> {
  const map = new Map(Object.entries(before));
  for (const { action, key, value, from_attribute: from } of actions) {
    const held = map.get(key);
    if (action === 'delete') map.delete(key);
    else if (action === 'hash') map.set(key, held === undefined || held === '' ? (held ?? '') : sha256(held));
    const source = from === undefined ? value : map.get(from);
    if (action === 'hash' && held === undefined) map.delete(key);
    if (source === undefined || action === 'hash' || action === 'delete') continue;
    if (action === 'upsert' || (action === 'insert') === (held === undefined)) map.set(key, source);
  }
  return Object.fromEntries(map);
}
