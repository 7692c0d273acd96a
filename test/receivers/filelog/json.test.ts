import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { readAnyValue, type AttributeValue } from '../../../src/otlp/value.ts';
import { Cursor } from '../../../src/otlp/wire.ts';
import { Writer } from '../../../src/otlp/writer.ts';
import { JsonTranscoder } from '../../../src/receivers/filelog/encode/json-transcoder.ts';
import { liftTraceId } from '../../../src/receivers/filelog/operators/trace-context.ts';
import { readRecord } from './support.ts';

const TAG = (6 << 3) | 2;
const transcoder = new JsonTranscoder([]);

/** The attributes that the transcoder writes; undefined when it says no. */
function transcode(text: string): Map<string, AttributeValue> | undefined {
  const line = Buffer.from(`before${text}after`);
  const writer = new Writer(16);
  if (!transcoder.transcode(line, 6, line.length - 5, writer, TAG)) {
    assert.equal(writer.pos, 0, 'nothing is written when it says no');
    return undefined;
  }
  const attributes = new Map<string, AttributeValue>();
  for (const at = new Cursor(writer.take()); at.next();) {
    assert.equal(at.field, 6);
    let key = '';
    let value: AttributeValue = null;
    for (const pair = new Cursor().enter(at); pair.next();) {
      if (pair.field === 1) key = pair.string();
      else value = readAnyValue(pair);
    }
    assert.ok(!attributes.has(key));
    attributes.set(key, value);
  }
  return attributes;
}

function plain(value: AttributeValue): unknown {
  if (typeof value === 'bigint') return Number(value);
  if (value instanceof Map) {
    const result: Record<string, unknown> = Object.create(null) as Record<string, unknown>;
    for (const [key, inner] of value as ReadonlyMap<string, AttributeValue>) result[key] = plain(inner);
    return { ...result };
  }
  return Array.isArray(value) ? value.map(plain) : value;
}

test('strings, numbers, booleans, null, arrays and objects become attribute values', () => {
  const attributes = transcode(
    ' {"s":"grün\\n\\u00e9\\ud83d\\ude00", "i":-12, "big":9007199254740993 ,"d":12.50,"w":1.0,"e":1e3,"t":true,"f":false,"n":null,"a":[1,[],{}],"o":{"x":{"y":"z"}}} ',
  );
  assert.deepEqual(attributes && Object.fromEntries(attributes), {
    s: 'grün\né😀',
    i: -12,
    big: 9007199254740993n,
    d: 12.5,
    w: 1,
    e: 1000,
    t: true,
    f: false,
    n: null,
    a: [1, [], new Map()],
    o: new Map([['x', new Map([['y', 'z']])]]),
  });
});

test('numbers with a fraction or exponent stay doubles on the wire, whole numbers are integers', () => {
  const writer = new Writer(64);
  const line = Buffer.from('{"a":1.0,"b":1}');
  assert.ok(transcoder.transcode(line, 0, line.length, writer, TAG));
  const hex = Buffer.from(writer.take()).toString('hex');
  assert.equal(hex, '320e' + '0a0161' + '1209' + '21000000000000f03f' + '3207' + '0a0162' + '1202' + '1801');
});

test('what is odd or broken is refused with nothing written', () => {
  const odd = ['', '{', '{}x', '[]', '1', '{"a":1,"a":2}', '{"a":01}', '{"a":1.}', '{"a":+1}', '{"a":tru}'];
  odd.push(
    '{"a":1,}',
    '{,}',
    '{"a" 1}',
    '{"a":"x\ty"}',
    '{"a":"\\x"}',
    '{"a":"x',
    '{"a":nul',
    '{"a":-}',
    '{"a":1e}',
    "{'a':1}",
  );
  odd.push(`{"a":${'['.repeat(60)}${']'.repeat(60)}}`, '{"a":1,"\\u0061":2}', '{"a":[{"b":1,"c":2,"b":3}]}');
  for (const text of odd) assert.equal(transcode(text), undefined, text);
});

/** Of such keys JSON.parse may make others: see json-differential.test.ts. */
const LEADS_V8_ASTRAY = /"\\\\/;

test('any JSON object gives the values that JSON.parse gives', () => {
  const json = fc.dictionary(fc.string(), fc.jsonValue({ maxDepth: 5 }), { maxKeys: 8 });
  fc.assert(
    fc.property(json, fc.constantFrom(undefined, 1, '\t'), (value, indent) => {
      const text = JSON.stringify(value, null, indent);
      fc.pre(!LEADS_V8_ASTRAY.test(text));
      const attributes = transcode(text);
      assert.ok(attributes !== undefined, text);
      assert.deepEqual(plain(attributes), toWellFormed(JSON.parse(text)));
    }),
    { numRuns: 2000 },
  );
});

test('any number gives the value that JSON.parse gives', () => {
  const digits = fc.stringMatching(/^-?(0|[1-9]\d{0,24})(\.\d{1,25})?([eE][+-]?\d{1,3})?$/);
  fc.assert(
    fc.property(digits, (text) => {
      const value = transcode(`{"n":${text}}`)?.get('n');
      assert.ok(value !== undefined, text);
      assert.ok(Object.is(Number(value), Number(text)), `${text} became ${JSON.stringify(Number(value))}`);
    }),
    { numRuns: 5000 },
  );
});

test('any bytes are taken only when JSON.parse takes them', () => {
  const pieces = fc.array(
    fc.constantFrom('{', '}', '[', ']', '"', ':', ',', 'a', '\\', '1', '-', '.', 'e', 'true', 'null', ' ', '\n'),
  );
  fc.assert(
    fc.property(pieces, (parts) => {
      const text = `{"a":${parts.join('')}}`;
      fc.pre(!LEADS_V8_ASTRAY.test(text));
      const attributes = transcode(text);
      if (attributes !== undefined) assert.deepEqual(plain(attributes), JSON.parse(text));
    }),
    { numRuns: 5000 },
  );
});

test('keys may be many, new on every line, escaped, long, or like those before', () => {
  const many = Object.fromEntries(Array.from({ length: 3000 }, (_, i) => [`key ${i}`, i]));
  assert.deepEqual(plain(transcode(JSON.stringify(many)) ?? null), many);
  for (let line = 0; line < 5000; line++) {
    const value = { [`id-${line}`]: line, level: 'info', [`${line % 7}`.repeat(line % 300)]: true };
    assert.deepEqual(plain(transcode(JSON.stringify(value)) ?? null), value);
  }
  assert.deepEqual(plain(transcode('{"\\u0061\\n":1,"level":"x"}') ?? null), { 'a\n': 1, level: 'x' });
  assert.deepEqual(plain(transcode('{"level":1,"levels":2,"leve":3,"":4}') ?? null), {
    level: 1,
    levels: 2,
    leve: 3,
    '': 4,
  });
});

test('long values have lengths of the right width', () => {
  for (const length of [
    0, 1, 100, 117, 118, 119, 120, 121, 122, 123, 124, 125, 126, 127, 128, 129, 130, 16_383, 16_384, 70_000,
  ]) {
    const value = { key: 'x'.repeat(length), nested: { list: ['y'.repeat(length)] } };
    assert.deepEqual(plain(transcode(JSON.stringify(value)) ?? null), value);
  }
});

test('a trace id is lifted out of the attributes, unless it is none', () => {
  const lifting = new JsonTranscoder([
    { key: 'trace_id', lift: { kind: 0, digits: 32, keepsAttribute: false, write: liftTraceId } },
    { key: 'traceId', lift: { kind: 0, digits: 32, keepsAttribute: false, write: liftTraceId } },
  ]);
  const lift = (text: string): ReturnType<typeof readRecord> | undefined => {
    const line = Buffer.from(text);
    const writer = new Writer(64);
    return lifting.transcode(line, 0, line.length, writer, TAG) ? readRecord(new Cursor(writer.take())) : undefined;
  };
  const id = '0af7651916cd43dd8448eb211c80319C';
  const lifted = lift(`{"a":1,"trace_id":"${id}","b":2}`);
  assert.equal(lifted?.traceId, id.toLowerCase());
  assert.deepEqual(
    lifted.attributes,
    new Map([
      ['a', 1],
      ['b', 2],
    ]),
  );
  for (const other of ['"abc"', `"${'0'.repeat(32)}"`, '12', `"${'g'.repeat(32)}"`]) {
    const kept = lift(`{"trace_id":${other}}`);
    assert.equal(kept?.traceId, '');
    assert.equal(kept.attributes.get('trace_id'), JSON.parse(other));
  }
  assert.equal(lift(`{"trace_id":"${id}","traceId":"${id}"}`), undefined);
});

/** Lone surrogates cannot be written as UTF-8. */
function toWellFormed(value: unknown): unknown {
  if (typeof value === 'string') return value.toWellFormed();
  if (Array.isArray(value)) return value.map(toWellFormed);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, toWellFormed(inner)]));
}
