import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fc } from '../../support/property.ts';
import { waterLevel } from '../../../src/processors/adaptive-sampler/water-level.ts';

const demands = fc.array(fc.double({ min: 0, max: 1e9, noNaN: true }), { minLength: 1, maxLength: 50 });
const levelOf = (wanted: readonly number[], budget: number): number =>
  waterLevel(Float64Array.from(wanted), wanted.length, budget);

test('what is given comes to the budget, or to everything that is asked for', () => {
  fc.assert(
    fc.property(demands, fc.double({ min: 1e-3, max: 1e10, noNaN: true }), (wanted, budget) => {
      const level = levelOf(wanted, budget);
      const given = wanted.reduce((sum, demand) => sum + Math.min(demand, level), 0);
      const asked = wanted.reduce((sum, demand) => sum + demand, 0);
      assert.ok(Math.abs(given - Math.min(budget, asked)) <= 1e-6 * Math.max(1, asked), `${given} of ${budget}`);
    }),
  );
});

test('nobody is given more than another one who wants more, and who asks for less than an equal part has it all', () => {
  fc.assert(
    fc.property(demands, fc.double({ min: 0, max: 1e10, noNaN: true }), (wanted, budget) => {
      const level = levelOf(wanted, budget);
      const equal = (budget / wanted.length) * (1 - 1e-9);
      for (const demand of wanted) if (demand <= equal) assert.ok(demand <= level);
      // More for somebody below the level can only come from somebody who has as much or less: that is max-min fair.
      const thinned = wanted.filter((demand) => demand > level).map((demand) => Math.min(demand, level));
      assert.ok(new Set(thinned).size <= 1);
    }),
  );
});

test('enough for all has no level, and nothing to share is level 0', () => {
  assert.equal(levelOf([1, 2, 3], 6), Number.POSITIVE_INFINITY);
  assert.equal(levelOf([1, 2, 3], 5), 2);
  assert.equal(levelOf([10, 1, 10], 11), 5);
  assert.equal(levelOf([10, 1], 0), 0);
  assert.equal(levelOf([0, 0], 0), Number.POSITIVE_INFINITY);
  assert.equal(waterLevel(Float64Array.of(1, 100), 1, 1), Number.POSITIVE_INFINITY);
});
