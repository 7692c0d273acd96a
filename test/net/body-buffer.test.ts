import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { ByteAdmission } from '../../src/net/admission.ts';
import { BodyBuffer } from '../../src/net/body-buffer.ts';

function tryOpen(admission: ByteAdmission, limitBytes: number, expectedBytes: number | undefined) {
  const admitted = admission.tryAdmit(0);
  assert.ok(admitted);
  return BodyBuffer.tryOpen(admitted, limitBytes, expectedBytes);
}

test('chunks of any sizes come out joined, announced or not', () => {
  const chunks = fc.array(fc.uint8Array({ maxLength: 40_000 }), { maxLength: 8 });
  fc.assert(
    fc.property(chunks, fc.boolean(), (parts, announced) => {
      const admission = new ByteAdmission(1e7, 0);
      const whole = Buffer.concat(parts);
      const body = tryOpen(admission, 1e7, announced ? whole.length : undefined);
      assert.ok(body);
      for (const part of parts) assert.equal(body.push(part), 'ok');
      assert.ok(whole.equals(body.bytes()));
      assert.ok(admission.usedBytes >= whole.length);
      body.release();
      assert.equal(admission.usedBytes, 0);
    }),
  );
});

test('no more is allocated on the word of a header than a MiB, and no more than the limit is taken', () => {
  const admission = new ByteAdmission(1e9, 0);
  const body = tryOpen(admission, 5e6, 4e6);
  assert.ok(body);
  assert.equal(admission.usedBytes, 1024 * 1024);
  assert.equal(body.push(new Uint8Array(2e6)), 'ok');
  assert.ok(admission.usedBytes <= 4e6);
  assert.equal(body.push(new Uint8Array(3e6 + 1)), 'too_large');
});

test('growing stops where the admission ends', () => {
  const admission = new ByteAdmission(100_000, 0);
  const body = tryOpen(admission, 1e6, undefined);
  assert.ok(body);
  assert.equal(body.push(new Uint8Array(90_000)), 'ok');
  assert.equal(body.push(new Uint8Array(20_000)), 'no_room');
  const before = admission.usedBytes;
  assert.equal(tryOpen(admission, 1e6, 50_000), undefined);
  assert.equal(admission.usedBytes, before);
});
