import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fc } from '../../support/property.ts';
import { VirtualClock } from '../../../src/core/virtual-clock.ts';
import { KeyTable, OTHER } from '../../../src/processors/adaptive-sampler/key-table.ts';
import { cpuMsOf } from '../../support/cpu-time.ts';

const IDLE_MS = 10_000;

function tableOf(maxKeys: number) {
  const clock = new VirtualClock();
  const forgotten: number[] = [];
  const keys = new KeyTable({ clock, maxKeys, idleMs: IDLE_MS, onForgotten: (key) => forgotten.push(key) });
  const keyOf = (hash: number): number => {
    const known = keys.find(hash, ~hash);
    const key = known >= 0 ? known : keys.add(hash, ~hash, () => `key ${hash}`);
    if (key !== OTHER) keys.seen(key);
    return key;
  };
  return { clock, keys, forgotten, keyOf };
}

test('a hash has one number, and hashes that share a place or a half are told apart', () => {
  const { keys, keyOf } = tableOf(10);
  assert.equal(keyOf(5), 1);
  assert.equal(keyOf(5 + 64), 2);
  assert.equal(keyOf(5), 1);
  assert.equal(keys.find(5, 0), -1);
  assert.equal(keys.label(2), 'key 69');
  assert.equal(keys.label(OTHER), '_other');
});

test('a full table sends what is new to _other until a key was not seen for a while', async () => {
  const { clock, keys, forgotten, keyOf } = tableOf(2);
  keyOf(1);
  keyOf(2);
  assert.equal(keyOf(3), OTHER);
  assert.equal(keys.inUse, 2);
  await clock.advance(IDLE_MS - 1000);
  keyOf(2);
  await clock.advance(2000);
  assert.equal(keyOf(3), 1);
  assert.deepEqual(forgotten, [1]);
  assert.equal(keys.label(1), 'key 3');
  assert.equal(keyOf(2), 2);
  assert.equal(keyOf(1), OTHER);
});

test('a flood of new keys looks for room twice a second at most', async () => {
  const { clock, forgotten, keyOf } = tableOf(100);
  for (let hash = 0; hash < 100; hash++) keyOf(hash);
  await clock.advance(2 * IDLE_MS);
  for (let hash = 1000; hash < 10_000; hash++) keyOf(hash);
  assert.equal(forgotten.length, 100);
  await clock.advance(600);
  assert.equal(keyOf(5), OTHER);
  assert.equal(keyOf(1000), keyOf(1000));
});

test('whatever comes, a key keeps its number while it is in use, and there are never more than the limit', async () => {
  const step = fc.record({ hash: fc.integer({ min: 0, max: 30 }), waitMs: fc.constantFrom(0, 300, 4000, 12_000) });
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 100 }), fc.integer({ min: 1, max: 8 }), async (steps, maxKeys) => {
      const { clock, keys, keyOf } = tableOf(maxKeys);
      const seen = new Map<number, { key: number; atMs: number }>();
      for (const { hash, waitMs } of steps) {
        await clock.advance(waitMs);
        const key = keyOf(hash);
        const before = seen.get(hash);
        if (before !== undefined && clock.monotonic() - before.atMs <= IDLE_MS) assert.equal(key, before.key);
        for (const [other, { key: its, atMs }] of seen) {
          if (other !== hash && key !== OTHER && clock.monotonic() - atMs <= IDLE_MS) assert.notEqual(key, its);
        }
        if (key !== OTHER) seen.set(hash, { key, atMs: clock.monotonic() });
        assert.ok(keys.inUse <= maxKeys && keys.size <= maxKeys + 1);
      }
    }),
    { numRuns: 50 },
  );
});

test('keys that have half of their hash in common are found as fast as others', () => {
  const count = 100_000;
  const tookMs = (half: (other: number) => number): number => {
    const clock = new VirtualClock();
    const keys = new KeyTable({ clock, maxKeys: count, idleMs: IDLE_MS, onForgotten: () => undefined });
    return cpuMsOf(() => {
      for (let other = 1; other <= count; other++) keys.add(half(other), other, () => '');
      for (let other = 1; other <= count; other++) assert.equal(keys.find(half(other), other), other);
    });
  };
  const othersMs = tookMs((other) => Math.imul(other, 0x9e3779b1));
  const alikeMs = tookMs(() => 7);
  // One after the other they would be 5 thousand million steps.
  assert.ok(alikeMs < 10 * othersMs + 100, `${alikeMs} ms, and ${othersMs} ms for others`);
});
