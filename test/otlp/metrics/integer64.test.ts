import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { Integer64 } from '../../../src/otlp/metrics/integer64.ts';

const uint64 = fc.oneof(
  fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
  fc.constantFrom(0n, 1n, 2n ** 32n - 1n, 2n ** 32n, 2n ** 63n - 1n, 2n ** 63n, 2n ** 64n - 1n),
);

function of(value: bigint): Integer64 {
  const made = new Integer64();
  const bits = BigInt.asUintN(64, value);
  made.set(Number(bits & 0xffffffffn), Number(bits >> 32n));
  return made;
}

function bits({ low, high }: Integer64): bigint {
  return (BigInt(high) << 32n) | BigInt(low);
}

test('integers of 64 bits add, subtract and compare as bigints do', () => {
  fc.assert(
    fc.property(uint64, uint64, (a, b) => {
      const sum = of(a);
      assert.equal(sum.add(of(b)), a + b >= 2n ** 64n);
      assert.equal(bits(sum), BigInt.asUintN(64, a + b));
      const difference = of(a);
      assert.equal(difference.subtract(of(b)), a < b);
      assert.equal(bits(difference), BigInt.asUintN(64, a - b));
      assert.equal(Math.sign(of(a).compare(of(b))), a < b ? -1 : Number(a > b));
      const [signedA, signedB] = [BigInt.asIntN(64, a), BigInt.asIntN(64, b)];
      assert.equal(Math.sign(of(a).compareSigned(of(b))), signedA < signedB ? -1 : Number(signedA > signedB));
      assert.equal(of(a).toNumber(), Number(a));
      assert.equal(of(a).toSigned(), Number(signedA));
      assert.equal(of(a).isNegative, signedA < 0n);
      assert.equal(of(a).isZero, a === 0n);
    }),
  );
});

test('a whole number becomes an integer of 64 bits', () => {
  for (const value of [0, 1, -1, 2 ** 32, -(2 ** 32), 2 ** 53, -(2 ** 53), 2 ** 63, -(2 ** 63)]) {
    const made = new Integer64();
    made.setNumber(value);
    assert.equal(bits(made), BigInt.asUintN(64, BigInt(value)), String(value));
  }
});
