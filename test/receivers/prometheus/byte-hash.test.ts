import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { seededRandom } from '../../../src/core/random.ts';
import { ByteHash } from '../../../src/receivers/prometheus/byte-hash.ts';

function hashOf(hash: ByteHash, text: string, salt = 0): number {
  const bytes = Buffer.from(text);
  return hash.of(new DataView(bytes.buffer, bytes.byteOffset, bytes.length), 0, bytes.length, salt);
}

/** Hashes that others have too, of `count` texts; and how many places of a table twice as large are taken. */
function spread(hash: ByteHash, count: number, text: (at: number) => string): { equal: number; places: number } {
  const all = new Set<number>();
  const places = new Set<number>();
  for (let at = 0; at < count; at++) {
    const value = hashOf(hash, text(at));
    all.add(value);
    places.add(value & (count * 2 - 1));
  }
  return { equal: count - all.size, places: places.size };
}

suite('the hash of bytes', () => {
  const count = 2 ** 16;
  const texts: Readonly<Record<string, (at: number) => string>> = {
    'a number at the end': (at) => `http_requests_total{method="GET",route="/cart",pod="p${at}"}`,
    'a number in the middle': (at) => `http_requests_total{pod="${at}",method="GET",route="/cart"}`,
    'a long number': (at) => `a{id="${String(at).padStart(20, '0')}"}`,
    'the upper bits of words': (at) => String.fromCharCode(...[0, 4, 8, 12].map((bit) => 0x40 + ((at >> bit) & 15))),
    'nothing but numbers': String,
    'two labels': (at) => `a{x="${at >> 8}",y="${at & 255}"}`,
  };
  for (const [name, text] of Object.entries(texts)) {
    test(`spreads texts that differ in ${name}`, () => {
      for (const seed of ['a', 'b', 'c']) {
        const { equal, places } = spread(new ByteHash(seededRandom(seed)), count, text);
        // Of random hashes 0.5 would be equal, and 2 n (1 - e^-0.5) = 0.787 n places taken.
        assert.ok(equal <= 8, `${equal} are equal`);
        assert.ok(places > count * 0.77, `${(places / count).toFixed(3)} of the places are taken`);
      }
    });
  }

  test('texts that fall together under one secret do not under another', () => {
    const here = new ByteHash(seededRandom('here'));
    const there = new ByteHash(seededRandom('there'));
    const mask = 1023;
    const texts = Array.from({ length: 100_000 }, (_, at) => `a{id="${at}"}`);
    const aimed = texts.filter((text) => (hashOf(here, text) & mask) === 0);
    assert.ok(aimed.length > 50);
    const hit = aimed.filter((text) => (hashOf(there, text) & mask) === 0);
    assert.ok(hit.length <= 4, `${hit.length} of ${aimed.length} still fall together`);
  });

  test('no difference of one or two bits is hidden, whatever the secret', () => {
    const words = new DataView(new ArrayBuffer(24));
    for (let secret = 0; secret < 40; secret++) {
      const hash = new ByteHash(seededRandom(`secret ${secret}`));
      const plain = hash.of(words, 0, 24);
      for (let first = 0; first < 192; first += 1) {
        for (const second of [first, 31, 63, 95, 127]) {
          words.setUint8(first >> 3, words.getUint8(first >> 3) ^ (1 << (first & 7)));
          if (second !== first) words.setUint8(second >> 3, words.getUint8(second >> 3) ^ (1 << (second & 7)));
          assert.notEqual(hash.of(words, 0, 24), plain, `bits ${first} and ${second}`);
          for (let at = 0; at < 24; at++) words.setUint8(at, 0);
        }
      }
    }
  });

  test('length and salt count', () => {
    const hash = new ByteHash(seededRandom('salt'));
    assert.equal(
      new Set(['', '\0', '\0\0', '\0'.repeat(8), '\0'.repeat(16)].map((text) => hashOf(hash, text))).size,
      5,
    );
    assert.equal(new Set([0, 1, 2, 3].map((salt) => hashOf(hash, 'a', salt))).size, 4);
  });
});
