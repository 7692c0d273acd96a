import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fc } from '../support/property.ts';
import { shareOut } from '../../src/processors/share-out.ts';

test('shares are whole, sum to the total and never exceed their weight', () => {
  fc.assert(
    fc.property(fc.array(fc.nat(1000), { minLength: 1 }), fc.nat(50_000), (weights, total) => {
      const shares = shareOut(total, weights);
      const sum = weights.reduce((all, weight) => all + weight, 0);
      assert.equal(
        shares.reduce((all, share) => all + share, 0),
        Math.min(total, sum),
      );
      shares.forEach((share, index) => assert.ok(Number.isInteger(share) && share >= 0 && share <= weights[index]!));
    }),
  );
});
