import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { Admitted } from '../../src/core/component.ts';
import { ByteAdmission } from '../../src/net/admission.ts';

test('admission holds exactly what is open, never more than its limit, and gives everything back', () => {
  const step = fc.record({ kind: fc.constantFrom('admit', 'resize', 'release'), bytes: fc.nat(80), at: fc.nat(10) });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const admission = new ByteAdmission(100);
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

test('what was released cannot grow again', () => {
  const admission = new ByteAdmission(100);
  const admitted = admission.tryAdmit(10);
  admitted?.release();
  assert.equal(admitted?.tryResize(20), false);
  assert.equal(admission.usedBytes, 0);
});
