import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fc } from '../../support/property.ts';
import { CellStore } from '../../../src/processors/cardinality-limit/cell-store.ts';

const content = (length: number, seed: number): Uint8Array =>
  Uint8Array.from({ length }, (_, index) => (index * 7 + seed * 31) & 0xff);

test('what was put in a cell is there until it is put over or freed, whatever else comes and goes', () => {
  const step = fc.record({
    kind: fc.constantFrom('put', 'put', 'put', 'free'),
    name: fc.nat(19),
    length: fc.oneof(fc.nat(60), fc.nat(4200)),
  });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 300 }), (steps) => {
      const store = new CellStore(2 ** 20);
      const cells = new Map<number, { cell: number; bytes: Uint8Array }>();
      steps.forEach(({ kind, name, length }, index) => {
        const known = cells.get(name);
        if (kind === 'free') {
          if (known !== undefined) store.free(known.cell);
          cells.delete(name);
          return;
        }
        const bytes = content(length, index);
        const cell = store.put(known?.cell ?? 0, bytes, 0, length);
        if (cell === 0) cells.delete(name);
        else cells.set(name, { cell, bytes });
      });
      for (const { cell, bytes } of cells.values()) {
        const start = store.startOf(cell);
        assert.deepEqual(Uint8Array.from(store.bytesOf(cell).subarray(start, start + store.lengthOf(cell))), bytes);
      }
      for (const { cell } of cells.values()) store.free(cell);
      assert.equal(store.usedBytes, 0);
    }),
    { numRuns: 200 },
  );
});

test('a full store says so, keeps a part for what is urgent, and takes again what was freed', () => {
  const store = new CellStore(2 ** 20);
  const bytes = content(29, 1);
  const cells: number[] = [];
  for (let cell = store.put(0, bytes, 0, 29); cell !== 0; cell = store.put(0, bytes, 0, 29)) cells.push(cell);
  assert.ok(store.bytes <= 2 ** 20 * 0.875);
  assert.ok(cells.length >= store.bytes / 32 - 20, `${cells.length} cells`);
  assert.notEqual(store.put(0, bytes, 0, 29, true), 0);
  store.free(cells[0] ?? 0);
  assert.equal(store.put(0, bytes, 0, 29), cells[0]);
  for (const cell of cells.slice(1)) store.free(cell);
  assert.ok(store.isSparse);
});
