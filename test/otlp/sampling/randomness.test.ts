import assert from 'node:assert/strict';
import { test } from 'node:test';
import { hexText, MutableBits56 } from '../../../src/otlp/sampling/bits56.ts';
import { hashBytes, hashOfSeed, isTraceId, Randomness } from '../../../src/otlp/sampling/randomness.ts';

test('randomness of a trace id is its last seven bytes', () => {
  // Collector, pkg/sampling: randomness_test.go ExampleTraceIDToRandomness.
  const id = Buffer.from('00abababababababababd29d6a7215ced0', 'hex');
  assert.equal(hexText(new Randomness().readTraceId(id, 1)), 'd29d6a7215ced0');
});

test('hexadecimal digits are read in either case, and nothing else is', () => {
  // Collector, pkg/sampling: encoding_test.go TestRValueSyntax.
  const value = new MutableBits56();
  const read = (text: string): boolean => value.readHex(Buffer.from(text), 0, text.length);
  assert.equal(read('12341234123412'), true);
  assert.equal(hexText(value), '12341234123412');
  assert.equal(read('FD70A3D70A3D71'), true);
  assert.equal(hexText(value), 'fd70a3d70a3d71');
  for (const text of ['123412341234120', '', 'abcdefgabcdefg', '@', '`', 'G']) assert.equal(read(text), false, text);
  assert.equal(hexText(value), 'fd70a3d70a3d71', 'what could not be read changed nothing');
});

const bucket = (bytes: Uint8Array, seed: number): number =>
  hashBytes(hashOfSeed(seed), bytes, 0, bytes.length) & 0x3fff;

test('the hash of hash_seed is that of the Collector', () => {
  // Collector, processor/probabilisticsamplerprocessor: tracesprocessor_test.go TestEmptyHashFunction.
  assert.equal(bucket(new Uint8Array(0), 0), 0x3515);
  assert.equal(bucket(new Uint8Array(16), 0), 0x2455);
  // FNV-1a itself, over no seed: draft-eastlake-fnv, test vectors.
  const fnv = (text: string): number => hashBytes(0x811c9dc5, Buffer.from(text), 0, text.length);
  assert.deepEqual([fnv(''), fnv('a'), fnv('foobar')], [0x811c9dc5, 0xe40c292c, 0xbf9cf968]);
});

test('the 56 bits of a hash are spread as in the Collector', () => {
  for (const hash of [0, 0xffffffff, 0x811c9dc5, 0x12345678, 0xbf9cf968]) {
    const hashed = BigInt(hash & 0x3fff);
    const unused = BigInt(hash >>> 18);
    const mixed = unused ^ (unused << 10n);
    const expected = ((0x3fffn - hashed) << 42n) | (mixed << 14n) | hashed;
    assert.equal(hexText(new Randomness().readHash(hash)), expected.toString(16).padStart(14, '0'));
  }
});

test('an id of zeros is none', () => {
  assert.equal(isTraceId(new Uint8Array(16), 0), false);
  assert.equal(
    isTraceId(
      Uint8Array.from({ length: 17 }, (_, i) => (i === 16 ? 1 : 0)),
      1,
    ),
    true,
  );
  assert.equal(
    isTraceId(
      Uint8Array.from({ length: 17 }, (_, i) => (i === 16 ? 1 : 0)),
      0,
    ),
    false,
  );
});
