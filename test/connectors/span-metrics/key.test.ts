import assert from 'node:assert/strict';
import test from 'node:test';
import { KeyBuilder } from '../../../src/connectors/span-metrics/key.ts';
import { seededRandom } from '../../../src/core/random.ts';

const PAIRS = 8;

/** Keys in whose hash one multiplication for each word lets a flip of the highest bit be undone by the word after it. */
function keysThatTryToMeet(): readonly Int32Array[] {
  return Array.from({ length: 2 ** PAIRS }, (_, choice) => {
    const words = new Int32Array(PAIRS * 2).fill(0x61626364);
    for (let pair = 0; pair < PAIRS; pair++) {
      if ((choice & (1 << pair)) === 0) continue;
      words[pair * 2] = 0x61626364 ^ 0x80000000;
      words[pair * 2 + 1] = 0x61626364 ^ 0x80010000;
    }
    return words;
  });
}

function hashOf(builder: KeyBuilder, words: Int32Array): number {
  builder.truncate(0);
  for (const byte of new Uint8Array(words.buffer)) builder.byte(byte);
  builder.finish(0);
  return builder.hash;
}

void test('the hash of a key cannot be aimed at: keys made to meet do not, whatever the secrets of the process are', () => {
  const keys = keysThatTryToMeet();
  for (let seed = 0; seed < 20; seed++) {
    const builder = new KeyBuilder(seededRandom(`process ${seed}`));
    const hashes = new Set(keys.map((key) => hashOf(builder, key)));
    assert.ok(hashes.size > keys.length - 3, `${hashes.size} hashes of ${keys.length} keys, process ${seed}`);
  }
});

void test('two processes hash the same key differently, and each of them always in the same way', () => {
  const [one, other] = [new KeyBuilder(seededRandom('one')), new KeyBuilder(seededRandom('other'))];
  const key = Int32Array.of(1, 2, 3);
  assert.notEqual(hashOf(one, key), hashOf(other, key));
  assert.equal(hashOf(one, key), hashOf(one, key));
});
