import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readAnyValue, writeAnyValue, writeKeyValue, type AttributeValue } from '../../src/otlp/value.ts';
import { Cursor } from '../../src/otlp/wire.ts';
import { Writer } from '../../src/otlp/writer.ts';
import { decodeMessage, encodeMessage, type PlainObject } from '../support/otlp-proto.ts';

/** The value as protobufjs reads what was written. */
function written(value: AttributeValue): PlainObject {
  const writer = new Writer(1);
  writeKeyValue(writer, 1, 'k', value);
  const list = decodeMessage('KeyValueList', writer.take());
  const [pair] = list['values'] as (PlainObject | undefined)[];
  assert.equal(pair?.['key'], 'k');
  return pair['value'] as PlainObject;
}

function readBack(value: AttributeValue): AttributeValue {
  const writer = new Writer(1);
  writeAnyValue(writer, 7, value);
  const cursor = new Cursor(writer.take());
  assert.ok(cursor.next());
  assert.equal(cursor.field, 7);
  return readAnyValue(cursor);
}

test('each kind of value becomes its member of AnyValue', () => {
  assert.deepEqual(written('text é 😀'), { stringValue: 'text é 😀' });
  assert.deepEqual(written(''), { stringValue: '' });
  assert.deepEqual(written(true), { boolValue: true });
  assert.deepEqual(written(false), { boolValue: false });
  assert.deepEqual(written(0), { intValue: '0' });
  assert.deepEqual(written(-5), { intValue: '-5' });
  assert.deepEqual(written(Number.MAX_SAFE_INTEGER), { intValue: '9007199254740991' });
  assert.deepEqual(written(Number.MIN_SAFE_INTEGER), { intValue: '-9007199254740991' });
  assert.deepEqual(written(1.5), { doubleValue: 1.5 });
  assert.deepEqual(written(-0), { doubleValue: -0 });
  assert.deepEqual(written(2 ** 53), { doubleValue: 2 ** 53 });
  assert.deepEqual(written(NaN), { doubleValue: NaN });
  assert.deepEqual(written(2n ** 63n - 1n), { intValue: '9223372036854775807' });
  assert.deepEqual(written(-(2n ** 63n)), { intValue: '-9223372036854775808' });
  assert.deepEqual(written(2n ** 63n), { doubleValue: 2 ** 63 });
  assert.deepEqual(written(Uint8Array.of(1, 2, 3)), { bytesValue: 'AQID' });
  assert.deepEqual(written(null), {});
  assert.deepEqual(written([]), { arrayValue: { values: [] } });
  assert.deepEqual(written(new Map()), { kvlistValue: { values: [] } });
});

test('values are read back as they were written', () => {
  const nested = new Map<string, AttributeValue>([
    ['__proto__', 'safe'],
    ['list', [1, 'two', null, [true, -7, 0.25], new Map([['', 'empty key']])]],
    ['big', 2n ** 60n + 1n],
    ['bytes', Buffer.from([0, 255])],
    ['long', 'x'.repeat(70_000)],
  ]);
  for (const value of ['', 'x', 0, -1, 1e300, true, false, null, [], nested]) assert.deepEqual(readBack(value), value);
});

test('what protobufjs wrote is read, integers beyond the safe ones as bigint', () => {
  const read = (value: PlainObject) => {
    const cursor = new Cursor(encodeMessage('KeyValue', { key: 'k', value }));
    while (cursor.next()) if (cursor.field === 2) return readAnyValue(cursor);
    return undefined;
  };
  assert.equal(read({ intValue: '-9223372036854775808' }), -(2n ** 63n));
  assert.equal(read({ intValue: '9007199254740993' }), 9007199254740993n);
  assert.equal(read({ intValue: '-42' }), -42);
  assert.equal(read({}), null);
  assert.deepEqual(
    read({ kvlistValue: { values: [{ key: 'a' }, { key: 'a', value: { boolValue: true } }] } }),
    new Map([['a', true]]),
  );
});

test('an unknown member of the value is passed over', () => {
  const cursor = new Cursor(Buffer.from('0a05' + '4805' + '0a0161', 'hex'));
  cursor.next();
  assert.equal(readAnyValue(cursor), 'a');
});
