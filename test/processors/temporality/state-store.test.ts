import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fc } from '../../support/property.ts';
import { NOWHERE, StateStore } from '../../../src/processors/temporality/state-store.ts';

function recordOf(seed: number, length: number): Buffer {
  return Buffer.from(Array.from({ length }, (_, at) => (seed * 31 + at * 7) % 256));
}

function read(store: StateStore, at: number): Buffer {
  store.seek(at);
  return Buffer.from(store.bytes.subarray(store.start, store.end));
}

const step = fc.record({
  name: fc.nat(20),
  length: fc.oneof(fc.nat(60), fc.nat(3000), fc.constantFrom(0, 28, 29, 44, 45, 20_000, 70_000)),
  isFreed: fc.boolean(),
});

test('records are what was put last, whatever grows, shrinks and goes around them', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
      const store = new StateStore();
      const model = new Map<number, Buffer>();
      const places = new Map<number, number>();
      for (const [seed, { name, length, isFreed }] of steps.entries()) {
        const at = places.get(name) ?? NOWHERE;
        if (isFreed && at !== NOWHERE) {
          store.free(at);
          places.delete(name);
          model.delete(name);
        } else {
          const record = recordOf(seed, length);
          places.set(name, store.put(at, Buffer.concat([Buffer.alloc(3), record]), 3, 3 + length, Infinity));
          model.set(name, record);
        }
        for (const [each, record] of model) assert.deepEqual(read(store, places.get(each) ?? NOWHERE), record);
      }
      for (const at of places.values()) store.free(at);
      assert.equal(store.allocatedBytes, 0);
    }),
    { numRuns: 60 },
  );
});

test('pages take no more than the limit, and a record that finds no room stays as it was', () => {
  const store = new StateStore();
  const limit = 64 * 1024;
  const record = recordOf(1, 20);
  const places: number[] = [];
  for (;;) {
    const at = store.put(NOWHERE, record, 0, record.length, limit);
    if (at === NOWHERE) break;
    places.push(at);
  }
  assert.equal(store.allocatedBytes, limit);
  assert.equal(places.length, limit / 32);
  const [first = NOWHERE] = places;
  assert.equal(store.put(first, recordOf(2, 100), 0, 100, limit), NOWHERE);
  assert.deepEqual(read(store, first), record);
});
