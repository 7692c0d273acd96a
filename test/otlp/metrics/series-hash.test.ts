import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { seededRandom } from '../../../src/core/random.ts';
import { SeriesHasher } from '../../../src/otlp/metrics/series-hash.ts';
import { Writer } from '../../../src/otlp/writer.ts';
import { encodeMessage, type PlainObject } from '../../support/otlp-proto.ts';

const hasher = new SeriesHasher(seededRandom('a test'));

const attribute = (key: string, value: PlainObject): Uint8Array => encodeMessage('KeyValue', { key, value });
const text = (key: string, stringValue: string): Uint8Array => attribute(key, { stringValue });

function hashOf(attributes: readonly Uint8Array[], contexts: readonly string[] = [], by = hasher): string {
  by.begin();
  for (const context of contexts) {
    by.source(Buffer.from(context));
    by.context(0, Buffer.byteLength(context));
  }
  for (const one of attributes) {
    by.source(one);
    by.attribute(0, one.length);
  }
  by.end();
  return `${by.low} ${by.mid} ${by.high}`;
}

test('the order of attributes makes no difference', () => {
  const pairs = fc.uniqueArray(fc.tuple(fc.string({ maxLength: 200 }), fc.string({ maxLength: 200 })), {
    minLength: 2,
    maxLength: 8,
    selector: ([key]) => key,
  });
  fc.assert(
    fc.property(pairs, fc.integer({ min: 1, max: 7 }), (list, turn) => {
      const bytes = list.map(([key, value]) => text(key, value));
      const turned = bytes.map((_, index) => bytes[(index + turn) % bytes.length] ?? bytes[0]!);
      assert.equal(hashOf(turned), hashOf(bytes));
      assert.equal(hashOf([...bytes].reverse()), hashOf(bytes));
    }),
  );
});

test('different sets of attributes, and the same ones in different surroundings, have different hashes', () => {
  const sets: [Uint8Array[], string[]][] = [
    [[], []],
    [[text('a', '')], []],
    [[text('', 'a')], []],
    [[text('a', 'b')], []],
    [[text('b', 'a')], []],
    [[text('ab', '')], []],
    [[text('a', 'b'), text('a', 'b')], []],
    [[text('a', 'b'), text('c', 'd')], []],
    [[text('a', 'd'), text('c', 'b')], []],
    [[text('a', 'x'.repeat(300))], []],
    [[text('a', 'x'.repeat(301))], []],
    [[text('k'.repeat(300), 'x')], []],
    [[attribute('a', { intValue: 1 })], []],
    [[attribute('a', { boolValue: true })], []],
    [[attribute('a', { doubleValue: 1 })], []],
    [[attribute('a', { stringValue: '1' })], []],
    [[text('a', 'b')], ['x']],
    [[text('a', 'b')], ['y']],
    [[text('a', 'b')], ['ab', 'c']],
    [[text('a', 'b')], ['a', 'bc']],
    [[text('a', 'b')], ['bc', 'a']],
  ];
  assert.equal(new Set(sets.map(([attributes, contexts]) => hashOf(attributes, contexts))).size, sets.length);
});

test('however its KeyValue is encoded, an attribute is the same', () => {
  const plain = new Writer();
  plain.string(1, 'route');
  const value = plain.begin(2);
  plain.string(1, '/users');
  plain.end(value);
  const odd = new Writer();
  odd.string(1, 'overwritten');
  const oddValue = odd.begin(2);
  odd.string(1, '/users');
  odd.end(oddValue);
  odd.uint(9, 7);
  odd.string(1, 'route');
  const long = Buffer.from([
    0x0a,
    0x85,
    0x00,
    ...Buffer.from('route'),
    0x12,
    0x88,
    0x00,
    0x0a,
    6,
    ...Buffer.from('/users'),
  ]);
  assert.equal(hashOf([odd.take()]), hashOf([text('route', '/users')]));
  assert.equal(hashOf([plain.take()]), hashOf([text('route', '/users')]));
  assert.equal(hashOf([long]), hashOf([text('route', '/users')]));
  assert.equal(hashOf([Buffer.from([0x0a, 1, 0x61])]), hashOf([attribute('a', {})]));
});

test('another seed gives other hashes, and each of the three words is as good as random', () => {
  const other = new SeriesHasher(seededRandom('another test'));
  assert.notEqual(hashOf([text('a', 'b')], [], other), hashOf([text('a', 'b')]));
  const halves = [new Set<number>(), new Set<number>(), new Set<number>()];
  const seen = new Set<string>();
  const count = 50_000;
  for (let i = 0; i < count; i++) {
    seen.add(hashOf([text('user', String(i)), text('path', `/${i % 7}`)]));
    [hasher.low, hasher.mid, hasher.high].forEach((word, half) => halves[half]?.add(word));
  }
  assert.equal(seen.size, count);
  // Of 50,000 random words of 32 bits about 0.3 meet another one.
  for (const half of halves) assert.ok(half.size > count - 12, `${count - half.size} words met another`);
});
