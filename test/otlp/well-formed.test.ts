import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { KEY_VALUE, REQUEST, RESOURCE, RESOURCE_X } from '../../src/otlp/fields.ts';
import { MAX_VALUE_DEPTH, writeAnyValue, type AttributeValue } from '../../src/otlp/value.ts';
import { isWellFormedPair, isWellFormedText, isWellFormedValue } from '../../src/otlp/well-formed.ts';
import { Cursor } from '../../src/otlp/wire.ts';
import { Writer } from '../../src/otlp/writer.ts';
import { decodeRequest } from '../support/otlp-proto.ts';

const leaf = fc.oneof(
  fc.string({ unit: 'grapheme' }),
  fc.integer(),
  fc.double(),
  fc.boolean(),
  fc.uint8Array({ maxLength: 9 }),
  fc.constant(null),
);
const { value: anyValue } = fc.letrec<{ value: AttributeValue }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 3 },
    leaf,
    fc.array(tie('value'), { maxLength: 3 }),
    fc.array(fc.tuple(fc.string(), tie('value')), { maxLength: 3 }).map((pairs) => new Map(pairs)),
  ),
}));

/** The content of the AnyValue. */
function encoded(value: AttributeValue): Uint8Array {
  const writer = new Writer();
  writeAnyValue(writer, 1, value);
  const bytes = writer.take();
  const at = new Cursor(bytes);
  at.next();
  return bytes.slice(at.start, at.end);
}

/** A request with a resource of one attribute, as protobufjs reads it. */
function decode(value: Uint8Array): void {
  const writer = new Writer();
  const resources = writer.begin(REQUEST.resources);
  const resource = writer.begin(RESOURCE_X.resource);
  const pair = writer.begin(RESOURCE.attributes);
  writer.string(KEY_VALUE.key, 'key');
  writer.bytes(KEY_VALUE.value, value);
  writer.end(pair);
  writer.end(resource);
  writer.end(resources);
  decodeRequest('traces', writer.take());
}

test('what an encoder writes is well-formed', () => {
  fc.assert(
    fc.property(anyValue, (value) => {
      const bytes = encoded(value);
      assert.ok(isWellFormedValue(bytes, 0, bytes.length));
    }),
  );
});

test('what is well-formed is decoded by others, whatever its bytes are', () => {
  let wellFormed = 0;
  let malformed = 0;
  fc.assert(
    fc.property(anyValue, fc.nat(), fc.nat(255), (value, place, byte) => {
      const bytes = encoded(value);
      bytes[place % Math.max(1, bytes.length)] = byte;
      if (!isWellFormedValue(bytes, 0, bytes.length)) malformed += 1;
      else {
        wellFormed += 1;
        decode(bytes);
      }
    }),
    { numRuns: 2000 },
  );
  assert.ok(wellFormed > 100 && malformed > 100, `${wellFormed} and ${malformed}`);
});

test('a value that nests deeper than anybody reads is not well-formed, and does not end the process', () => {
  const nested = (depth: number): Uint8Array => {
    let bytes = encoded('x');
    for (let level = 0; level < depth; level++) {
      const writer = new Writer();
      const array = writer.begin(5);
      writer.bytes(1, bytes);
      writer.end(array);
      bytes = writer.take();
    }
    return bytes;
  };
  const [most, more, many] = [nested(MAX_VALUE_DEPTH), nested(MAX_VALUE_DEPTH + 1), nested(20_000)];
  assert.ok(isWellFormedValue(most, 0, most.length));
  assert.ok(!isWellFormedValue(more, 0, more.length));
  assert.ok(!isWellFormedValue(many, 0, many.length));
});

test('a pair has a text for a key, and messages for values', () => {
  const pair = (...bytes: number[]): boolean => isWellFormedPair(Uint8Array.from(bytes), 0, bytes.length);
  assert.ok(pair(0x0a, 1, 0x61, 0x12, 2, 0x10, 1));
  assert.ok(pair());
  assert.ok(!pair(0x08, 1));
  assert.ok(!pair(0x0a, 1, 0xff));
  assert.ok(!pair(0x12, 2, 0x08, 1));
  assert.ok(!pair(0x12, 3, 0x10, 1));
  assert.ok(isWellFormedText(Buffer.from('ü'), 0, 2));
  assert.ok(!isWellFormedText(Buffer.from('ü'), 0, 1));
});
