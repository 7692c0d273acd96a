import assert from 'node:assert/strict';
import { test } from 'node:test';
import { seededRandom } from '../../../src/core/random.ts';
import { ByteHash } from '../../../src/processors/adaptive-sampler/byte-hash.ts';
import { homeOf } from '../../../src/processors/adaptive-sampler/key-table.ts';
import { TraceMemory } from '../../../src/processors/adaptive-sampler/trace-memory.ts';

const SLOTS = 256;

function hashOf(hash: ByteHash, bytes: Uint8Array): { a: number; b: number } {
  hash.reset().addView(new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength), 0, bytes.length);
  return { a: hash.a, b: hash.b };
}

function slotOf(hash: ByteHash, key: Uint8Array): number {
  const { a, b } = hashOf(hash, key);
  return homeOf(a, b) & (SLOTS - 1);
}

/** How many of `keys` have the slot that most have. */
function crowd(hash: ByteHash, keys: readonly Uint8Array[]): number {
  const slots = new Array<number>(SLOTS).fill(0);
  for (const key of keys) {
    const slot = slotOf(hash, key);
    slots[slot] = (slots[slot] ?? 0) + 1;
  }
  return Math.max(...slots);
}

test('keys that were chosen to meet in one process do not meet in another', () => {
  const [one, other] = [new ByteHash(seededRandom('one')), new ByteHash(seededRandom('other'))];
  const keys: Uint8Array[] = [];
  for (let i = 0; keys.length < 1000; i++) {
    const key = Buffer.from(`/shop/item-${i}`);
    if (slotOf(one, key) === 7) keys.push(key);
  }
  assert.equal(crowd(one, keys), 1000);
  // About 4 for each, by chance.
  assert.ok(crowd(other, keys) < 20);
});

test('changes of upper bits that one half of the hash cannot see are seen by the other', () => {
  const hash = new ByteHash(seededRandom('any'));
  // The uppermost bit of two words that follow each other, or of any two: a product hands it on as it is.
  const seen = new Set<string>();
  let made = 0;
  for (let first = 0; first < 8; first++) {
    for (let second = first; second < 8; second++) {
      const key = new Uint8Array(32).fill(0x61);
      for (const word of first === second ? [] : [first, second]) key[4 * word + 3] = 0xe1;
      const { a, b } = hashOf(hash, key);
      if (first < second || first === 0) made += 1;
      seen.add(`${a} ${b}`);
    }
  }
  assert.equal(seen.size, made);
});

test('ids that were chosen to share the places of one memory do not push each other out of another', () => {
  const chosen: number[] = [];
  const known = new TraceMemory(1024, seededRandom('one'));
  known.beginBatch();
  known.open(1, 1, 5);
  // An id that finds no place within the batch shares the two places of one set.
  const probe = (low: number): boolean => {
    const memory = new TraceMemory(1024, seededRandom('one'));
    memory.beginBatch();
    memory.open(1, 1, 5);
    memory.open(1, 2 ** 20, 5);
    return memory.open(1, low, 5) === memory.find(1, 1) + 4;
  };
  for (let low = 2; chosen.length < 40; low++) if (probe(low)) chosen.push(low);
  const kept = (seed: string): number => {
    const memory = new TraceMemory(1024, seededRandom(seed));
    memory.beginBatch();
    return chosen.filter((low) => memory.open(1, low, 5) >= 0).length;
  };
  assert.equal(kept('one'), 2);
  assert.ok(kept('other') > 30);
});
