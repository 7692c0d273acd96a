import assert from 'node:assert/strict';
import { test } from 'node:test';
import { mixed } from '../../../../src/processors/cardinality-limit/explain/range-hash.ts';
import { DistinctSketch, EXACT_TO, SKETCH_ERROR } from '../../../../src/processors/cardinality-limit/explain/sketch.ts';

/** `count` different hashes, `times` times each. */
function filled(count: number, seed = 0, times = 1): DistinctSketch {
  const sketch = new DistinctSketch();
  for (let time = 0; time < times; time++) {
    for (let i = 0; i < count; i++) sketch.add(mixed(Math.imul(i + 1, 0x9e3779b1) ^ seed));
  }
  return sketch;
}

test('a few values are counted exactly, however often they come, and 0 is a hash like any other', () => {
  for (const count of [0, 1, 2, 12, 127, EXACT_TO]) assert.equal(filled(count, 7, 3).count(), count);
  const zero = new DistinctSketch();
  zero.add(0);
  zero.add(0);
  assert.equal(zero.count(), 1);
});

test('many values are estimated with the error that is stated, from just above the exact ones to millions', () => {
  for (const count of [EXACT_TO + 1, 200, 1000, 2500, 5000, 12_400, 100_000, 1_000_000]) {
    const rounds = count > 50_000 ? 6 : 40;
    let squares = 0;
    for (let seed = 1; seed <= rounds; seed++) {
      const error = filled(count, mixed(seed)).count() / count - 1;
      squares += error * error;
      assert.ok(Math.abs(error) < 5 * SKETCH_ERROR, `${count}: ${error}`);
    }
    // The root of the mean square is the standard error, within what so few rounds tell.
    assert.ok(Math.sqrt(squares / rounds) < SKETCH_ERROR * 1.7, `${count}: ${Math.sqrt(squares / rounds)}`);
  }
});

test('a value that comes again changes nothing, also of many', () => {
  const once = filled(3000, 5);
  const thrice = filled(3000, 5, 3);
  assert.equal(thrice.count(), once.count());
});

test('a copy goes on by itself, and a cleared sketch begins anew', () => {
  for (const count of [100, 5000]) {
    const first = filled(count);
    const second = new DistinctSketch();
    second.copyFrom(first);
    assert.equal(second.count(), first.count());
    for (let i = 0; i < 20_000; i++) second.add(mixed(i ^ 0x5bd1e995));
    assert.ok(second.count() > first.count() + 15_000);
    first.clear();
    assert.equal(first.count(), 0);
    first.add(5);
    assert.equal(first.count(), 1);
  }
});
