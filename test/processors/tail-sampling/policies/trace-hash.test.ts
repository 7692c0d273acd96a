import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fc } from '../../../support/property.ts';
import { seededRandom } from '../../../../src/core/random.ts';
import { hashLimit, shareOf, TraceHash } from '../../../../src/processors/tail-sampling/policies/trace-hash.ts';
import { compile, summarize } from './traces.ts';

const hex = ({ high, low }: { high: number; low: number }): string =>
  high.toString(16).padStart(8, '0') + low.toString(16).padStart(8, '0');

test('the hash is FNV-1a of 64 bits', () => {
  // test_fnv.c of the FNV authors: "chongo was here!\n"
  assert.equal(hex(new TraceHash('c').of(Buffer.from('hongo was here!\n'), 0)), '46810940eff5f915');
});

test('the hash of a salt and an id is that of their bytes one after another, wherever the id stands', () => {
  const prime = 0x100000001b3n;
  const id = fc.uint8Array({ minLength: 16, maxLength: 16 });
  fc.assert(
    fc.property(fc.string(), id, fc.nat(5), (salt, bytes, at) => {
      let expected = 0xcbf29ce484222325n;
      for (const byte of [...Buffer.from(salt), ...bytes]) {
        expected = BigInt.asUintN(64, (expected ^ BigInt(byte)) * prime);
      }
      const hash = new TraceHash(salt);
      hash.of(new Uint8Array(16).fill(7), 0);
      const placed = Buffer.concat([Buffer.alloc(at), bytes, Buffer.alloc(3)]);
      assert.equal(hex(hash.of(placed, at)), expected.toString(16).padStart(16, '0'));
    }),
  );
});

test('the largest hash that is sampled is the share of 2^64 - 1, rounded down', () => {
  assert.equal(hex(hashLimit(1)), 'ffffffffffffffff');
  assert.equal(hex(hashLimit(0.5)), '7fffffffffffffff');
  assert.equal(hex(hashLimit(0.25)), '3fffffffffffffff');
  assert.equal(hex(hashLimit(0)), '0000000000000000');
});

test('the limit is the exact product but for the rounding to 64 bits, and its share is the one asked for', () => {
  fc.assert(
    fc.property(fc.double({ min: 1e-9, max: 1, noNaN: true }), (share) => {
      const limit = hashLimit(share);
      // share * 2^64 to within 2^11, of which the limit is as much less as the share itself says.
      const scaled = BigInt(Math.floor(share * 2 ** 53)) * 2n ** 11n;
      const difference = BigInt(`0x${hex(limit)}`) - scaled;
      assert.ok(difference >= -1n && difference <= 2n ** 11n, `${difference}`);
      assert.ok(Math.abs(shareOf(limit) - share) <= 2 ** -52);
    }),
  );
});

// probabilistic_test.go
for (const [percentage, salt] of [
  [100, ''],
  [0, ''],
  [25, ''],
  [33, ''],
  [33, 'test-salt'],
] as const) {
  test(`the hash samples ${percentage} % of traces, with the salt "${salt}"`, () => {
    const policies = compile([
      { type: 'probabilistic', probabilistic: { sampling_percentage: percentage, hash_salt: salt } },
    ]);
    const random = seededRandom('policies');
    const count = 100_000;
    const id = new Uint8Array(16);
    const trace = { ...summarize(policies, {}), bytes: id };
    let sampled = 0;
    for (let i = 0; i < count; i++) {
      for (let at = 0; at < id.length; at++) id[at] = random() * 256;
      const { outcome, probability, threshold } = policies.decide(trace, 0);
      if (outcome !== 'sampled') continue;
      sampled += 1;
      assert.ok(Math.abs((probability ?? 0) - percentage / 100) < 1e-15);
      assert.deepEqual(threshold, percentage === 100 ? { high: 0, low: 0 } : undefined);
    }
    const share = percentage / 100;
    assert.ok(Math.abs(sampled - count * share) <= 4 * Math.sqrt(count * share * (1 - share)), `${sampled}`);
  });
}

test('no salt is the salt of the Collector', () => {
  const decide = (salt: string) => {
    const policies = compile([{ type: 'probabilistic', probabilistic: { sampling_percentage: 50, hash_salt: salt } }]);
    return Array.from({ length: 64 }, (_, first) => {
      const id = new Uint8Array(16).fill(first, 0, 1);
      return policies.decide(summarize(policies, { id }), 0).outcome;
    });
  };
  assert.deepEqual(decide(''), decide('default-hash-seed'));
  assert.notDeepEqual(decide(''), decide('another'));
});
