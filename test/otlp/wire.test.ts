import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import protobuf from 'protobufjs';
import { RemoraError } from '../../src/core/errors.ts';
import { Cursor, EGROUP, I32, I64, LEN, SGROUP, utf8, VARINT } from '../../src/otlp/wire.ts';
import { Writer } from '../../src/otlp/writer.ts';

const isMalformed = (error: unknown) => error instanceof RemoraError && error.code === 'payload_malformed';
const bytes = (hex: string) => Buffer.from(hex, 'hex');

function only(message: Uint8Array): Cursor {
  const cursor = new Cursor(message);
  assert.ok(cursor.next());
  return cursor;
}

function walk(message: Uint8Array): number[] {
  const fields: number[] = [];
  for (const cursor = new Cursor(message); cursor.next();) fields.push(cursor.field);
  return fields;
}

const INT64 = fc.oneof(fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }), fc.constantFrom(0n, -1n, 2n ** 63n - 1n));
const UINT64 = fc.oneof(fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }), fc.constantFrom(0n, 2n ** 32n, 2n ** 64n - 1n));
const FIELD = fc.oneof(fc.integer({ min: 1, max: 15 }), fc.integer({ min: 16, max: 2 ** 29 - 1 }));
const halves = (value: bigint): [number, number] => [
  Number(BigInt.asUintN(32, value)),
  Number(BigInt.asUintN(64, value) >> 32n),
];
const long = (value: bigint) => String(value) as unknown as number;

test('every kind of number is written as protobufjs writes it and read back exactly', () => {
  fc.assert(
    fc.property(FIELD, INT64, UINT64, fc.double(), fc.nat({ max: 2 ** 32 - 1 }), (field, int, uint, double, uint32) => {
      const tag = (wireType: number) => ((field << 3) | wireType) >>> 0;
      const writer = new Writer(1);
      writer.int64(field, int);
      assert.deepEqual(
        writer.takeView(),
        Buffer.from(protobuf.Writer.create().uint32(tag(0)).int64(long(int)).finish()),
      );
      writer.int64Parts(field, ...halves(int));
      assert.equal(only(writer.takeView()).int64(), int);
      writer.int64Parts(field, ...halves(uint));
      const varint = only(writer.take());
      assert.deepEqual([varint.varintLow(), varint.varintHigh()], halves(uint));
      assert.equal(varint.int32(), Number(BigInt.asIntN(32, uint)));
      writer.fixed64(field, uint);
      writer.fixed64Parts(field, ...halves(uint));
      const fixed = new Cursor(writer.take());
      for (let i = 0; i < 2; i++) {
        assert.ok(fixed.next());
        assert.equal(fixed.fixed64(), uint);
      }
      writer.double(field, double);
      assert.ok(Object.is(only(writer.take()).double(), double));
      writer.fixed32(field, uint32);
      assert.equal(only(writer.take()).fixed32(), uint32);
      writer.uint(field, uint32 * 2 ** 20);
      assert.equal(only(writer.takeView()).field, field);
      writer.uint(field, uint32 * 2 ** 20);
      assert.equal(only(writer.takeView()).uint(), uint32 * 2 ** 20);
    }),
  );
});

test('text is written as protobufjs writes it and read back, half surrogate pairs as U+FFFD', () => {
  const text = fc.oneof(fc.string({ unit: 'binary', maxLength: 300 }), fc.string({ maxLength: 40 }));
  fc.assert(
    fc.property(text, fc.constantFrom(1, 3000), (value, initialBytes) => {
      const writer = new Writer(initialBytes);
      writer.string(5, value);
      assert.equal(only(writer.take()).string(), value);
    }),
  );
  const writer = new Writer();
  writer.string(1, 'a\ud800');
  assert.equal(only(writer.take()).string(), 'a\ufffd');
});

test('nested messages get minimal lengths whatever size was expected', () => {
  fc.assert(
    fc.property(fc.nat({ max: 20_000 }), fc.nat({ max: 20_000 }), fc.nat({ max: 300 }), (size, expected, outer) => {
      const writer = new Writer(1);
      const mark = writer.begin(1, outer);
      const inner = writer.begin(2, expected);
      writer.raw(Buffer.alloc(size, 0x41));
      writer.end(inner);
      writer.uint(3, 7);
      writer.end(mark);
      const reference = protobuf.Writer.create().uint32(10).fork();
      reference.uint32(18).bytes(Buffer.alloc(size, 0x41)).uint32(24).uint32(7).ldelim();
      assert.deepEqual(writer.take(), Buffer.from(reference.finish()));
    }),
  );
});

test('packed elements are written without tags and stood upon one by one', () => {
  const writer = new Writer(1);
  const values = [0n, 1n, 127n, 128n, 2n ** 32n - 1n, 2n ** 32n, 2n ** 53n, 2n ** 56n, 2n ** 63n, 2n ** 64n - 1n];
  for (const value of values) writer.varintParts(...halves(value));
  const packed = writer.take();
  const element = new Cursor();
  const read: bigint[] = [];
  for (let at = 0; at < packed.length; at = element.end) {
    element.enterElement(packed, at, packed.length, VARINT);
    read.push((BigInt(element.varintHigh()) << 32n) | BigInt(element.varintLow()));
  }
  assert.deepEqual(read, values);
  assert.throws(() => element.enterElement(packed, 0, 4, I64), isMalformed);
});

test('take, takeView and detach hand out what was written and start again', () => {
  const writer = new Writer(4);
  writer.string(1, 'first');
  const taken = writer.take();
  writer.string(1, 'second');
  const detached = writer.detach();
  writer.string(1, 'third!');
  assert.equal(only(taken).string(), 'first');
  assert.equal(only(detached).string(), 'second');
  assert.equal(only(writer.takeView()).string(), 'third!');
  assert.equal(writer.take().length, 0);
});

test('the ranges of a field cover its tag, its value and nothing else', () => {
  const message = bytes('0803' + '1201ff' + '190102030405060708' + '2501020304' + '2b08012c' + 'f8ffffff0f01');
  const seen: [number, number, string][] = [];
  for (const cursor = new Cursor(message); cursor.next();) {
    seen.push([cursor.field, cursor.wireType, message.subarray(cursor.tagStart, cursor.end).toString('hex')]);
  }
  assert.deepEqual(seen, [
    [1, VARINT, '0803'],
    [2, LEN, '1201ff'],
    [3, I64, '190102030405060708'],
    [4, I32, '2501020304'],
    [5, SGROUP, '2b08012c'],
    [2 ** 29 - 1, VARINT, 'f8ffffff0f01'],
  ]);
});

test('a message inside a larger run ends where it ends', () => {
  const cursor = new Cursor(bytes('0a0208010a7f'), 2, 4);
  assert.ok(cursor.next());
  assert.equal(cursor.uint(), 1);
  assert.equal(cursor.next(), false);
  for (const [from, to] of [
    [0, 1],
    [0, 3],
    [2, 3],
  ] as const) {
    assert.throws(() => new Cursor(bytes('0a0208010a7f'), from, to).next(), isMalformed);
  }
});

test('malformed messages are told as such', () => {
  for (const hex of [
    '00',
    '02',
    '08',
    '0880',
    '08ffffffffffffffffffff01',
    '09',
    '0901020304050607',
    '0a',
    '0a01',
    '0affffffff0f',
    '0affffffffffffffffff7f',
    '0d010203',
    '0c',
    '0e',
    '0f',
    '0b',
    '0b14',
    '0b0801',
    '0b130c14',
    'ffffffff7f',
    'f8ffffff1f01',
    '80'.repeat(11) + '01',
  ]) {
    assert.throws(() => walk(bytes(hex)), isMalformed, hex);
  }
  assert.equal(EGROUP, 4);
});

test('groups are passed over whole, also with fields and groups inside', () => {
  assert.deepEqual(walk(bytes('0b' + '0801' + '1201ff' + '1b1c' + '190102030405060708' + '0c' + '1005')), [1, 2]);
  assert.deepEqual(walk(Buffer.concat([Buffer.alloc(100, 0x0b), Buffer.alloc(100, 0x0c)])), [1]);
  assert.throws(() => walk(Buffer.concat([Buffer.alloc(101, 0x0b), Buffer.alloc(101, 0x0c)])), isMalformed);
});

test('readers refuse a value of another wire type', () => {
  const varint = only(bytes('0801'));
  for (const work of [() => varint.string(), () => varint.view(), () => varint.double(), () => varint.fixed64()]) {
    assert.throws(work, isMalformed);
  }
  const text = only(bytes('0a0161'));
  for (const work of [
    () => text.uint(),
    () => text.int32(),
    () => text.int64(),
    () => text.fixed32(),
    () => text.varintHigh(),
  ]) {
    assert.throws(work, isMalformed);
  }
  assert.throws(() => new Cursor().enter(varint), isMalformed);
});

test('equals compares without decoding', () => {
  const cursor = only(bytes('0a03616263'));
  assert.ok(cursor.equals(Buffer.from('abc')));
  assert.ok(!cursor.equals(Buffer.from('abd')));
  assert.ok(!cursor.equals(Buffer.from('ab')));
});

test('text is decoded the same whether short or long, from a buffer or a view into one', () => {
  for (const value of ['', 'short', 'é', 'x'.repeat(24), 'x'.repeat(25), 'é'.repeat(30), '\u0000\u007f']) {
    const run = Buffer.concat([Buffer.from('__'), Buffer.from(value), Buffer.from('__')]);
    const view = new Uint8Array(run).subarray(1);
    assert.equal(utf8(view, 1, view.length - 2), value);
  }
  assert.equal(utf8(Uint8Array.of(0x61, 0xff), 0, 2), 'a\ufffd');
});

test('random messages of protobufjs are walked to the end with the same fields', () => {
  const field = fc.tuple(FIELD, fc.constantFrom(0, 1, 2, 5), fc.uint8Array({ maxLength: 300 }));
  fc.assert(
    fc.property(fc.array(field, { maxLength: 20 }), (fields) => {
      const writer = protobuf.Writer.create();
      for (const [number, wireType, content] of fields) {
        writer.uint32(((number << 3) | wireType) >>> 0);
        if (wireType === 0) writer.uint32(content.length);
        else if (wireType === 1) writer.double(content.length);
        else if (wireType === 2) writer.bytes(content);
        else writer.fixed32(content.length);
      }
      assert.deepEqual(
        walk(writer.finish()),
        fields.map(([number]) => number),
      );
    }),
  );
});
