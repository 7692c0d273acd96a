import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { Admitted } from '../../src/core/component.ts';
import { ByteAdmission, REQUEST_BYTES } from '../../src/net/admission.ts';

test('admission holds exactly what is open, never more than its limit, and gives everything back', () => {
  const step = fc.record({ kind: fc.constantFrom('admit', 'resize', 'release'), bytes: fc.nat(80), at: fc.nat(10) });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const admission = new ByteAdmission(100, 0);
      const open: { admitted: Admitted; bytes: number }[] = [];
      const used = (): number => open.reduce((sum, { bytes }) => sum + bytes, 0);
      for (const { kind, bytes, at } of steps) {
        const held = open[at % Math.max(1, open.length)];
        if (kind === 'admit') {
          const admitted = admission.tryAdmit(bytes);
          assert.equal(admitted !== undefined, used() + bytes <= 100 || bytes === 0);
          if (admitted !== undefined) open.push({ admitted, bytes });
        } else if (held !== undefined && kind === 'resize') {
          const fits = used() - held.bytes + bytes <= 100;
          assert.equal(held.admitted.tryResize(bytes), fits);
          if (fits) held.bytes = bytes;
        } else if (held !== undefined) {
          held.admitted.release();
          held.admitted.release();
          open.splice(open.indexOf(held), 1);
        }
        assert.equal(admission.usedBytes, used());
        assert.ok(admission.usedBytes <= 100);
      }
      for (const { admitted } of open) admitted.release();
      assert.equal(admission.usedBytes, 0);
    }),
  );
});

test('what is still coming is told from what was handed over and is held for its bytes alone', () => {
  const admission = new ByteAdmission(10_000, 100);
  const [first, second] = [admission.tryAdmit(10), admission.tryAdmit(20)];
  first?.tryResize(50);
  assert.deepEqual(admission.coming, { requests: 2, bytes: 70 });
  first?.handOver();
  first?.handOver();
  assert.deepEqual(admission.coming, { requests: 1, bytes: 20 });
  first?.tryResize(500);
  assert.deepEqual([admission.requests, admission.usedBytes], [2, 720]);
  first?.release();
  second?.release();
  second?.handOver();
  assert.deepEqual(admission.coming, { requests: 0, bytes: 0 });
  assert.deepEqual([admission.requests, admission.usedBytes], [0, 0]);
});

test('what was released cannot grow again', () => {
  const admission = new ByteAdmission(100, 0);
  const admitted = admission.tryAdmit(10);
  admitted?.release();
  assert.equal(admitted?.tryResize(20), false);
  assert.equal(admission.usedBytes, 0);
});

test('a request costs something besides its body, so that their number is bounded', () => {
  const admission = new ByteAdmission(10 * REQUEST_BYTES);
  const open = Array.from({ length: 11 }, () => admission.tryAdmit(0));
  assert.equal(open[10], undefined);
  assert.deepEqual([admission.requests, admission.usedBytes], [10, 10 * REQUEST_BYTES]);
  assert.equal(admission.largestBytes, 9 * REQUEST_BYTES);
  for (const admitted of open) admitted?.release();
  assert.deepEqual([admission.requests, admission.usedBytes], [0, 0]);
});

test('a connection alone gets everything; with others nobody gets more than an equal share of a budget that is half used', () => {
  const admission = new ByteAdmission(1000, 0);
  const [greedy, modest] = [{}, {}];
  const first = admission.tryAdmit(1000, greedy);
  assert.ok(first);
  assert.equal(admission.tryAdmit(1, modest), undefined, 'there is no room at all');
  assert.ok(first.tryResize(450));
  const small = admission.tryAdmit(40, modest);
  assert.ok(small);
  assert.equal(admission.tryAdmit(100, greedy), undefined, 'that is more than half for one of two');
  assert.equal(first.tryResize(501), false);
  assert.ok(admission.tryAdmit(50, greedy), 'up to its share');
  assert.ok(admission.tryAdmit(400, modest), 'what the greedy one did not get is there for the other');
  small.release();
  assert.ok(admission.tryAdmit(60), 'what belongs to no connection only needs room');
});
