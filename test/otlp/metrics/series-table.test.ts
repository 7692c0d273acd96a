import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { SeriesTable, seriesTableBytes } from '../../../src/otlp/metrics/series-table.ts';

/** Words that meet in few places of the index, so that runs are long. */
const key = fc.tuple(fc.integer({ min: -3, max: 3 }), fc.integer({ min: -2, max: 2 }), fc.constantFrom(-1, 0, 7));

test('a table does what a map of keys to slots does, whatever comes and goes', () => {
  const step = fc.oneof(
    { weight: 6, arbitrary: fc.record({ kind: fc.constant('add' as const), key }) },
    { weight: 4, arbitrary: fc.record({ kind: fc.constant('remove' as const), key }) },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant('shrink' as const), key }) },
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 200 }), fc.integer({ min: 1, max: 40 }), (steps, maxSlots) => {
      const table = new SeriesTable(maxSlots);
      const model = new Map<string, number>();
      for (const { kind, key: words } of steps) {
        const name = words.join();
        const slot = model.get(name);
        assert.equal(table.find(...words), slot ?? -1);
        if (kind === 'shrink') table.shrink((from, to) => moved(model, from, to));
        else if (kind === 'remove' && slot !== undefined) {
          table.remove(slot);
          model.delete(name);
        } else if (kind === 'add' && slot === undefined && (table.hasRoom || table.grow())) {
          model.set(name, table.add(...words, 1));
        }
        assert.equal(table.size, model.size);
        assert.ok(table.capacity <= maxSlots);
      }
      for (const [name, slot] of model) assert.equal(table.find(...wordsOf(name)), slot);
      assert.equal(new Set(model.values()).size, model.size);
    }),
  );
});

function wordsOf(name: string): [number, number, number] {
  const [low = 0, mid = 0, high = 0] = name.split(',').map(Number);
  return [low, mid, high];
}

function moved(model: Map<string, number>, from: number, to: number): void {
  for (const [name, slot] of model) if (slot === from) model.set(name, to);
}

test('a table that was full and is nearly empty again gives memory back, and its series keep what they have', () => {
  const table = new SeriesTable(100_000);
  const values: number[] = [];
  for (let i = 0; i < 20_000; i++) {
    if (!table.hasRoom) assert.ok(table.grow());
    values[table.add(Math.imul(i, 0x9e3779b1), i, 0, 1 + (i % 100 === 0 ? 1 : 0))] = i;
  }
  const full = table.capacity;
  for (let slot = 0; slot < table.end; slot++) if (table.seenIn(slot) === 1) table.remove(slot);
  assert.ok(table.shrink((from, to) => void (values[to] = values[from] ?? -1)));
  assert.ok(table.capacity < full / 16, `${table.capacity} of ${full}`);
  assert.equal(table.end, 200);
  for (let i = 0; i < 20_000; i++) {
    const slot = table.find(Math.imul(i, 0x9e3779b1), i, 0);
    assert.equal(slot < 0 ? undefined : values[slot], i % 100 === 0 ? i : undefined);
  }
  assert.equal(
    table.shrink(() => assert.fail('nothing is left to move')),
    false,
  );
});

test('a slot that was given back is given again, and is in no period', () => {
  const table = new SeriesTable(2);
  assert.ok(table.grow());
  const slot = table.add(1, 2, 3, 9);
  assert.equal(table.seenIn(slot), 9);
  table.touch(slot, 12);
  assert.equal(table.seenIn(slot), 12);
  table.remove(slot);
  assert.equal(table.seenIn(slot), 0);
  assert.equal(table.find(1, 2, 3), -1);
  assert.equal(table.add(4, 5, 6, 1), slot);
  table.add(1, 2, 3, 1);
  assert.equal(table.hasRoom, false);
  assert.equal(table.grow(), false);
  assert.throws(() => table.add(7, 8, 9, 1), /BUG/);
});

test('a series takes less than 33 bytes', () => {
  for (const capacity of [256, 1000, 65_536, 1_000_000]) {
    assert.ok(seriesTableBytes(capacity) / capacity <= 33, String(seriesTableBytes(capacity) / capacity));
  }
});
